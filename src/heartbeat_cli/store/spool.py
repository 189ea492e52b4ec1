"""The local store of hard times: the same tables in SQLite, seeded from the mirror, replayed when the store is back.

A spool is one file. Its tables, seed, and the row that says since when and why are made in one transaction. Its replay
can be repeated: passes are keyed by their id, of the other rows only those travel that differ from the seed, and the
states do not travel at all. The replayed passes wait to be judged in the store as every other pass does, so what the
counters come to is what they would have come to without the outage, however old the seed was. The spool is thrown away
after that; killed at any moment before, the next run does it again.
"""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from heartbeat_cli.domain.coverage import Degraded
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store import gaps, mirror, schema, tables
from heartbeat_cli.store.database import Database, Row, SQLite
from heartbeat_cli.store.partitions import ensure_day
from heartbeat_cli.store.passes import PassRow, insert, observer_keys

_MEMORY = Path("/dev/shm")  # noqa: S108 - open to all, so the owner and mode of our folder in it are checked
# Passes replayed and judged at a time: bounds the memory a long outage takes, and how long other hosts wait meanwhile,
# for no two judge at once.
_CHUNK = 25

_PASSES = (
    f"SELECT p.key, o.id, {', '.join(f'p.{name}' for name in PassRow._fields)} FROM heartbeat_pass_rows p"
    " JOIN heartbeat_observers o ON o.key = p.observer WHERE p.key > ? ORDER BY p.key LIMIT ?"
)
_LOG = "at, pass, component, response_us, status, attempts, error, reach"
# What is worked out anew from the passes, or is part of that, and so must not come from elsewhere.
_JUDGED = (tables.COMPONENTS, tables.STATE, tables.INCIDENTS)
_JUDGED_SETTINGS = "blind/"


def folders(state_dir: Path) -> tuple[Path, Path]:
    """Where a spool may live: the state folder, and memory for when the disk itself is the trouble."""
    name = f"{os.getuid()}-{_tag(state_dir)}"
    return state_dir, _MEMORY / f"heartbeat-{name}"


def _tag(state_dir: Path) -> str:
    """Two watchdogs of one user share the memory, but no spool."""
    from binascii import crc32

    return f"{crc32(os.fsencode(os.path.realpath(state_dir))):08x}"


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
    new = not path.exists()
    db = None
    try:
        db = SQLite(path, timeout)
        schema.migrate(db)
        if since(db) is None:
            _sow(db, seed(), begun)
    except BaseException:
        if db is not None:
            db.close()
        if new:  # a full disk lets an empty file be made
            path.unlink(missing_ok=True)
        raise
    return db


def _sow(db: Database, copy: mirror.Snapshot, begun: Degraded) -> None:
    with db.transaction():
        db.run("CREATE TABLE IF NOT EXISTS heartbeat_seed (copy TEXT NOT NULL)")
        db.run("INSERT INTO heartbeat_seed VALUES (?)", (mirror.encode(copy),))
        mirror.plant(db, copy)
        save_degraded(db, begun)


def since(spool: Database) -> Degraded | None:
    """Since when and why the spool stands in for the store; None while it has not been made whole."""
    rows = spool.rows("SELECT id, observer, started, reason, ended FROM heartbeat_degraded WHERE ended IS NULL")
    return Degraded(*rows[0]) if rows else None


def discard(path: Path) -> None:
    """Throw a replayed spool away. Its name goes first, so that a kill leaves no half of it looking whole."""
    gone = path.with_name("spool-done.db")
    path.replace(gone)
    for name in (f"{path}-wal", f"{path}-shm", str(gone)):
        Path(name).unlink(missing_ok=True)


def put_aside(path: Path, now: float) -> Path:
    """Out of the way, but not deleted, with what belongs to it; the new name."""
    aside = path.with_name(f"spool-unreadable-{round(now * 1000)}.db")
    path.replace(aside)
    for end in ("-wal", "-shm"):
        if (side := Path(f"{path}{end}")).exists():
            side.replace(f"{aside}{end}")
    return aside


def passes_kept(spool: Database) -> int:
    return int(spool.rows("SELECT count(*) FROM heartbeat_pass_rows")[0][0])


def replay(spool: Database, db: Database, observer: str, now: float) -> Iterator[None]:
    """Put everything the spool holds into the store, part by part, each in a transaction; after each part the store
    is to judge what has come. Twice is once."""
    seed = mirror.decode(spool.rows("SELECT copy FROM heartbeat_seed")[0][0])
    with db.transaction():
        tables.COMPONENTS.merge(db, _new_components(spool, db))
        for table in tables.ALL:
            if table not in _JUDGED:
                rows = _changed(table, spool, seed)
                table.merge(db, _by_its_clock(rows, db.ahead or 0.0) if table is tables.BEATS else rows)
        for gap in gaps.between(spool, 0.0, now):
            gaps.note(db, gap)
    last = 0
    while rows := spool.rows(_PASSES, (last, _CHUNK)):
        with db.transaction():
            _replay_passes(spool, db, [(key, name, PassRow(*rest)) for key, name, *rest in rows], observer)
        last = rows[-1][0]
        yield


def finish(spool: Database, db: Database, covered: Degraded) -> None:
    """After the last part has been judged: what people noted on incidents, and the time that the spool covered."""
    seed = mirror.decode(spool.rows("SELECT copy FROM heartbeat_seed")[0][0])
    place = tables.INCIDENTS.columns.index
    with db.transaction():
        for row in _changed(tables.INCIDENTS, spool, seed):
            db.run(
                "UPDATE heartbeat_incidents SET acked = to_timestamp(?), acked_by = ?, recovery = ? WHERE id = ?",
                (row[place("acked")], row[place("acked_by")], row[place("recovery")], row[place("id")]),
            )
        save_degraded(db, covered)


def save_degraded(db: Database, one: Degraded) -> None:
    db.run(
        "INSERT INTO heartbeat_degraded (id, observer, started, reason, ended)"
        " VALUES (?, ?, to_timestamp(?), ?, to_timestamp(?)) ON CONFLICT (id) DO UPDATE SET ended = excluded.ended",
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


def _changed(table: tables.Travelling, spool: Database, seed: mirror.Snapshot) -> list[Row]:
    """The rows that the outage made or changed: what others did to the rest in the store meanwhile stays."""
    old = set(seed.get(table.name, []))
    rows = [row for row in table.select(spool) if row not in old]
    return [row for row in rows if table is not tables.SETTINGS or not row[0].startswith(_JUDGED_SETTINGS)]


def _by_its_clock(beats: list[Row], ahead: float) -> list[Row]:
    """Beats bear the time of their arrival at the spool, by this host's clock: here it is by the store's."""
    place = tables.BEATS.columns.index("at")
    return [(*row[:place], row[place] + ahead, *row[place + 1 :]) for row in beats]


def _new_components(spool: Database, db: Database) -> list[Row]:
    """Components the store has not met: the others keep their row, and with it the key that heartbeats refer to."""
    known = {row[0] for row in db.rows("SELECT id FROM heartbeat_components")}
    return [row for row in tables.COMPONENTS.select(spool) if row[0] not in known]


def _replay_passes(spool: Database, db: Database, passes: list[tuple[int, str, PassRow]], observer: str) -> None:
    """Passes with their heartbeats and metrics, oldest first; those that the store had taken itself are left alone."""
    theirs: dict[int, str] = dict(spool.rows("SELECT key, id FROM heartbeat_components"))
    ours: dict[str, int] = dict(db.rows("SELECT id, key FROM heartbeat_components"))
    keys = {key: ours[id_] for key, id_ in theirs.items()}
    for day in sorted({one.started // 86_400 for _, _, one in passes}):
        ensure_day(db, day * 86_400)
    fresh = _insert_passes(db, passes, observer)
    if not fresh:
        return
    span = (min(started for _, started in fresh.values()), max(started for _, started in fresh.values()))
    bounds = "WHERE at >= to_timestamp(?) AND at <= to_timestamp(?)"
    log = spool.rows(f"SELECT {_LOG} FROM heartbeat_log {bounds} ORDER BY pass", span)
    rows = [(one[0], fresh[one[1]][0], keys[one[2]], *one[3:]) for one in log if one[1] in fresh]
    db.insert(f"INSERT INTO heartbeat_log ({_LOG})", "(to_timestamp(?), ?, ?, ?, ?, ?, ?, ?)", rows)
    starts = {started for _, started in fresh.values()}
    samples = spool.rows(f"SELECT at, component, samples FROM heartbeat_samples {bounds}", span)
    metrics = [(at, keys[component], text) for at, component, text in samples if at in starts]
    db.insert("INSERT INTO heartbeat_samples (at, component, samples)", "(to_timestamp(?), ?, ?)", metrics)


def _insert_passes(db: Database, passes: list[tuple[int, str, PassRow]], observer: str) -> dict[int, tuple[int, float]]:
    """The passes that the store does not have yet: their key here, to their key there and their start. One that bears
    another name (this host had it before) counts as judged: nobody would ever do it."""
    observers = observer_keys(db, [observer, *(name for _, name, _ in passes)])
    rows = [(key, one._replace(observer=observers[name])) for key, name, one in passes]
    new = insert(db, [one for _, one in rows], observers[observer])
    found = {key: (new.get((round(one.started * 1e6), one.number, one.observer)), one.started) for key, one in rows}
    return {key: (there, started) for key, (there, started) in found.items() if there is not None}


def _ours(folder: Path) -> bool:
    """A spool holds what components said: its folder must be this user's alone (nobody else may plant a file there)."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
