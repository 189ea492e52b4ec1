"""`heartbeat maintenance`: neither messages nor recovery for a while."""

import click

from heartbeat_cli.commands import _quiet
from heartbeat_cli.commands._app import FORMATS, App, by_option, format_option, pass_app
from heartbeat_cli.commands._complete import component_ids


@click.command("maintenance")
@click.argument("target", required=False, metavar="[ID|KIND|GLOB|HOST]", shell_complete=component_ids)
@_quiet.minutes_option()
@click.option("--reason", default="no reason given", show_default=True, help="Why; shown wherever the maintenance is.")
@click.option("--end", "ends", metavar="ID", help="End this maintenance now.")
@by_option
@format_option(*FORMATS)
@pass_app
def command(app: App, target: str | None, minutes: float, reason: str, ends: str | None, by: str, form: str) -> None:
    """Suspend messages and recovery for a while.

    Checks go on, and are recorded. Without arguments, list what is in force and what is planned. What repeats, or is
    known beforehand, is written into the configuration as [maintenance.ID]; it is listed with its next time.
    """
    _quiet.run_command(app, "maintenance", target, minutes, reason, ends, by=by, form=form)
