"""Saves how a try to send went: the new state of the notifications, the try itself, and which channel takes over."""

from collections.abc import Sequence

from heartbeat_cli.domain.alerting.delivery import Decision
from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.outbox import alerts, channels
from heartbeat_cli.store.outbox.outbox import Batch
from heartbeat_cli.store.sql.database import Database, placeholders
from heartbeat_cli.store.sql.text import storable


class Outcome(Record):
    """The outcome of one try to send a batch. `fallbacks` are the channels that may take over, nearest first, with
    `remark` added; `printers` get it as well, because perhaps nobody reads what they print. `pause` is until when the
    channel wants no message (epoch seconds), `took` how long the try took (seconds)."""

    at: float
    observer: str
    decision: Decision
    error: str | None
    note: str | None
    took: float
    fallbacks: tuple[str, ...] = ()
    remark: str = ""
    pause: float | None = None
    printers: tuple[str, ...] = ()


def save(db: Database, batch: Batch, outcome: Outcome) -> None:
    """Save an outcome: the new state of the notifications, the try itself, and which channel takes over. Saving it
    again changes nothing."""
    with db.transaction():
        _save_sends(db, batch, outcome)
        if outcome.pause is not None:
            channels.pause(db, batch.channel, outcome.pause)
        if outcome.decision.state == "handed_over":
            _hand_over(db, batch, outcome)
        else:
            _mark(db, [one.id for one in batch.notifications], batch, outcome, outcome.decision.state)


def save_all(db: Database, ended: Sequence[tuple[Batch, Outcome]]) -> None:
    """Save several outcomes in one transaction."""
    with db.transaction():
        for batch, outcome in ended:
            save(db, batch, outcome)


def _save_sends(db: Database, batch: Batch, outcome: Outcome) -> None:
    state = "retry" if outcome.decision.state == "waiting" else outcome.decision.state
    where, many = (outcome.at, outcome.observer, batch.channel), len(batch.notifications)
    how = state, _storable_or_none(outcome.error), _storable_or_none(outcome.note), round(outcome.took * 1_000_000)
    db.insert(
        "INSERT INTO heartbeat_sends"
        " (id, at, observer, channel, alert_id, batch, alerts, outcome, error, note, took_us)",
        "(?, to_timestamp(?), ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (f"{one.id}@{round(outcome.at * 1000)}/{one.attempts + 1}", *where, one.alert.id, batch.id, many, *how)
            for one in batch.notifications
        ],
        "ON CONFLICT (id) DO NOTHING",
    )


def _mark(db: Database, ids: Sequence[str], batch: Batch, outcome: Outcome, state: str) -> None:
    these = placeholders(ids)
    if state in ("sent", "printed"):
        db.run(
            "UPDATE heartbeat_outbox SET state = ?, sent = to_timestamp(?), attempts = attempts + 1, batch = ?,"
            f" lease_until = NULL, last_error = NULL, note = ?, failing_since = NULL WHERE id IN ({these})",
            (state, outcome.at if state == "sent" else None, batch.id, _storable_or_none(outcome.note), *ids),
        )
        return
    decision = outcome.decision
    stays_in = batch.id if decision.same_batch or batch.maybe_sent else None
    db.run(
        "UPDATE heartbeat_outbox SET state = ?, next_try = COALESCE(to_timestamp(?), next_try),"
        " attempts = attempts + ?, batch = ?, lease_until = NULL, last_error = ?,"
        f" failing_since = COALESCE(failing_since, to_timestamp(?)) WHERE id IN ({these}) AND state = 'waiting'",
        (state, decision.next_try, int(not decision.soon), stays_in, storable(outcome.error or ""), outcome.at, *ids),
    )


def _storable_or_none(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _hand_over(db: Database, batch: Batch, outcome: Outcome) -> None:
    """Hand each notification over to the first of the fallbacks that can have it, together with what waits behind it,
    so that whoever gets the beginning of an incident gets its end. One that no fallback can have is treated as if there
    were none."""
    ids = {one.id: (one.alert.id, one.remark) for one in batch.notifications}
    if incidents := [one.alert.incident for one in batch.notifications if one.alert.incident]:
        behind = db.rows(
            "SELECT o.id, o.alert_id FROM heartbeat_outbox o JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id"
            f" WHERE o.state = 'waiting' AND o.channel = ? AND a.incident IN ({placeholders(incidents)})",
            (batch.channel, *incidents),
        )
        ids |= {id_: (alert_id, "") for id_, alert_id in behind if id_ not in ids}
    taken: list[str] = []
    left: list[str] = []
    for id_, (alert_id, remark) in ids.items():
        remark = "; ".join(part for part in (remark, outcome.remark) if part)
        (taken if _hand_to_fallback(db, alert_id, outcome, remark) else left).append(id_)
    if taken:
        _mark(db, taken, batch, outcome, "handed_over")
    if left:
        _mark(db, left, batch, outcome, "failed" if outcome.decision.next_try is None else "waiting")


def _hand_to_fallback(db: Database, alert_id: str, outcome: Outcome, remark: str) -> bool:
    """Hand an alert over to a fallback. Returns whether one has it now, or had it already. A channel that was notified
    of the incident's end, or is just being notified, gets nothing of what was before it."""
    rows = db.rows("SELECT channel, state FROM heartbeat_outbox WHERE alert_id = ?", (alert_id,))
    states: dict[str, str] = dict(rows)
    ends = alerts.channels_notified_of_end(db, alert_id)
    for printer in outcome.printers:
        if printer not in states and printer not in ends:
            alerts.enqueue(db, alert_id, [printer], outcome.at, remark=remark)
    for fallback in outcome.fallbacks:
        if states.get(fallback) in ("waiting", "sent") or fallback in ends:
            return True
        if fallback not in states:
            alerts.enqueue(db, alert_id, [fallback], outcome.at, remark=remark)
            return True
    return False
