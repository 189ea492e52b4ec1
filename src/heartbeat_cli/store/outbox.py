"""The outbox: what is still to be told, claimed with a lease, as one message where it may be, and how each try went."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from heartbeat_cli.domain import delivery
from heartbeat_cli.domain.alert import Alert
from heartbeat_cli.domain.delivery import Fate, Send, Trouble
from heartbeat_cli.store import alerts, overnight, preferences
from heartbeat_cli.store.database import Database, marks
from heartbeat_cli.store.text import storable

MOST = 100  # notifications in one message
# Seconds that a first try may be away (until the end of quiet hours, on the longest day), and a next one.
_FARTHEST = 90_000.0, 3_600.0
_REMEMBERED = 30 * 86_400.0  # seconds for which a channel's trouble is looked up


class Notification(NamedTuple):
    """One alert on one channel: a row of the outbox, as claimed for sending. `attempts` failed so far, the first at
    `failing_since`; `remark` is what its message says besides."""

    id: str
    alert: Alert
    attempts: int
    failing_since: float | None
    remark: str


class Parcel(NamedTuple):
    """Notifications that go out as one message; `batch` is its id, the same at every try of the same set. `again`: this
    very message may have been taken at an earlier try, so they stay together whatever becomes of this one."""

    batch: str
    channel: str
    notifications: tuple[Notification, ...]
    again: bool = False


class Outcome(NamedTuple):
    """How one try to send a parcel went, ready to be written. `heirs` are the channels that may take over, nearest
    first, with what `remark` says then; `pause` is until when the channel wants no message at all."""

    at: float
    observer: str
    fate: Fate
    error: str | None
    note: str | None
    took: float
    heirs: tuple[str, ...] = ()
    remark: str = ""
    pause: float | None = None


# Due, and in nobody's hands. What bears a time that cannot be (the clock was put back since) does not wait for it.
_DUE = (
    "o.state = 'waiting'"
    " AND (o.next_try <= to_timestamp(?) OR o.created > to_timestamp(?)"
    " OR o.next_try > to_timestamp(?) OR (o.attempts > 0 AND o.next_try > to_timestamp(?)))"
    " AND (o.lease_until IS NULL OR o.lease_until <= to_timestamp(?) OR o.lease_until > to_timestamp(?))"
)
# A channel hears of an incident in order: its end waits while its beginning still does, unless one message tells both.
_IN_ORDER = (
    "NOT EXISTS (SELECT 1 FROM heartbeat_outbox e JOIN heartbeat_alert_rows b ON b.alert_id = e.alert_id"
    " WHERE e.state = 'waiting' AND e.channel = o.channel AND b.incident = a.incident AND b.alert_time < a.alert_time"
    " AND COALESCE(e.batch, '') <> COALESCE(o.batch, '-'))"
)
_FROM = f"FROM heartbeat_outbox o JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id WHERE {_DUE} AND {_IN_ORDER}"


def due_channels(db: Database, now: float, lease: float, channels: Iterable[str]) -> list[str]:
    """Those of the channels that have something due."""
    names = list(channels)
    if not names:
        return []
    sql = f"SELECT DISTINCT o.channel {_FROM} AND o.channel IN ({marks(names)})"
    due = {row[0] for row in db.rows(sql, (*_moments(now, lease), *names))}
    return [name for name in names if name in due]


def claim(db: Database, owner: str, now: float, lease: float, channel: str, digest: bool = True) -> Parcel | None:
    """Take what is due for a channel and may go out as one message, for `lease` seconds: whoever else looks meanwhile
    does not see it, and a process that dies leaves it to the next one. A set that was sent before stays that set, for
    the other side may have it already."""
    lock = "FOR UPDATE OF o SKIP LOCKED" if db.dialect == "postgres" else ""
    with db.transaction():
        rows = db.rows(
            f"SELECT o.id, o.batch, a.alert_id, a.alert_type, o.attempts = 0 AND o.next_try > o.created {_FROM}"
            " AND o.channel = ?"
            f" ORDER BY o.batch IS NULL, o.batch, a.alert_time, o.created, o.id LIMIT ? {lock}",
            (*_moments(now, lease), channel, MOST),
        )
        if not rows:
            return None
        _, batch, _, kind, _ = rows[0]
        if batch is not None:
            taken = [row for row in rows if row[1] == batch]
        elif digest and kind not in delivery.ALONE:
            taken = [row for row in rows if row[3] not in delivery.ALONE]
        else:
            taken = rows[:1]
        again, alert_ids, ids = batch is not None, [row[2] for row in taken], [row[0] for row in taken]
        if digest and not again and (quiet := [row[0] for row in taken if row[4]]):
            for id_, alert_id in overnight.ends(db, channel, quiet, now, MOST - len(taken)):
                ids, alert_ids = [*ids, id_], [*alert_ids, alert_id]
        batch = batch or delivery.batch_id(channel, alert_ids)
        db.run(
            "UPDATE heartbeat_outbox SET lease_until = to_timestamp(?), lease_by = ?, batch = ?"
            f" WHERE id IN ({marks(ids)})",
            (now + lease, owner, batch, *ids),
        )
        return Parcel(batch, channel, _loaded(db, ids), again)


def _moments(now: float, lease: float) -> tuple[float, ...]:
    return now, now, *(now + far for far in _FARTHEST), now, now + lease


def _loaded(db: Database, ids: Sequence[str]) -> tuple[Notification, ...]:
    columns = ", ".join("a." + column for column in alerts.COLUMNS.split(", "))
    rows = db.rows(
        f"SELECT o.id, o.attempts, o.failing_since, o.remark, {columns} FROM heartbeat_outbox o"
        f" JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id WHERE o.id IN ({marks(ids)})"
        " ORDER BY a.alert_time, o.created, o.id",
        ids,
    )
    return tuple(Notification(row[0], alerts.as_alert(row[4:]), row[1], row[2], row[3] or "") for row in rows)


def is_waiting(db: Database) -> bool:
    """Whether there is anything to deliver, now or later: most passes have nothing to do with the outbox but ask."""
    return bool(db.rows("SELECT 1 FROM heartbeat_outbox WHERE state = 'waiting' LIMIT 1"))


def lease_owners(db: Database) -> list[str]:
    """Who has taken something that still waits."""
    sql = "SELECT DISTINCT lease_by FROM heartbeat_outbox WHERE state = 'waiting' AND lease_until IS NOT NULL"
    return [row[0] for row in db.rows(sql)]


def release(db: Database, owner: str) -> None:
    """Let go of what an owner has taken: it is known to be gone."""
    db.run("UPDATE heartbeat_outbox SET lease_until = NULL WHERE state = 'waiting' AND lease_by = ?", (owner,))


def unpack(db: Database, parcel: Parcel) -> None:
    """Let go of a parcel that was not sent, and of its being one."""
    ids = [one.id for one in parcel.notifications]
    db.run(f"UPDATE heartbeat_outbox SET lease_until = NULL, batch = NULL WHERE id IN ({marks(ids)})", ids)


def settle(db: Database, parcel: Parcel, outcome: Outcome) -> None:
    """Write how a try went: what becomes of the notifications, the try itself, and who takes over. Twice is once."""
    with db.transaction():
        _record(db, parcel, outcome)
        if outcome.pause is not None:
            preferences.put(db, _pause_name(parcel.channel), repr(outcome.pause))
        if outcome.fate.state == "handed_over":
            _hand_over(db, parcel, outcome)
        else:
            _mark(db, [one.id for one in parcel.notifications], parcel, outcome, outcome.fate.state)


def _record(db: Database, parcel: Parcel, outcome: Outcome) -> None:
    state = "retry" if outcome.fate.state == "waiting" else outcome.fate.state
    where, many = (outcome.at, outcome.observer, parcel.channel), len(parcel.notifications)
    how = state, _kept(outcome.error), _kept(outcome.note), round(outcome.took * 1_000_000)
    db.insert(
        "INSERT INTO heartbeat_sends"
        " (id, at, observer, channel, alert_id, batch, alerts, outcome, error, note, took_us)",
        "(?, to_timestamp(?), ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (f"{one.id}@{round(outcome.at * 1000)}/{one.attempts + 1}", *where, one.alert.id, parcel.batch, many, *how)
            for one in parcel.notifications
        ],
        "ON CONFLICT (id) DO NOTHING",
    )


def _mark(db: Database, ids: Sequence[str], parcel: Parcel, outcome: Outcome, state: str) -> None:
    these = marks(ids)
    if state == "sent":
        db.run(
            "UPDATE heartbeat_outbox SET state = 'sent', sent = to_timestamp(?), attempts = attempts + 1, batch = ?,"
            f" lease_until = NULL, last_error = NULL, note = ?, failing_since = NULL WHERE id IN ({these})",
            (outcome.at, parcel.batch, _kept(outcome.note), *ids),
        )
        return
    fate = outcome.fate
    batch = parcel.batch if fate.together or parcel.again else None
    db.run(
        "UPDATE heartbeat_outbox SET state = ?, next_try = COALESCE(to_timestamp(?), next_try),"
        " attempts = attempts + 1, batch = ?, lease_until = NULL, last_error = ?,"
        f" failing_since = COALESCE(failing_since, to_timestamp(?)) WHERE id IN ({these}) AND state = 'waiting'",
        (state, fate.next_try, batch, storable(outcome.error or ""), outcome.at, *ids),
    )


def _kept(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _hand_over(db: Database, parcel: Parcel, outcome: Outcome) -> None:
    """Each notification to the first of the heirs that can have it, together with what waits behind it, so that who
    hears of a beginning hears of the end. One that nobody can have goes on as it would without heirs."""
    ids = {one.id: (one.alert.id, one.remark) for one in parcel.notifications}
    if incidents := [one.alert.incident for one in parcel.notifications if one.alert.incident]:
        behind = db.rows(
            "SELECT o.id, o.alert_id FROM heartbeat_outbox o JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id"
            f" WHERE o.state = 'waiting' AND o.channel = ? AND a.incident IN ({marks(incidents)})",
            (parcel.channel, *incidents),
        )
        ids |= {id_: (alert_id, "") for id_, alert_id in behind if id_ not in ids}
    taken: list[str] = []
    left: list[str] = []
    for id_, (alert_id, remark) in ids.items():
        remark = "; ".join(part for part in (remark, outcome.remark) if part)
        (taken if _inherited(db, alert_id, outcome, remark) else left).append(id_)
    if taken:
        _mark(db, taken, parcel, outcome, "handed_over")
    if left:
        _mark(db, left, parcel, outcome, "failed" if outcome.fate.next_try is None else "waiting")


def _inherited(db: Database, alert_id: str, outcome: Outcome, remark: str) -> bool:
    """Whether an heir has the alert, or is given it now. One that hears of its incident's end already, maybe at this
    very moment, is not told after that of what went before."""
    rows = db.rows("SELECT channel, state FROM heartbeat_outbox WHERE alert_id = ?", (alert_id,))
    states: dict[str, str] = dict(rows)
    ends = alerts.told_the_end(db, alert_id)
    for heir in outcome.heirs:
        if states.get(heir) in ("waiting", "sent") or heir in ends:
            return True
        if heir not in states:
            alerts.post(db, alert_id, [heir], outcome.at, remark=remark)
            return True
    return False


def undelivered(db: Database) -> int:
    """How many notifications still wait; what failed for good is not tried again and not counted."""
    return int(db.rows("SELECT count(*) FROM heartbeat_outbox WHERE state = 'waiting'")[0][0])


def give_up_removed(db: Database, channels: Iterable[str], before: float) -> None:
    """What has waited since `before` for a channel that the configuration does not have, and that nobody has tried to
    send to since, will never go out: say so and stop waiting. Another host that shares the store may have it."""
    names = list(channels)
    db.run(
        "UPDATE heartbeat_outbox SET state = 'failed', lease_until = NULL,"
        " last_error = 'the channel is no longer in the configuration'"
        f" WHERE state = 'waiting' AND created < to_timestamp(?) AND channel NOT IN ({marks(names)})"
        " AND NOT EXISTS (SELECT 1 FROM heartbeat_sends s"
        " WHERE s.channel = heartbeat_outbox.channel AND s.at > to_timestamp(?))",
        (before, *names, before),
    )


def pause_of(db: Database, channel: str, now: float) -> float | None:
    """Until when a channel wants no message, if that is still to come."""
    until = float(preferences.get(db, _pause_name(channel)) or 0.0)
    return until if now < until <= now + _FARTHEST[1] else None


def _pause_name(channel: str) -> str:
    return f"pause/{channel}"


def tries_since(db: Database, channel: str, since: float) -> list[float]:
    """When messages were tried on a channel."""
    sql = "SELECT DISTINCT batch, at FROM heartbeat_sends WHERE channel = ? AND at > to_timestamp(?) AND took_us > 0"
    return [row[1] for row in db.rows(sql, (channel, since))]


def sends_of(db: Database, alert_ids: Iterable[str]) -> list[Send]:
    """Every try to tell these alerts, in order."""
    ids = list(alert_ids)
    if not ids:
        return []
    rows = db.rows(
        "SELECT at, observer, channel, alert_id, batch, alerts, outcome, error, note, took_us FROM heartbeat_sends"
        f" WHERE alert_id IN ({marks(ids)}) ORDER BY at, key",
        ids,
    )
    return [Send(*row)._replace(took=row[-1] / 1_000_000) for row in rows]


def channel_troubles(db: Database, now: float) -> list[Trouble]:
    """The channels whose last try failed: since when they take nothing, and why."""
    rows = db.rows(
        "WITH last AS (SELECT channel, max(CASE WHEN outcome = 'sent' THEN key ELSE 0 END) AS good, max(key) AS newest"
        " FROM heartbeat_sends WHERE at > to_timestamp(?) GROUP BY channel)"
        " SELECT l.channel, (SELECT min(s.at) FROM heartbeat_sends s WHERE s.channel = l.channel AND s.key > l.good),"
        " n.error, (SELECT count(*) FROM heartbeat_outbox o WHERE o.channel = l.channel AND o.state = 'waiting')"
        " FROM last l JOIN heartbeat_sends n ON n.key = l.newest WHERE l.newest > l.good ORDER BY l.channel",
        (now - _REMEMBERED,),
    )
    return [Trouble(channel, since, error or "", waiting) for channel, since, error, waiting in rows]
