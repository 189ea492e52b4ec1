"""Incidents of which a channel gets more than one alert in one message: those that were over before it could be
notified of them (they waited for the end of quiet hours, or for a channel that took nothing), and those that recovery
has handed off to a person before it was notified of their beginning."""

from collections.abc import Collection, Mapping, Sequence

from heartbeat_cli.domain.alerting.alert import ENDS, HANDOFFS, family
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.store.sql.database import Database, Row


class Rest(Record):
    """What else belongs into a message: the ids of notifications, each with its alert's; and what the channel last
    said to those that it was tried with ("" if there was no try)."""

    notifications: list[tuple[str, str]]
    last_error: str = ""


def rest(
    db: Database,
    channel: str,
    taken: Sequence[str],
    now: float,
    most: int,
    among: tuple[str, Mapping[str, str | float]] = ("TRUE", {}),
) -> Rest:
    """What belongs into a message with the notifications `taken`: of each of their incidents that has ended meanwhile,
    reopened or not, the rest; of each other whose beginning is taken, its handoffs; at most `most` notifications. Only
    rows of the outbox (`o`) that fit the condition `among` count; it comes with its values. Claim them in the same
    transaction."""
    condition, values = among
    wanted = {f"taken_{number}": id_ for number, id_ in enumerate(taken)}
    rows = db.rows(
        "SELECT a.incident, o.id, a.alert_id, a.alert_type, o.last_error,"
        " o.batch IS NULL AND o.lease_until IS NULL AND o.next_try <= to_timestamp(:now)"
        " FROM heartbeat_outbox o JOIN heartbeat_alert_rows a ON a.alert_id = o.alert_id"
        f" WHERE o.state = 'waiting' AND o.channel = :channel AND {condition} AND a.incident IN (SELECT b.incident"
        " FROM heartbeat_outbox p JOIN heartbeat_alert_rows b ON b.alert_id = p.alert_id"
        f" WHERE p.id IN ({', '.join(f':{name}' for name in wanted)}))"
        " AND EXISTS (SELECT 1 FROM heartbeat_incidents i WHERE i.id = a.incident)"  # not what is about a host
        f" ORDER BY a.alert_time, o.created, o.id {'FOR UPDATE OF o' if db.dialect == 'postgres' else ''}",
        {**values, **wanted, "now": now, "channel": channel},
    )
    return _chosen(rows, set(taken), most)


def _chosen(rows: Sequence[Row], taken: Collection[str], most: int) -> Rest:
    behind: dict[str, list[tuple[str, str]]] = {}
    handed: dict[str, list[tuple[str, str]]] = {}
    errors: dict[str, str] = {}
    ended: set[str] = set()
    stuck: set[str] = set()
    begun: set[str] = set()
    for incident, id_, alert_id, kind, error, ready in rows:
        if kind in ENDS:
            ended.add(incident)
        errors[incident] = error or errors.get(incident, "")
        if id_ in taken:
            begun |= {incident} if family(kind) == "down" else set()
            continue
        behind.setdefault(incident, []).append((id_, alert_id))
        if not ready:
            stuck.add(incident)
        elif kind in HANDOFFS:
            handed.setdefault(incident, []).append((id_, alert_id))
    chosen = {one: behind[one] for one in behind.keys() & ended - stuck}
    chosen |= {one: handed[one] for one in handed.keys() & begun - ended}
    found: list[tuple[str, str]] = []
    said = ""
    for incident in sorted(chosen):
        if len(found) + len(chosen[incident]) <= most:
            found += chosen[incident]
            said = said or errors[incident]
    return Rest(sorted(found), said)


def remark(db: Database, channel: str, notifications: Sequence[str], error: str) -> None:
    """Have the message of these notifications say why it comes late, the same at every further try."""
    why = Text("delivered late: {channel} did not take it ({why})", channel=channel, why=error)
    marks = ", ".join("?" for _ in notifications)
    db.run(f"UPDATE heartbeat_outbox SET remark = ? WHERE remark IS NULL AND id IN ({marks})", (why, *notifications))
