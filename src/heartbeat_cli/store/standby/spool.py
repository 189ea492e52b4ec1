"""The spool: a local SQLite store that is used while the configured one does not answer, and replayed into it later.

A spool is one file. Its tables, the copy that it starts with, and the row that says since when and why, are written in
one transaction. A replay can be repeated: passes are identified by their id, of the other rows only those are copied
that differ from the start, and states are not copied at all. The replayed passes wait for detection in the store like
all others, so that the counters become what they would have been without the outage, however old the copy was. Then the
spool is deleted; when the process is killed before that, the next run does it again.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.domain.plain import one_line, whole
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import StoreError
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.history.passes import PassRow, insert, observer_keys
from heartbeat_cli.store.sql import preferences, schema, tables
from heartbeat_cli.store.sql.database import Database, DatabaseError, Row, SQLite
from heartbeat_cli.store.sql.identity import LOCAL, WATCHED
from heartbeat_cli.store.sql.partitions import ensure_day
from heartbeat_cli.store.standby import memory, mirror
from heartbeat_cli.store.state import states
from heartbeat_cli.system import trusted

# Passes in one part of a replay: it bounds the memory that a long outage takes, and how long other hosts wait, because
# only one detection runs at a time.
_PASSES_AT_A_TIME = 25

_PASSES = (
    f"SELECT p.key, o.id, {', '.join(f'p.{name}' for name in PassRow._fields)} FROM heartbeat_pass_rows p"
    " JOIN heartbeat_observers o ON o.key = p.observer WHERE p.key > ? ORDER BY p.key LIMIT ?"
)
_LOG = "at, pass, component, response_us, status, attempts, error, reach"
# Detection computes these from the passes, so they are not copied.
_DETECTED_TABLES = (tables.COMPONENTS, tables.STATE, tables.INCIDENTS)
_DETECTION_SETTINGS = "blind/"
_STORE_SETTING = f"{LOCAL}spool_of"  # the setting that says for which store, by its identity, a spool was begun
NAME = "spool.db"
_ASIDE_PREFIX = "spool-of-"  # how the file of another store's spool begins


def folders(folder: Path) -> tuple[Path, Path]:
    """Where a spool may be: the folder for the store, and memory for when the disk itself fails."""
    return folder, memory.folder(folder)


def existing(folder: Path) -> list[Path]:
    """The spools that are there, in the order they are made: one as a rule, two when the disk filled up meanwhile."""
    first, second = (one / NAME for one in folders(folder))
    found = [first] if os.path.lexists(first) else []
    return [*found, second] if os.path.lexists(second) and memory.is_ours(second.parent) else found


def aside(folder: Path, since: float = 0.0) -> list[Path]:
    """The spools that were put aside because they are of another store, since a moment (epoch seconds); oldest
    first."""
    try:
        names = [name for name in os.listdir(folder) if name.startswith(_ASIDE_PREFIX) and name.endswith(".db")]
    except OSError:
        return []
    found = [(name.removesuffix(".db").rpartition("-")[2], name) for name in names]
    return [folder / name for at, name in sorted(found) if (made := whole(at)) is not None and made >= since * 1000]


def identity_of_aside(aside: Path) -> str:
    """The identity of the store of a spool that was put aside."""
    return aside.name.removeprefix(_ASIDE_PREFIX).rpartition("-")[0]


def store_identity(spool: Database) -> str:
    """The identity of the store for which a spool was begun; '' where that was not known."""
    return preferences.get(spool, _STORE_SETTING) or ""


def begin(
    path: Path, seed: Callable[[], mirror.Snapshot], begun: Degraded, timeout: float, store: str = ""
) -> Database:
    """Open the spool at `path`, and make and fill it where it is new, for the store with the identity `store` ('' where
    that is not known). Raises StoreError when that cannot be done."""
    trusted.make_folder(path.parent)
    if path.parent.parent == memory.MEMORY and not memory.is_ours(path.parent):
        raise StoreError(
            Text(
                "{parent}: belongs to somebody else or is open to others; no spool can be kept there",
                parent=str(path.parent),
            )
        )
    if path.is_symlink():
        raise DatabaseError(str(path), "is a symbolic link")
    new = not path.exists()
    db = None
    try:
        db = SQLite(path, timeout)
        schema.migrate(db)
        if current_outage(db) is None:
            _fill(db, seed(), begun, store)
    except BaseException:
        if db is not None:
            db.close()
        if new:  # a full disk lets an empty file be made
            path.unlink(missing_ok=True)
        raise
    return db


def _fill(db: Database, copy: mirror.Snapshot, begun: Degraded, store: str) -> None:
    """Fill the spool from the copy. If its rows are refused, the spool starts empty, and its reason says so: without a
    spool the pass would check nothing."""
    try:
        _start_with(db, mirror.usable(copy), begun, store)
    except DatabaseError as error:
        if not error.refused:
            raise
        why = Text("{reason}; begun without what was known: {error}", reason=begun.reason, error=str(error))
        _start_with(db, {}, begun._replace(reason=one_line(why, 1_000)), store)


def _start_with(db: Database, copy: mirror.Snapshot, begun: Degraded, store: str) -> None:
    """`copy` is as it will be read again: what is unlike it counts as changed by the outage."""
    with db.transaction():
        db.run("CREATE TABLE IF NOT EXISTS heartbeat_seed (copy TEXT NOT NULL)")
        db.run("INSERT INTO heartbeat_seed VALUES (?)", (mirror.encode(copy),))
        mirror.fill(db, copy)
        preferences.put(db, _STORE_SETTING, store)
        save_degraded(db, begun)


def current_outage(spool: Database) -> Degraded | None:
    """Since when and why the spool is used; None while it is not complete."""
    rows = spool.rows("SELECT id, observer, started, reason, ended FROM heartbeat_degraded WHERE ended IS NULL")
    return Degraded(*rows[0]) if rows else None


def covered_time(spool: Database, since: Degraded, observer: str, now: float) -> Degraded:
    """The time in which the spool was used, which ends now. Where the clock was wrong when it began, it began after the
    last pass that the store is known to have."""
    seed = mirror.decode(spool.rows("SELECT copy FROM heartbeat_seed")[0][0])
    texts = dict(seed.get(tables.SETTINGS.name, ()))
    watch = gaps.parse_watch(texts.get(WATCHED + observer))
    last = watch.ended if watch is not None and watch.ended <= now else None
    started = since.started
    if started > now:
        started = now if last is None else last
    elif last is not None:
        started = max(started, last)
    return since._replace(started=started, ended=now)


def discard(path: Path) -> None:
    """Delete a replayed spool. It is renamed first, so that a kill leaves no part of it that looks complete."""
    gone = path.with_name("spool-done.db")
    path.replace(gone)
    for name in (f"{path}-wal", f"{path}-shm", str(gone)):
        Path(name).unlink(missing_ok=True)


def put_aside(path: Path, now: float, store: str | None = None) -> Path:
    """Move a spool out of the way, with its side files, under a name that says that it cannot be read, or of which
    store it is. Returns the new path."""
    name = (
        f"spool-unreadable-{round(now * 1000)}.db"
        if store is None
        else f"{_ASIDE_PREFIX}{store}-{round(now * 1000)}.db"
    )
    new = path.with_name(name)
    path.replace(new)
    for end in ("-wal", "-shm"):
        if (side := Path(f"{path}{end}")).exists():
            side.replace(f"{new}{end}")
    return new


def passes_kept(spool: Database) -> int:
    return spool.whole(spool.rows("SELECT count(*) FROM heartbeat_pass_rows")[0][0])


def replay(spool: Database, db: Database, observer: str, now: float) -> Iterator[None]:
    """Copy everything from the spool into the store, part by part, each in a transaction; after each part the store is
    to run detection. Replaying twice changes nothing. Where the store has gone on without the spool, which could not be
    read for a while, its passes are stored without detection: they are old, and what they would say is over."""
    seed = mirror.decode(spool.rows("SELECT copy FROM heartbeat_seed")[0][0])
    late = _is_late(spool, db, observer, seed, now)
    with db.transaction():
        tables.COMPONENTS.merge(db, _new_components(spool, db))
        for table in tables.ALL:
            if table not in _DETECTED_TABLES:
                rows = _changed(table, spool, seed)
                rows = [row for row in rows if not (late and str(row[0]).startswith(WATCHED))]
                table.merge(db, _by_store_clock(rows, db.clock_ahead or 0.0) if table is tables.BEATS else rows)
        for gap in gaps.between(spool, 0.0, now):
            gaps.save(db, gap)
    last = 0
    while rows := spool.rows(_PASSES, (last, _PASSES_AT_A_TIME)):
        with db.transaction():
            _replay_passes(spool, db, [(key, name, PassRow(*rest)) for key, name, *rest in rows], observer, late)
        last = rows[-1][0]
        yield


def finish(spool: Database, db: Database, covered: Degraded) -> None:
    """After detection of the last part: save the acknowledgements of incidents and what recovery has come to, and the
    time that the spool covered. What somebody has acknowledged in the store meanwhile, or taken back, stays."""
    seed = mirror.decode(spool.rows("SELECT copy FROM heartbeat_seed")[0][0])
    names = tables.INCIDENTS.columns
    before = {row[0]: dict(zip(names, row, strict=False)) for row in seed.get(tables.INCIDENTS.name, ())}
    with db.transaction():
        for row in _changed(tables.INCIDENTS, spool, seed):
            states.merge_answers(db, dict(zip(names, row, strict=True)), before.get(row[0], {}))
        save_degraded(db, covered)


def save_degraded(db: Database, one: Degraded) -> None:
    db.run(
        "INSERT INTO heartbeat_degraded (id, observer, started, reason, ended)"
        " VALUES (?, ?, to_timestamp(?), ?, to_timestamp(?)) ON CONFLICT (id) DO UPDATE SET ended = excluded.ended",
        one,
    )


def degraded_between(db: Database, start: float, end: float) -> list[Degraded]:
    """The degraded times that overlap a span, oldest first."""
    rows = db.rows(
        "SELECT id, observer, started, reason, ended FROM heartbeat_degraded WHERE started < to_timestamp(?)"
        " AND (ended IS NULL OR ended >= to_timestamp(?)) ORDER BY started, id",
        (end, start),
    )
    return [Degraded(*row) for row in rows]


def _changed(table: tables.PortableTable, spool: Database, seed: mirror.Snapshot) -> list[Row]:
    """The rows that the outage has made or changed. The rest stays as others have left it in the store."""
    old = set(seed.get(table.name, []))
    rows = [row for row in table.usable(table.select(spool)) if row not in old]
    return [row for row in rows if table is not tables.SETTINGS or not row[0].startswith((_DETECTION_SETTINGS, LOCAL))]


def _by_store_clock(beats: list[Row], ahead: float) -> list[Row]:
    """Beats have the time of their arrival at the spool, by this host's clock; returns them with that by the
    store's."""
    place = tables.BEATS.columns.index("at")
    return [(*row[:place], row[place] + ahead, *row[place + 1 :]) for row in beats]


def _new_components(spool: Database, db: Database) -> list[Row]:
    """The components that the store does not have yet. The others keep their row, and with it the key that heartbeats
    refer to."""
    known = {row[0] for row in db.rows("SELECT id FROM heartbeat_components")}
    return [row for row in tables.COMPONENTS.usable(tables.COMPONENTS.select(spool)) if row[0] not in known]


def _is_late(spool: Database, db: Database, observer: str, seed: mirror.Snapshot, now: float) -> bool:
    """Whether the store holds checks by this observer, of components that the spool checked, that are neither the
    spool's own nor older than it."""
    place = tables.LAST_CHECKS.columns.index
    before = {row[place("component")]: row[place("at")] for row in seed.get(tables.LAST_CHECKS.name, ())}
    ((first, last),) = spool.rows("SELECT min(started), max(started) FROM heartbeat_pass_rows")
    # A run killed between its commit and the copy of the mirror leaves a pass that the seed does not know of.
    begun = first if first is not None and first <= now else 0.0
    found = db.rows("SELECT component, at FROM heartbeat_looks WHERE observer = ?", (observer,))
    seen = {row[0] for row in spool.rows("SELECT component FROM heartbeat_looks WHERE observer = ?", (observer,))}
    others = {at for id_, at in found if id_ in seen and begun < at and before.get(id_, last or 0.0) < at}
    return any(not spool.rows("SELECT 1 FROM heartbeat_pass_rows WHERE started = ?", (at,)) for at in others)


def _replay_passes(
    spool: Database, db: Database, passes: list[tuple[int, str, PassRow]], observer: str, late: bool
) -> None:
    """Copy passes with their heartbeats and metrics, oldest first, but not those that the store has already."""
    theirs: dict[int, str] = dict(spool.rows("SELECT key, id FROM heartbeat_components"))
    ours: dict[str, int] = dict(db.rows("SELECT id, key FROM heartbeat_components"))
    keys = {key: ours[id_] for key, id_ in theirs.items()}
    for day in sorted({one.started // 86_400 for _, _, one in passes}):
        ensure_day(db, day * 86_400)
    fresh = _insert_passes(db, passes, observer, late)
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


def _insert_passes(
    db: Database, passes: list[tuple[int, str, PassRow]], observer: str, late: bool
) -> dict[int, tuple[int, float]]:
    """Insert the passes that the store does not have yet. Returns, by their key in the spool, their key in the store
    and their start. Detection of this observer consumes them all, also those that it made under another name."""
    observers = observer_keys(db, [observer, *(name for _, name, _ in passes)])
    rows = [(key, one._replace(observer=observers[name])) for key, name, one in passes]
    new = insert(db, [one for _, one in rows], observers[observer], detected=late)
    found = {key: (new.get((round(one.started * 1e6), one.number, one.observer)), one.started) for key, one in rows}
    return {key: (there, started) for key, (there, started) in found.items() if there is not None}
