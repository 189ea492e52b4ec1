"""`heartbeat run`: the whole chain, as cron starts it."""

import time

import click

from heartbeat_cli.commands._app import App, pass_app, say


@click.command("run")
@click.option("-v", "--verbose", is_flag=True, help="Say on standard error what was decided and done.")
@pass_app
def command(app: App, verbose: bool) -> int:
    """Make one whole pass: check, detect, recover, notify, dashboard.

    Prints nothing when nothing happened, so that cron mails only news. When another run is still busy, this one
    leaves quietly. Exit code 0 unless heartbeat itself failed: what is wrong with components is told by alerts.
    """
    from heartbeat_cli import lock
    from heartbeat_cli.commands import dashboard
    from heartbeat_cli.commands.recover import line
    from heartbeat_cli.passes import check, deliver, detect

    tell = say if verbose else lambda text: None
    begun = time.monotonic()
    try:
        with app.working_store(wait=0.0) as db:
            seen = check.check(db, app.config, app.now())
            tell(f"checked {len(seen.readings)} of {len(app.config.components)} components")
            for one in detect.detect(db, app.config, app.now()):
                tell(f"{one.component}: {one.decision}: {one.reason}")
            _deliver(deliver, db, app, tell)
            if detect.in_fault(db):
                from heartbeat_cli.passes import recover

                for step in recover.recover(db, app.config):
                    tell(line(step))
                _deliver(deliver, db, app, tell)
            dashboard.refresh(app, db, app.now())
    except lock.Busy as busy:
        tell(str(busy))
        return 0
    tell(f"done in {time.monotonic() - begun:.2f} s")
    return 0


def _deliver(deliver: object, db: object, app: App, tell: object) -> None:
    for one in deliver.deliver(db, app.config):  # type: ignore[attr-defined]
        tell(f"{one.alert} to {one.channel}: {one.error or 'sent'}")  # type: ignore[operator]
