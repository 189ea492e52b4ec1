"""`heartbeat silence`: no messages about something for a while."""

import click

from heartbeat_cli.commands import _quiet
from heartbeat_cli.commands._app import App, pass_app


@click.command("silence")
@click.argument("target", required=False, metavar="[ID|KIND|GLOB]")
@click.option(
    "--for",
    "minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Minutes.",
)
@click.option("--reason", default="no reason given", show_default=True, help="Why; shown wherever the silence is.")
@click.option("--end", "ends", metavar="SILENCE", help="End this silence now.")
@pass_app
def command(app: App, target: str | None, minutes: float, reason: str, ends: str | None) -> None:
    """Send no messages about some components for a while; without arguments, list what is silenced.

    Looking, healing and recording go on. Alerts raised meanwhile are kept, with the silence as their reason.
    """
    _quiet.steer(app, "silence", target, minutes, reason, ends)
