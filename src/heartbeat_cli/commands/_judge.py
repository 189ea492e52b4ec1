"""What every pass does with what it has seen: store and judge it, and draw the page."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heartbeat_cli.commands._base import App
    from heartbeat_cli.passes.check.check import Checked
    from heartbeat_cli.passes.detect.detect import Verdict
    from heartbeat_cli.store.sql.database import Database
    from heartbeat_cli.store.standby.keeper import Keeper

Log = Callable[[str], None]
_DECLARED = ("opened", "reopened", "released")  # decisions by which people are notified of a fault


def keep_and_judge(app: "App", keeper: "Keeper", seen: "Checked", log: Log, *, further: bool = False) -> list[str]:
    """Store a pass and detect it, in one transaction: the spool would go on without what is stored and not detected.
    Returns the components whose fault has been declared.
    `further`: not the first pass of this run, which has not asked since whether the store is back."""
    from heartbeat_cli.passes.check import check
    from heartbeat_cli.passes.detect import detect

    config, now = app.config, app.now

    def kept_and_judged(db: "Database") -> list["Verdict"]:
        with db.transaction():
            if check.save(db, config, seen):
                # Imported before detection takes the lock that the other hosts wait for.
                from heartbeat_cli.passes.detect import quorum, silent_hosts  # noqa: F401
            found = detect.detect(db, config, now())
            if keeper.degraded is not None and not further:
                from heartbeat_cli.passes.housekeeping import outage

                outage.notify(db, config, keeper.degraded, now())
            keeper.prepare_mirror(db, now())
        return found

    verdicts = keeper.run(kept_and_judged, now())
    for one in verdicts:
        from heartbeat_cli.commands import _decisions

        log(_decisions.verdict(one))
    return [one.component for one in verdicts if one.decision in _DECLARED]


def draw(app: "App", keeper: "Keeper") -> None:
    """Write the pages and the badges, where they are configured."""
    if app.config.dashboard.file is not None or app.config.dashboard.badges is not None:
        from heartbeat_cli.commands import _page

        keeper.run(lambda db: _page.refresh(app, db, app.now()), app.now())
    if app.config.status_page.file is not None:
        from heartbeat_cli.commands import _status_page

        keeper.run(lambda db: _status_page.refresh(app, db, app.now()), app.now())
