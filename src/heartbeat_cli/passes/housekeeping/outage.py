"""Notifies once that the store does not answer, when that lasts, and once when it is over. Used by `run`."""

import os

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.coverage import TICK, Degraded
from heartbeat_cli.domain.component import Severity, watched_by
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.enqueue import enqueue_end, enqueue_host_alert, host_alert, host_channels
from heartbeat_cli.store.outbox import notification_history
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import spool
from heartbeat_cli.store.state import states

_PASSES = 3  # passes without the store that are no blip any more


def notify(db: Database, config: Config, since: Degraded, now: float) -> None:
    """Notify of an outage that lasts, unless all of them were notified that the store's own server is in fault. `db` is
    the spool."""
    if spool.passes_kept(db) < _PASSES or _is_explained(db, config, since, now):
        return
    reason = Text("{reason}; what is seen meanwhile is kept on this host", reason=Text(since.reason))
    enqueue_host_alert(db, config, _alert("store_unreachable", "high", config, since, now, reason), now)


def _is_explained(db: Database, config: Config, since: Degraded, now: float) -> bool:
    """Whether a database that this host checks, on the server of the store, is in fault since the outage began, and
    every channel that would be notified of the outage was notified of that, or is in this pass."""
    known = [
        component
        for id_, incident in states.open_incidents(db).items()
        if incident.held_by is None and incident.acked is None
        if (component := config.components.get(id_)) is not None and component.kind == "database"
        if watched_by(component, config.observer) and _was_notified(db, config, incident, since, now)
    ]
    if not known:
        return False
    from heartbeat_cli.store.state import silences

    servers, quiet = _servers(config.store), silences.in_force(db, config, now)
    return bool(servers) and any(
        servers <= _servers(getattr(one.settings, "dsn", ""))
        for one in known
        if not any(silence.covers(one, now) for silence in quiet)
    )


def _was_notified(db: Database, config: Config, incident: Incident, since: Degraded, now: float) -> bool:
    began = (incident.relapses or (incident,))[-1].started
    if began < since.started - TICK:  # one that was there before does not say why the store is away
        return False
    notified = notification_history.channels_notified(db, incident.id, began, since.started, now)
    return bool(notified) and notified.issuperset(host_channels(config, "high"))


def _servers(dsn: str) -> set[tuple[str, str]]:
    """Host, or folder of the socket, and port of each server that a DSN names; nothing where it does not say."""
    from heartbeat_cli.postgres import libpq

    try:
        found = libpq.targets(dsn)
    except libpq.Trouble:
        return set()
    if any("service" in one for one in found):
        return set()
    host, port = os.environ.get("PGHOST", ""), os.environ.get("PGPORT") or "5432"
    return {(one.get("hostaddr") or one.get("host") or host, one.get("port") or port) for one in found}


def notify_end(db: Database, config: Config, covered: Degraded, now: float) -> None:
    """Notify those who were notified of it that it is over. `db` is the store."""
    reason = Text(
        "the store answers again after {now}; what was seen meanwhile is in it", now=duration(now - covered.started)
    )
    enqueue_end(db, config, _alert("store_restored", "low", config, covered, now, reason), now, weight="high")


def _alert(kind: str, severity: Severity, config: Config, about: Degraded, now: float, reason: str) -> Alert:
    details = {"started": about.started, "cause": about.reason, "kind": "observer"}
    return host_alert(config, kind, severity, about.id, now, reason, details)
