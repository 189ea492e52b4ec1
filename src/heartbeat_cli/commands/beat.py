"""`heartbeat beat`: a component reports its own life."""

import click

from heartbeat_cli.commands._app import App, pass_app
from heartbeat_cli.errors import UsageError

_MESSAGE = 2_000  # characters kept of a message


@click.command("beat")
@click.argument("component", metavar="ID")
@click.option("--start", "event", flag_value="start", help="The job begins.")
@click.option("--fail", "event", flag_value="fail", help="The job failed.")
@click.option("--exit-code", type=click.IntRange(0, 255), help="The job ended with this code; 0 is success.")
@click.option("-m", "--message", help="A line to keep with it.")
@click.option("--rid", help="Pairs a start with its end when runs overlap.")
@pass_app
def command(
    app: App, component: str, event: str | None, exit_code: int | None, message: str | None, rid: str | None
) -> None:
    """Report that the component ID (of kind push) is alive, or how its run went.

    \b
    Example, in a crontab:
      0 3 * * * backup.sh; heartbeat beat backup --exit-code $?
    """
    from heartbeat_cli.settings import nearest
    from heartbeat_cli.store import beats

    if event and exit_code is not None:
        raise UsageError("--exit-code goes with neither --start nor --fail")
    pushed = [one.id for one in app.config.components.values() if one.kind == "push"]
    if component not in pushed:
        raise UsageError(f"no component {component!r} of kind push{nearest(component, pushed)}")
    event = event or ("fail" if exit_code else "success")
    with app.store() as db:
        beats.add(db, beats.Beat(component, app.now(), event, exit_code, (message or "")[:_MESSAGE] or None, rid))
