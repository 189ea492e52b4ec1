"""The local store of hard times: the same tables in SQLite, seeded from the mirror, replayed when the store is back.

A spool is one file. Making it (tables, seed, the row that says since when and why) is one transaction, and so is its
replay into the store, which names the spool: killed at any moment, the next run makes it, goes on with it, or sees that
it has been replayed and only throws it away.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from heartbeat_cli.domain.coverage import Degraded
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store import gaps, mirror, schema, tables
from heartbeat_cli.store.database import Database, SQLite
from heartbeat_cli.store.partitions import ensure_day

_MEMORY = Path("/dev/shm")  # noqa: S108 - open to all, so the owner and mode of our folder in it are checked
_CHUNK = 200  # passes replayed at a time: bounds the memory a long outage takes

_LOG = "at, component, response_us, status, attempts, error"


def folders(state_dir: Path) -> tuple[Path, Path]:
    """Where a spool may live: the state folder, and memory for when the disk itself is the trouble."""
    return state_dir, _MEMORY / f"heartbeat-{os.getuid()}"


def existing(state_dir: Path) -> list[Path]:
    """The spools that are there, in the order they are made: one as a rule, two when the disk filled up meanwhile."""
    first, second = (folder / "spool.db" for folder in folders(state_dir))
    found = [first] if first.exists() else []
    return [*found, second] if second.exists() and _ours(second.parent) else found


def begin(path: Path, seed: Callable[[], mirror.Snapshot], begun: Degraded, timeout: float) -> Database:
    """Open the spool at `path`, making and seeding it where it is new. Raises StoreError when that cannot be done."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.parent.parent == _MEMORY and not _ours(path.parent):
        raise StoreError(f"{path.parent}: belongs to somebody else or is open to others; no spool can be kept there")
    db = SQLite(path, timeout)
    try:
        schema.migrate(db)
        if not db.rows("SELECT 1 FROM heartbeat_degraded WHERE ended IS NULL"):
            with db.transaction():
                mirror.plant(db, seed())
                save_degraded(db, begun)
    except BaseException:
        db.close()
        raise
    return db


def discard(path: Path) -> None:
    """Throw a replayed spool away; its side files first, so that a kill leaves no half of it looking whole."""
    for name in (f"{path}-wal", f"{path}-shm", str(path)):
        Path(name).unlink(missing_ok=True)


def replay(spool: Database, db: Database, now: float) -> Degraded | None:
    """Put everything the spool holds into the store, once; returns the time it covered, or None when it was empty
    or had been replayed before."""
    rows = spool.rows(
        "SELECT id, observer, started, reason, ended FROM heartbeat_degraded ORDER BY started DESC LIMIT 1"
    )
    if not rows:
        return None
    covered = Degraded(*rows[0])._replace(ended=max(now, rows[0][2]))
    with db.transaction():
        if db.rows("SELECT 1 FROM heartbeat_degraded WHERE id = ?", (covered.id,)):
            return None
        tables.COMPONENTS.merge(db, _new_components(spool, db))
        _replay_passes(spool, db, covered)
        for gap in gaps.between(spool, 0.0, now):
            gaps.note(db, gap)
        for table in tables.ALL:
            if table is not tables.COMPONENTS:
                table.merge(db, table.select(spool))
        save_degraded(db, covered)
    return covered


def save_degraded(db: Database, one: Degraded) -> None:
    db.run(
        "INSERT INTO heartbeat_degraded (id, observer, started, reason, ended)"
        " VALUES (?, ?, to_timestamp(?), ?, to_timestamp(?))",
        one,
    )


def degraded_between(db: Database, start: float, end: float) -> list[Degraded]:
    """The degraded times that touch a span, oldest first."""
    rows = db.rows(
        "SELECT id, observer, started, reason, ended FROM heartbeat_degraded WHERE started < to_timestamp(?)"
        " AND (ended IS NULL OR ended >= to_timestamp(?)) ORDER BY started, id",
        (end, start),
    )
    return [Degraded(*row) for row in rows]


def _new_components(spool: Database, db: Database) -> list[tuple[object, ...]]:
    """Components the store has not met: the others keep their row, and with it the key that heartbeats refer to."""
    known = {row[0] for row in db.rows("SELECT id FROM heartbeat_components")}
    return [row for row in tables.COMPONENTS.select(spool) if row[0] not in known]


def _replay_passes(spool: Database, db: Database, covered: Degraded) -> None:
    """The passes of the outage, oldest first, with their heartbeats and metrics.

    A pass the store had taken but not judged before it went away is older than all of these and was judged here too if
    the same run went on; it counts as seen, because the states that arrive with the spool are newer than it.
    """
    theirs: dict[int, str] = dict(spool.rows("SELECT key, id FROM heartbeat_components"))
    ours: dict[str, int] = dict(db.rows("SELECT id, key FROM heartbeat_components"))
    keys = {key: ours[id_] for key, id_ in theirs.items()}
    db.run(
        "UPDATE heartbeat_passes SET detected = finished WHERE detected IS NULL AND observer = ?", (covered.observer,)
    )
    last = 0
    while passes := spool.rows(
        "SELECT key, id, observer, started, finished, detected, looks, blind FROM heartbeat_passes WHERE key > ?"
        " ORDER BY key LIMIT ?",
        (last, _CHUNK),
    ):
        for key, *row in passes:
            _replay_pass(spool, db, key, row, keys)
            last = key


def _replay_pass(spool: Database, db: Database, key: int, row: list[object], keys: dict[int, int]) -> None:
    at = float(str(row[2]))
    ensure_day(db, at)
    made = db.rows(
        "INSERT INTO heartbeat_passes (id, observer, started, finished, detected, looks, blind) VALUES"
        " (?, ?, to_timestamp(?), to_timestamp(?), to_timestamp(?), ?, ?) ON CONFLICT (id) DO NOTHING RETURNING key",
        row,
    )
    if not made:
        return  # the store had taken this pass itself
    log = spool.rows(f"SELECT {_LOG} FROM heartbeat_log WHERE pass = ? AND at = ?", (key, at))
    rows = [(one[0], made[0][0], keys[one[1]], *one[2:]) for one in log]
    head = "INSERT INTO heartbeat_log (at, pass, component, response_us, status, attempts, error)"
    db.insert(head, "(to_timestamp(?), ?, ?, ?, ?, ?, ?)", rows)
    samples = spool.rows("SELECT component, samples FROM heartbeat_samples WHERE at = ?", (at,))
    head = "INSERT INTO heartbeat_samples (at, component, samples)"
    metrics = [(at, keys[component], text) for component, text in samples]
    db.insert(head, "(to_timestamp(?), ?, ?)", metrics)


def _ours(folder: Path) -> bool:
    """A spool holds what components said: its folder must be this user's alone (nobody else may plant a file there)."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
