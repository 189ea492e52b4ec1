"""Incidents that began and ended during a channel's quiet hours: beginning and end go out in one message."""

from collections.abc import Sequence

from heartbeat_cli.domain.alerting.alert import ENDS
from heartbeat_cli.store.sql.database import Database


def ends(db: Database, channel: str, taken: Sequence[str], now: float, most: int) -> list[tuple[str, str]]:
    """What else belongs into a message with the notifications `taken`, which waited for the end of quiet hours and were
    never tried: of each of their incidents that is over, the rest up to its end, at most `most` notifications. Returns
    ids of notifications, each with its alert's; claim them in the same transaction."""
    marks = ", ".join("?" for _ in taken)
    rows = db.rows(
        "SELECT a.incident, o.id, a.alert_id, a.alert_type,"
        " o.attempts = 0 AND o.batch IS NULL AND o.lease_until IS NULL AND o.next_try <= to_timestamp(?)"
        " FROM heartbeat_outbox o JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id"
        " WHERE o.state = 'waiting' AND o.channel = ? AND a.incident IN (SELECT b.incident FROM heartbeat_outbox p"
        f" JOIN heartbeat_alert_rows b ON b.alert_id = p.alert_id WHERE p.id IN ({marks}))"
        f" ORDER BY a.alert_time, o.created, o.id {'FOR UPDATE OF o' if db.dialect == 'postgres' else ''}",
        (now, channel, *taken),
    )
    rest: dict[str, list[tuple[str, str]]] = {}
    over: set[str] = set()
    stuck: set[str] = set()
    for incident, id_, alert_id, kind, ready in rows:
        if not ready:
            stuck.add(incident)
        if kind in ENDS:
            over.add(incident)
        if id_ not in taken:
            rest.setdefault(incident, []).append((id_, alert_id))
    found: list[tuple[str, str]] = []
    for incident in sorted(over - stuck):
        if len(found) + len(rest.get(incident, ())) <= most:
            found += rest.get(incident, [])
    return sorted(found)
