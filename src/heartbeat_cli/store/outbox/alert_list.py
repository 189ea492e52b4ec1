"""Selects alerts for `heartbeat alerts`, and their notifications."""

from collections.abc import Iterable, Sequence
from typing import Any

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.outbox.alerts import COLUMNS, as_alert
from heartbeat_cli.store.sql.database import Database, placeholders

_MAX_MATCHES = 20  # alerts that a beginning of an id is looked up for


class AlertFilter(Record):
    """Which alerts are wanted: None and empty mean all. `types` may be globs; times are epoch seconds, `until` not
    included; `undelivered` are those that a channel has not taken."""

    components: Sequence[str] | None = None
    types: Sequence[str] = ()
    severities: Sequence[str] = ()
    since: float | None = None
    until: float | None = None
    undelivered: bool = False


class NotificationState(Record):
    """The notification of one alert on one channel: `state` is waiting (until `next_try`), sent, printed, failed or
    handed_over."""

    alert_id: str
    channel: str
    state: str
    attempts: int
    created: float
    next_try: float
    sent: float | None
    last_error: str | None
    note: str | None


def select(db: Database, wanted: AlertFilter, limit: int) -> list[Alert]:
    """The alerts that match, newest first, at most `limit`."""
    conditions, values = _conditions(wanted)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = db.rows(
        f"SELECT {COLUMNS} FROM heartbeat_alert_rows a{where} ORDER BY alert_time DESC, alert_id LIMIT ?",
        (*values, limit),
    )
    return [as_alert(row) for row in rows]


def find(db: Database, beginning: str) -> list[Alert]:
    """The alert with this id, or those whose ids begin with it, newest first."""
    rows = db.rows(
        f"SELECT {COLUMNS} FROM heartbeat_alert_rows WHERE alert_id LIKE ? ESCAPE '!'"
        " ORDER BY alert_time DESC, alert_id LIMIT ?",
        (_like(beginning.replace("*", "!*")) + "%", _MAX_MATCHES),
    )
    found = [alert for alert in map(as_alert, rows) if alert.id.startswith(beginning)]
    return [alert for alert in found if alert.id == beginning] or found


def notifications(db: Database, alert_ids: Iterable[str]) -> dict[str, list[NotificationState]]:
    """The notifications of these alerts, by alert and in order of channel."""
    ids = list(alert_ids)
    found: dict[str, list[NotificationState]] = {id_: [] for id_ in ids}
    if ids:
        rows = db.rows(
            "SELECT alert_id, channel, state, attempts, created, next_try, sent, last_error, note"
            f" FROM heartbeat_outbox WHERE alert_id IN ({placeholders(ids)}) ORDER BY channel",
            ids,
        )
        for row in rows:
            found[row[0]].append(NotificationState(*row))
    return found


def components(db: Database) -> list[str]:
    """Everything that there are alerts about: components, also those that were removed from the configuration, and
    hosts."""
    return [row[0] for row in db.rows("SELECT DISTINCT component FROM heartbeat_alert_rows ORDER BY component")]


def _conditions(wanted: AlertFilter) -> tuple[list[str], list[Any]]:
    found: list[str] = []
    values: list[Any] = []
    for column, names in (("component", wanted.components), ("severity", wanted.severities or None)):
        if names is not None:
            found.append(f"{column} IN ({placeholders(names)})" if names else "1 = 0")
            values += names
    if wanted.types:
        found.append(f"({' OR '.join(['alert_type LIKE ? ESCAPE ' + _ESCAPE] * len(wanted.types))})")
        values += map(_like, wanted.types)
    for sign, at in ((">=", wanted.since), ("<", wanted.until)):
        if at is not None:
            found.append(f"alert_time {sign} to_timestamp(?)")
            values.append(at)
    if wanted.undelivered:
        open_ = "o.alert_id = a.alert_id AND o.state IN ('waiting', 'failed')"
        found.append(f"EXISTS (SELECT 1 FROM heartbeat_outbox o WHERE {open_})")
    return found, values


_ESCAPE = "'!'"


def _like(glob: str) -> str:
    """A glob as a LIKE pattern."""
    signs = {"!": "!!", "%": "!%", "_": "!_", "*": "%", "?": "_"}
    return "".join(signs.get(sign, sign) for sign in glob)
