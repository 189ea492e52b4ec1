"""`heartbeat dashboard`: the page."""

import click

from heartbeat_cli.commands._app import App, pass_app


@click.command("dashboard")
@pass_app
def command(app: App) -> None:
    """stub"""


def refresh(app: App, db: object, now: float) -> None:
    return
