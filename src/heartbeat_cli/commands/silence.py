"""`heartbeat silence`: no messages about something for a while."""

import click

from heartbeat_cli.commands import _quiet
from heartbeat_cli.commands._app import FORMATS, App, by_option, format_option, pass_app
from heartbeat_cli.commands._complete import component_ids


@click.command("silence")
@click.argument("target", required=False, metavar="[ID|KIND|GLOB|HOST]", shell_complete=component_ids)
@_quiet.minutes_option()
@click.option("--reason", default="no reason given", show_default=True, help="Why; shown wherever the silence is.")
@click.option("--end", "ends", metavar="SILENCE", help="End this silence now.")
@by_option
@format_option(*FORMATS)
@pass_app
def command(app: App, target: str | None, minutes: float, reason: str, ends: str | None, by: str, form: str) -> None:
    """Suspend messages for a while; recovery goes on.

    Checks go on, too. Alerts raised meanwhile are recorded, with the silence as their reason. With the name of a host
    (`heartbeat observers`), nobody is notified that it makes no more passes. Without arguments, list the silences.
    """
    _quiet.run_command(app, "silence", target, minutes, reason, ends, by=by, form=form)
