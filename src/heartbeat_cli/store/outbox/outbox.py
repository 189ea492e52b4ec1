"""The outbox: what still has to be sent, claimed with a lease, as one message where it may be (`outcomes` has how a
try went, `sends` what was tried)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from heartbeat_cli.domain.alerting import delivery
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.store.outbox import alerts, overnight
from heartbeat_cli.store.sql.database import Database, Row, placeholders

MAX_BATCH = 100  # notifications in one message
# Seconds that a first try may be away (until the end of quiet hours, on the longest day), and a next one.
FARTHEST_TRIES = 90_000.0, 3_600.0


class Notification(NamedTuple):
    """One alert on one channel: a row of the outbox, as claimed for sending. `attempts` failed so far, the first at
    `failing_since`; `remark` is what its message says besides."""

    id: str
    alert: Alert
    attempts: int
    failing_since: float | None
    remark: str


class Batch(NamedTuple):
    """Notifications that go out as one message; `id` is its id, the same at every try of the same set. `maybe_sent`: this
    very message may have been taken at an earlier try, so they stay together whatever becomes of this one."""

    id: str
    channel: str
    notifications: tuple[Notification, ...]
    maybe_sent: bool = False


class Ready(NamedTuple):
    """A row of the outbox that may go out now. `batch` is the message it has to stay in, `delayed` whether it has waited
    for the end of quiet hours; `failed` is how often a row that waits for its channel was tried in vain, at most."""

    id: str
    channel: str
    batch: str | None
    alert_id: str
    kind: str
    delayed: bool
    failed: int


# Due, and in nobody's hands. What bears a time that cannot be (the clock was put back since) does not wait for it.
_DUE = (
    "o.state = 'waiting'"
    " AND (o.next_try <= to_timestamp(?) OR o.created > to_timestamp(?)"
    " OR o.next_try > to_timestamp(?) OR (o.attempts > 0 AND o.next_try > to_timestamp(?)))"
    " AND (o.lease_until IS NULL OR o.lease_until <= to_timestamp(?) OR o.lease_until > to_timestamp(?))"
)
# `place` is how many rows of the same incident wait for the same channel before this one, and one; `within` counts
# those of its own message only. Windows over what waits: the cost of asking row by row grows with its square.
_WAITING = (
    "SELECT o.id, o.channel, o.batch, o.alert_id, a.alert_type AS kind, a.alert_time, o.created, a.incident,"
    f" o.attempts = 0 AND o.next_try > o.created AS rested, ({_DUE}) AS due,"
    " max(o.attempts) OVER (PARTITION BY o.channel) AS failed,"
    " rank() OVER (PARTITION BY o.channel, a.incident ORDER BY a.alert_time) AS place,"
    " rank() OVER (PARTITION BY o.channel, a.incident, o.batch ORDER BY a.alert_time) AS within"
    " FROM heartbeat_outbox o JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id WHERE o.state = 'waiting'"
)
# A channel hears of an incident in order: its end waits while its beginning still does, unless one message tells both.
_IN_ORDER = "(w.incident IS NULL OR w.place = CASE WHEN w.batch IS NULL THEN 1 ELSE w.within END)"
_ORDER = "w.batch IS NULL, w.batch, w.alert_time, w.created, w.id"


def ready(db: Database, now: float, lease: float, channels: Iterable[str]) -> dict[str, list[Ready]]:
    """What may go out now on each of the channels that have something: at most `MOST` rows each, what has to stay
    together first, then oldest first. One statement, however many channels there are."""
    names = list(channels)
    if not names:
        return {}
    rows = db.rows(
        f"SELECT r.id, r.channel, r.batch, r.alert_id, r.kind, r.rested, r.failed FROM (SELECT w.*,"
        f" row_number() OVER (PARTITION BY w.channel ORDER BY {_ORDER}) AS number"
        f" FROM ({_WAITING} AND o.channel IN ({placeholders(names)})) w WHERE w.due AND {_IN_ORDER}) r"
        " WHERE r.number <= ? ORDER BY r.channel, r.number",
        (*_due_values(db, now, lease), *names, MAX_BATCH),
    )
    found: dict[str, list[Ready]] = {}
    for row in rows:
        found.setdefault(row[1], []).append(Ready(*row))
    return {name: _whole(found[name]) for name in names if name in found}


def _whole(rows: list[Ready]) -> list[Ready]:
    """Without the last message, where the limit may have cut it."""
    last = rows[-1].batch
    if len(rows) < MAX_BATCH or last is None or last == rows[0].batch:
        return rows
    return [one for one in rows if one.batch != last]


def claim_rows(
    db: Database,
    owner: str,
    now: float,
    lease: float,
    rows: Sequence[Ready],
    *,
    digest: bool = True,
    known: dict[str, Alert] | None = None,
) -> Batch | None:
    """Take rows of one channel that go out as one message, for `lease` seconds: whoever else looks meanwhile does not
    see them, and a process that dies leaves them to the next one. None when somebody else has them. A set that was sent
    before stays that set, for the other side may have it already. `known` are the alerts that were read before."""
    channel, batch = rows[0].channel, rows[0].batch
    ids = {one.id: one.alert_id for one in rows}
    with db.transaction():
        if digest and batch is None and (rested := [one.id for one in rows if one.delayed]):
            ids |= dict(overnight.ends(db, channel, rested, now, MAX_BATCH - len(rows)))
        name = batch or delivery.batch_id(channel, ids.values())
        leased = _lease(db, owner, now, lease, list(ids), batch, name)
        if not leased:
            return None
        if batch is None and len(leased) < len(ids):  # somebody else has the rest, so it is another message
            name = delivery.batch_id(channel, (row[1] for row in leased))
            these = [row[0] for row in leased]
            db.run(f"UPDATE heartbeat_outbox SET batch = ? WHERE id IN ({placeholders(these)})", (name, *these))
        return Batch(name, channel, _load(db, leased, {} if known is None else known), batch is not None)


def _lease(
    db: Database, owner: str, now: float, lease: float, ids: Sequence[str], batch: str | None, name: str
) -> list[Row]:
    """Put a lease on those of the rows that nobody else has; gives them as `_loaded` wants them."""
    lock = "FOR UPDATE SKIP LOCKED" if db.dialect == "postgres" else ""
    stays, values = ("o.batch IS NULL", ()) if batch is None else ("o.batch = ?", (batch,))
    return db.rows(
        "UPDATE heartbeat_outbox SET lease_until = to_timestamp(?), lease_by = ?, batch = ? WHERE id IN"
        f" (SELECT o.id FROM heartbeat_outbox o WHERE o.id IN ({placeholders(ids)}) AND {stays} AND {_DUE} {lock})"
        " RETURNING id, alert_id, created, attempts, failing_since, remark",
        (store_time(db, now) + lease, owner, name, *ids, *values, *_due_values(db, now, lease)),
    )


def claim(db: Database, owner: str, now: float, lease: float, channel: str, digest: bool = True) -> Batch | None:
    """Take what is due for a channel and may go out as its next message; None when there is nothing."""
    rows = ready(db, now, lease, [channel]).get(channel)
    return None if not rows else claim_rows(db, owner, now, lease, first_message(rows, digest), digest=digest)


def first_message(rows: Sequence[Ready], digest: bool) -> list[Ready]:
    """Those of a channel's rows that make its next message."""
    first = rows[0]
    if first.batch is not None:
        return [one for one in rows if one.batch == first.batch]
    if digest and first.kind not in delivery.ALONE:
        return [one for one in rows if one.batch is None and one.kind not in delivery.ALONE]
    return [first]


def _due_values(db: Database, now: float, lease: float) -> tuple[float, ...]:
    # A lease that ends later than twice its length from now was taken before the store's clock was put back.
    at = store_time(db, now)
    return now, now, *(now + far for far in FARTHEST_TRIES), at, at + 2 * lease


def store_time(db: Database, now: float) -> float:
    """The time that leases go by, which is the same for all hosts: minutes lie between the clocks of some."""
    return now + (db.clock_ahead or 0.0)


def _load(db: Database, leased: Sequence[Row], known: dict[str, Alert]) -> tuple[Notification, ...]:
    if missing := [row[1] for row in leased if row[1] not in known]:
        sql = f"SELECT {alerts.COLUMNS} FROM heartbeat_alert_rows WHERE alert_id IN ({placeholders(missing)})"
        known |= {row[0]: alerts.as_alert(row) for row in db.rows(sql, missing)}
    in_order = sorted(leased, key=lambda row: (known[row[1]].at, row[2], row[0]))
    return tuple(
        Notification(id_, known[alert_id], attempts, since, remark or "")
        for id_, alert_id, _, attempts, since, remark in in_order
    )


def channels_with_waiting(db: Database) -> list[tuple[str, str | None]]:
    """The channels that something waits for, each with who has taken some of it (None: nobody has the rest)."""
    return [
        (channel, owner)
        for channel, owner in db.rows(
            "SELECT DISTINCT channel, CASE WHEN lease_until IS NOT NULL THEN lease_by END FROM heartbeat_outbox"
            " WHERE state = 'waiting'"
        )
    ]


def release(db: Database, owner: str) -> None:
    """Let go of what an owner has taken: it is known to be gone."""
    db.run("UPDATE heartbeat_outbox SET lease_until = NULL WHERE state = 'waiting' AND lease_by = ?", (owner,))


def dissolve(db: Database, parcel: Batch) -> None:
    """Let go of a parcel that was not sent, and of its being one."""
    ids = [one.id for one in parcel.notifications]
    db.run(f"UPDATE heartbeat_outbox SET lease_until = NULL, batch = NULL WHERE id IN ({placeholders(ids)})", ids)


def count_waiting(db: Database) -> int:
    """How many notifications still wait; what failed for good is not tried again and not counted."""
    return int(db.rows("SELECT count(*) FROM heartbeat_outbox WHERE state = 'waiting'")[0][0])
