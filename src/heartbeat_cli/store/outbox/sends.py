"""Every try to send, and the channels that do not take messages at present."""

from collections.abc import Iterable

from heartbeat_cli.domain.alerting.delivery import Send, Trouble
from heartbeat_cli.store.sql.database import Database, placeholders

_TROUBLE_SECONDS = 30 * 86_400.0  # seconds for which a channel's trouble is looked up


def attempts_since(db: Database, channel: str, since: float) -> list[float]:
    """When messages were sent, or tried, on a channel since a moment (epoch seconds)."""
    sql = "SELECT DISTINCT batch, at FROM heartbeat_sends WHERE channel = ? AND at > to_timestamp(?) AND took_us > 0"
    return [row[1] for row in db.rows(sql, (channel, since))]


def sends_of(db: Database, alert_ids: Iterable[str]) -> list[Send]:
    """Every try to send these alerts, in order."""
    ids = list(alert_ids)
    if not ids:
        return []
    rows = db.rows(
        "SELECT at, observer, channel, alert_id, batch, alerts, outcome, error, note, took_us FROM heartbeat_sends"
        f" WHERE alert_id IN ({placeholders(ids)}) ORDER BY at, key",
        ids,
    )
    return [Send(*row)._replace(took=row[-1] / 1_000_000) for row in rows]


def channel_troubles(db: Database, now: float) -> list[Trouble]:
    """The channels whose last try failed: since when, why, and how much waits."""
    rows = db.rows(
        "WITH last AS (SELECT channel, max(key) AS newest,"
        " max(CASE WHEN outcome IN ('sent', 'printed') THEN key ELSE 0 END) AS good"
        " FROM heartbeat_sends WHERE at > to_timestamp(?) GROUP BY channel)"
        " SELECT l.channel, (SELECT min(s.at) FROM heartbeat_sends s WHERE s.channel = l.channel AND s.key > l.good),"
        " n.error, (SELECT count(*) FROM heartbeat_outbox o WHERE o.channel = l.channel AND o.state = 'waiting')"
        " FROM last l JOIN heartbeat_sends n ON n.key = l.newest WHERE l.newest > l.good ORDER BY l.channel",
        (now - _TROUBLE_SECONDS,),
    )
    return [Trouble(channel, since, error or "", waiting) for channel, since, error, waiting in rows]
