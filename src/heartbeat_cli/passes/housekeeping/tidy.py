"""At the end of a pass: `run` rolls up the hour that is over, and once a day forgets what has had its time.

Both within a second or so, and neither is worth a pass: what is left undone, or fails because the store is busy, is for
the next one. An ordinary pass pays one statement.
"""

import json
import time
from contextlib import suppress
from pathlib import Path

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.coverage import hour_of
from heartbeat_cli.errors import StoreError
from heartbeat_cli.passes.check import clock
from heartbeat_cli.store.sql import identity, preferences
from heartbeat_cli.store.sql.database import Database

_DAY = 86_400.0
_SECONDS = 1.0  # that a pass may spend on each of rolling up, sweeping and pruning
_AGAIN = 600.0  # seconds until retention is tried again where it was not done in its time


def tidy(db: Database, config: Config, now: float) -> None:
    """Roll up and prune, if it is time to, and the clock that says so is not suspect. `db` is the store itself, never a
    spool."""
    db.time_left = None
    with suppress(StoreError), db.reading():
        rolled, prune_at = _last(db, config.observer)
        due = not prune_at - _DAY <= now < prune_at
        if (due or rolled != hour_of(now)) and clock.suspicion(db, config.observer, now) is None:
            due = due and clock.held_by_another(db, config.observer, now) is None
            preferences.put(db, identity.TIDIED + config.observer, json.dumps(_tidied(db, config, now, prune_at, due)))


def _tidied(db: Database, config: Config, now: float, prune_at: float, due: bool) -> tuple[int | None, float]:
    """The hour that all is rolled up to, None when something is left to do; and when to prune next."""
    from heartbeat_cli.store.history import retention, rollups  # what an ordinary pass does not pay for

    done = rollups.refresh(db, hour_of(now), time.monotonic() + _SECONDS)
    if due:
        _sweep(config, now)
        prune_at = now + _AGAIN
        with suppress(StoreError):
            if retention.prune(db, config.retention, now, time.monotonic() + _SECONDS) is not None:
                prune_at = now + _DAY
    return hour_of(now) if done else None, prune_at


def _sweep(config: Config, now: float) -> None:
    """What passes that were killed left half-written, wherever a pass writes, and what was prepared of configurations
    that are there no more."""
    from heartbeat_cli.config import places, prepared
    from heartbeat_cli.system.files import sweep

    folders = [
        config.state_dir,
        config.state_dir / "compiled",
        places.config_folder(config),
        places.store_folder(config),
    ]
    for page in (config.dashboard.file, config.status_page.file):
        if page is not None:
            folders.append(Path(page).expanduser().parent)
    if config.dashboard.badges is not None:
        folders.append(Path(config.dashboard.badges).expanduser())
    sweep(folders, now, time.monotonic() + _SECONDS)
    prepared.forget_others(config)


def _last(db: Database, observer: str) -> tuple[int | None, float]:
    with suppress(ValueError, TypeError):  # another host of the store may have written anything: then it is done anew
        rolled, prune_at = json.loads(preferences.get(db, identity.TIDIED + observer) or "[null, 0]")
        return rolled, prune_at + 0.0
    return None, 0.0
