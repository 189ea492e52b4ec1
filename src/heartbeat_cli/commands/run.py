"""`heartbeat run`: the whole chain, as cron starts it."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from heartbeat_cli.commands._app import App, pass_app, say
from heartbeat_cli.errors import ConfigError

if TYPE_CHECKING:
    from heartbeat_cli.store.database import Database


@click.command("run")
@click.option("-v", "--verbose", is_flag=True, help="Say on standard error what was decided and done.")
@pass_app
def command(app: App, verbose: bool) -> int:
    """Make one whole pass: check, detect, recover, notify, dashboard.

    Prints nothing when nothing happened, so that cron mails only news. When another run is still busy, this one
    leaves quietly. Exit code 0 unless heartbeat itself failed: what is wrong with components is told by alerts.
    A component or channel whose `env:` or `file:` reference leads nowhere is left out, and said with exit code 2.
    """
    from heartbeat_cli import lock

    tell = say if verbose else lambda text: None
    begun = time.monotonic()
    try:
        with app.working_store(wait=0.0) as db:
            _chain(app, db, tell)
    except lock.Busy as busy:
        tell(str(busy))
        return 0
    tell(f"done in {time.monotonic() - begun:.2f} s")
    if app.config.lacking:
        raise ConfigError(list(app.config.lacking))
    return 0


def _chain(app: App, db: "Database", tell: Callable[[str], None]) -> None:
    from heartbeat_cli.commands import dashboard
    from heartbeat_cli.commands.recover import line
    from heartbeat_cli.passes import check, detect

    seen = check.check(db, app.config, app.now())
    tell(f"checked {len(seen.readings)} of {len(app.config.components)} components")
    for one in detect.detect(db, app.config, app.now()):
        tell(f"{one.component}: {one.decision}: {one.reason}")
    _deliver(app, db, tell)
    if detect.in_fault(db):
        from heartbeat_cli.passes import recover

        for step in recover.recover(db, app.config):
            tell(line(step))
        _deliver(app, db, tell)
    dashboard.refresh(app, db, app.now())


def _deliver(app: App, db: "Database", tell: Callable[[str], None]) -> None:
    from heartbeat_cli.passes import deliver

    for one in deliver.deliver(db, app.config):
        tell(f"{one.alert} to {one.channel}: {one.error or 'sent'}")
