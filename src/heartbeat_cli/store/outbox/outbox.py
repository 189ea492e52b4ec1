"""The outbox: the notifications that are to be sent, claimed with a lease in batches (`outcomes` writes how a try went,
`sends` reads what was tried)."""

from collections.abc import Iterable, Sequence

from heartbeat_cli.domain.alerting import delivery
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.outbox import alerts, late
from heartbeat_cli.store.sql.database import Database, Row, placeholders

MAX_BATCH = 100  # notifications in one message
# Seconds that a first try may be ahead (until the end of quiet hours, on the longest day), and a later one.
FARTHEST_TRIES = 90_000.0, 3_600.0
_NEVER = 9e9  # epoch seconds


class Notification(Record):
    """One alert on one channel: a row of the outbox, as claimed for sending. `attempts` have failed so far, the first
    at `failing_since` (epoch seconds); `remark` is added to its message."""

    id: str
    alert: Alert
    attempts: int
    failing_since: float | None
    remark: str


class Batch(Record):
    """Notifications that go out as one message. `id` is the same at every try of the same notifications. `maybe_sent`:
    the channel may have taken this message at an earlier try, so the notifications stay together after this one."""

    id: str
    channel: str
    notifications: tuple[Notification, ...]
    maybe_sent: bool = False


class Ready(Record):
    """A row of the outbox that may go out now. `batch` is the message it has to stay in, `followed` whether more of its
    incident waits for the same channel, `failed` whether any row that waits for the channel was tried in vain."""

    id: str
    channel: str
    batch: str | None
    alert_id: str
    kind: str
    followed: bool
    failed: bool


# Whose turn it is. `lease_by` names the host that has enqueued a row, or tried it last: the row is that host's for a
# while. It would send it without the store, too, and nobody could tell whether another one has: there the rows of other
# hosts are left out (`_of_here`), also as those that something of the same incident would have to wait for.
_OWN_TURN = (
    "(o.lease_by IS NULL OR (substr(o.lease_by, 1, :own_length) = :own"
    " AND substr(o.lease_by, :own_length + 1) NOT LIKE :deeper)"  # of `alpha`, not of a host called `alpha/beta`
    " OR o.created <= to_timestamp(:left_to_others) OR o.created > to_timestamp(:of_no_clock))"
)
# Due, and under no lease. Times that are too far in the future were written before the clock was put back: they are
# not waited for.
_DUE = (
    "o.state = 'waiting'"
    " AND (o.next_try <= to_timestamp(:now) OR o.created > to_timestamp(:now)"
    " OR o.next_try > to_timestamp(:farthest_first_try)"
    " OR (o.attempts > 0 AND o.next_try > to_timestamp(:farthest_next_try)))"
    " AND (o.lease_until IS NULL OR o.lease_until <= to_timestamp(:store_now)"
    " OR o.lease_until > to_timestamp(:farthest_lease))"
    f" AND {_OWN_TURN}"
)
# `place` is the rank of a row among those of the same incident that wait for the same channel, `within` its rank in its
# own message. They are windows, because the cost of a subquery for each row would grow with the square of the rows.
_WAITING = (
    "SELECT o.id, o.channel, o.batch, o.alert_id, a.alert_type AS kind, a.alert_time, o.created, a.incident,"
    f" ({_DUE}) AS due,"
    " a.incident IS NOT NULL AND count(*) OVER (PARTITION BY o.channel, a.incident) > 1 AS followed,"
    " max(CASE WHEN o.attempts > 0 OR o.failing_since IS NOT NULL THEN 1 ELSE 0 END)"
    " OVER (PARTITION BY o.channel) AS failed,"
    " rank() OVER (PARTITION BY o.channel, a.incident ORDER BY a.alert_time) AS place,"
    " rank() OVER (PARTITION BY o.channel, a.incident, o.batch ORDER BY a.alert_time) AS within"
    " FROM heartbeat_outbox o JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id WHERE o.state = 'waiting'"
)


def _of_here(db: Database) -> str:
    """The condition for the rows that this process knows the state of."""
    return _OWN_TURN if db.is_apart else "TRUE"


# A channel gets the alerts of an incident in order: the end waits for the beginning, unless one message has both.
_IN_ORDER = "(w.incident IS NULL OR w.place = CASE WHEN w.batch IS NULL THEN 1 ELSE w.within END)"
_ORDER = "w.batch IS NULL, w.batch, w.alert_time, w.created, w.id"


def ready(db: Database, now: float, lease: float, channels: Iterable[str]) -> dict[str, list[Ready]]:
    """The rows that may go out now, by channel: at most `MAX_BATCH` each, those that have to stay together first, then
    the oldest. It is one statement, however many channels there are. What another host has enqueued, or tried, is left
    to that host for `lease` seconds, and without the store altogether."""
    names = list(channels)
    if not names:
        return {}
    wanted = {f"channel_{number}": name for number, name in enumerate(names)}
    rows = db.rows(
        f"SELECT r.id, r.channel, r.batch, r.alert_id, r.kind, r.followed, r.failed FROM (SELECT w.*,"
        f" row_number() OVER (PARTITION BY w.channel ORDER BY {_ORDER}) AS number"
        f" FROM ({_WAITING} AND {_of_here(db)} AND o.channel IN ({_named(wanted)})) w WHERE w.due AND {_IN_ORDER}) r"
        " WHERE r.number <= :most ORDER BY r.channel, r.number",
        {**_due_values(db, now, lease), **wanted, "most": MAX_BATCH},
    )
    found: dict[str, list[Ready]] = {}
    for row in rows:
        found.setdefault(row[1], []).append(Ready(*row))
    return {name: _whole(found[name]) for name in names if name in found}


def _whole(rows: list[Ready]) -> list[Ready]:
    """Leave out the last message where the limit may have cut it."""
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
    whole: bool = True,
    known: dict[str, Alert] | None = None,
) -> Batch | None:
    """Claim rows of one channel as one batch for `lease` seconds: others do not get them meanwhile, and when this
    process dies the next one does. Returns None when others have claimed them. `whole`: with what else waits of
    incidents that are over by now. A batch that was tried before keeps its
    rows, because the channel may have taken it. `known` are alerts that need not be read again."""
    channel, batch = rows[0].channel, rows[0].batch
    ids = {one.id: one.alert_id for one in rows}
    with db.transaction():
        if whole and batch is None and (followed := [one.id for one in rows if one.followed]):
            known_here = _of_here(db), _own_turn_values(db, now, lease)
            rest = late.rest(db, channel, followed, now, MAX_BATCH - len(rows), known_here)
            ids |= dict(rest.notifications)
            if rest.last_error:
                late.remark(db, channel, [id_ for id_, _ in rest.notifications], rest.last_error)
        name = batch or delivery.batch_id(channel, ids.values())
        leased = _lease(db, owner, now, lease, list(ids), batch, name)
        if not leased:
            return None
        if batch is None and len(leased) < len(ids):  # others have claimed the rest, so it is another message
            name = delivery.batch_id(channel, (row[1] for row in leased))
            these = [row[0] for row in leased]
            db.run(f"UPDATE heartbeat_outbox SET batch = ? WHERE id IN ({placeholders(these)})", (name, *these))
        return Batch(name, channel, _load(db, leased, {} if known is None else known), batch is not None)


def _lease(
    db: Database, owner: str, now: float, lease: float, ids: Sequence[str], batch: str | None, name: str
) -> list[Row]:
    """Put a lease on those of the rows that nobody else has claimed, and return them as `_load` expects them."""
    lock = "FOR UPDATE SKIP LOCKED" if db.dialect == "postgres" else ""
    unchanged = "o.batch IS NULL" if batch is None else "o.batch = :batch"
    wanted = {f"id_{number}": id_ for number, id_ in enumerate(ids)}
    return db.rows(
        "UPDATE heartbeat_outbox SET lease_until = to_timestamp(:lease_until), lease_by = :owner, batch = :name"
        " WHERE id IN (SELECT o.id FROM heartbeat_outbox o"
        f" WHERE o.id IN ({_named(wanted)}) AND {unchanged} AND {_DUE} {lock})"
        " RETURNING id, alert_id, created, attempts, failing_since, remark",
        {
            **_due_values(db, now, lease),
            **wanted,
            **{"lease_until": store_time(db, now) + lease, "owner": owner, "name": name, "batch": batch},
        },
    )


def claim(db: Database, owner: str, now: float, lease: float, channel: str, digest: bool = True) -> Batch | None:
    """Claim the next message of a channel; None when nothing is due."""
    rows = ready(db, now, lease, [channel]).get(channel)
    return None if not rows else claim_rows(db, owner, now, lease, first_message(rows, digest))


def first_message(rows: Sequence[Ready], digest: bool) -> list[Ready]:
    """The rows of a channel that make its next message."""
    first = rows[0]
    if first.batch is not None:
        return [one for one in rows if one.batch == first.batch]
    if digest and first.kind not in delivery.ALONE:
        return [one for one in rows if one.batch is None and one.kind not in delivery.ALONE]
    return [first]


def _named(values: Iterable[str]) -> str:
    return ", ".join(f":{name}" for name in values)


def _due_values(db: Database, now: float, lease: float) -> dict[str, str | float]:
    """The values of `_DUE`, for leases of that many seconds."""
    at, (first, following) = store_time(db, now), FARTHEST_TRIES
    return {
        **_own_turn_values(db, now, lease),
        "now": now,
        "farthest_first_try": now + first,
        "farthest_next_try": now + following,
        "store_now": at,
        "farthest_lease": at + 2 * lease,  # one that ends later was taken before the store's clock was put back
    }


def _own_turn_values(db: Database, now: float, lease: float) -> dict[str, str | float]:
    """The values of `_OWN_TURN`. What was created between the two times is the host's whose it is."""
    if not db.observer:  # this process is no host's pass
        after, until = _NEVER, _NEVER
    elif db.is_apart:
        after, until = 0.0, _NEVER
    else:
        after, until = now - lease, now + lease
    own = f"{db.observer}/"
    return {"own": own, "own_length": len(own), "deeper": "%/%", "left_to_others": after, "of_no_clock": until}


def store_time(db: Database, now: float) -> float:
    """The time by the store's clock (epoch seconds), which leases use because hosts' clocks may be minutes apart."""
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


def channels_with_waiting(db: Database, now: float, lease: float) -> list[tuple[str, str | None]]:
    """The channels that something waits for, each with an owner of leases on it (None: there are rows without a lease
    in force). Leases last `lease` seconds: one that is over may bear the number of a process that is another's now."""
    at = store_time(db, now)
    return [
        (channel, owner)
        for channel, owner in db.rows(
            "SELECT DISTINCT channel, CASE WHEN lease_until > to_timestamp(?) AND lease_until <= to_timestamp(?)"
            " THEN lease_by END FROM heartbeat_outbox WHERE state = 'waiting'",
            (at, at + 2 * lease),
        )
    ]


def release(db: Database, owner: str) -> None:
    """Remove the leases of an owner that is known to be gone."""
    db.run("UPDATE heartbeat_outbox SET lease_until = NULL WHERE state = 'waiting' AND lease_by = ?", (owner,))


def dissolve(db: Database, batch: Batch) -> None:
    """Release the notifications of a batch that was not sent, which need not stay together."""
    ids = [one.id for one in batch.notifications]
    db.run(f"UPDATE heartbeat_outbox SET lease_until = NULL, batch = NULL WHERE id IN ({placeholders(ids)})", ids)


def count_waiting(db: Database) -> int:
    """How many notifications still wait. Those that have failed for good are not tried again, and not counted."""
    return db.whole(db.rows("SELECT count(*) FROM heartbeat_outbox WHERE state = 'waiting'")[0][0])
