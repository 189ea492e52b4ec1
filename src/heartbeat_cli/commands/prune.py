"""`heartbeat prune`: retention."""

import click

from heartbeat_cli.commands._app import App, pass_app
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError


@click.command("prune")
@pass_app
def command(app: App) -> None:
    """Delete what is older than [retention] says.

    These are single heartbeats, metrics, hourly figures, and incidents with their alerts and attempts.
    """
    from heartbeat_cli.passes.check import clock
    from heartbeat_cli.store.history import retention

    with app.store_to_write() as db:
        now = app.now()
        if reason := clock.suspicion(db, app.config.observer, now):
            raise HeartbeatError(
                Text(
                    "prune: nothing dropped, this host's clock is suspect: {reason}; set the clock right, or, if it is,"
                    " prune again after an hour of regular passes",
                    reason=str(reason),
                )
            )
        if reason := clock.held_by_another(db, app.config.observer, now):
            raise HeartbeatError(
                Text(
                    "prune: nothing dropped, {reason}; set it right, and prune after that host's next pass",
                    reason=str(reason),
                )
            )
        db.time_left = None  # no pass waits for it
        for table, gone in (retention.prune(db, app.config.retention, now) or {}).items():
            click.echo(app.words(Text("{table}: {gone} dropped", table=table, gone=gone)))
