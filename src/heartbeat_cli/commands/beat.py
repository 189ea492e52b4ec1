"""`heartbeat beat`: a component reports a sign of life."""

import click

from heartbeat_cli.commands._app import App, pass_app
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import UsageError

_MESSAGE = 2_000  # characters kept of a message
_RID = 200


@click.command("beat")
@click.argument("component", metavar="ID")
@click.option("--start", is_flag=True, help="The job begins.")
@click.option("--fail", is_flag=True, help="The job failed.")
@click.option("--exit-code", type=click.IntRange(0, 255), help="The job ended with this code; 0 is success.")
@click.option("-m", "--message", default="", help="A line to store with it.")
@click.option("--rid", help="Pairs a start with its end when runs overlap.")
@pass_app
def command(
    app: App, component: str, start: bool, fail: bool, exit_code: int | None, message: str, rid: str | None
) -> None:
    """Report a sign of life of a component of kind push.

    ID is the component. A job can also report its start, and how it ended.

    \b
    Example, in a crontab:
      0 3 * * * backup.sh; heartbeat beat backup --exit-code $?
    """
    from heartbeat_cli.config.problems import suggestion
    from heartbeat_cli.domain.plain import bounded
    from heartbeat_cli.redact import redact
    from heartbeat_cli.store.state import beats

    if start + fail + (exit_code is not None) > 1:
        raise UsageError(Text("--start, --fail and --exit-code exclude each other"))
    pushed = [one.id for one in app.config.components.values() if one.kind == "push"]
    if component not in pushed:
        raise UsageError(
            Text(
                "no component {component} of kind push{nearest}",
                component=repr(component),
                nearest=suggestion(component, pushed),
            )
        )
    event = "start" if start else "fail" if fail or exit_code else "success"
    kept = bounded(redact(message, app.secrets), _MESSAGE) or None  # a byte that is no text must not lose the beat
    with app.store_to_write_at_once() as db:
        at = app.now() + (db.clock_ahead or 0.0)  # arrival decides: by the clock of the store, not by the sender's
        beats.add(db, beats.Beat(component, at, event, exit_code, kept, rid and bounded(rid, _RID)))
