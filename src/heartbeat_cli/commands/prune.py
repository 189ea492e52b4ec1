"""`heartbeat prune`: retention."""

import click

from heartbeat_cli.commands._app import App, pass_app


@click.command("prune")
@pass_app
def command(app: App) -> None:
    """Forget what is older than [retention] says: single heartbeats, metrics, incidents."""
    from heartbeat_cli.store import retention

    with app.working_store() as db:
        db.patience = None  # no pass waits for it
        for table, gone in (retention.prune(db, app.config.retention, app.now()) or {}).items():
            click.echo(f"{table}: {gone} dropped")
