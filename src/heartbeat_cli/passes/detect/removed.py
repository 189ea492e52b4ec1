"""Components that the configuration has no more, or leaves to a host that there is not: nobody checks them, so
nothing would ever end their fault. It is closed, and whoever was notified of it learns why. Used by detection.
"""

from collections.abc import Mapping

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain import blocks
from heartbeat_cli.domain.checking.coverage import LONGEST, Degraded, Watch
from heartbeat_cli.domain.component import watched_by
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.enqueue import enqueue_to, host_alert
from heartbeat_cli.store.history import gaps, last_checks
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.quorum import peers
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import spool
from heartbeat_cli.store.state import states

_PATIENCE = 3_600.0  # seconds without a check: a configuration may have been tried out, or be at work on
_REMOVED = Text("it is no longer in the configuration")
_GONE = Text("it was removed")
_NOBODYS = Text("no host checks it any more")


def close(db: Database, config: Config, incidents: Mapping[str, Incident], now: float) -> dict[str, str]:
    """Close the incidents of what nobody has checked for an hour or more, and forget where it stood; why, by
    component. What another host checks is left to it."""
    closed, watches = {}, gaps.watches(db)
    outage = spool.current_outage(db) if peers.is_spool(db) else None
    for id_, incident in list(incidents.items()):
        if outage is not None and not _is_ours(db, config, incident, outage):
            continue
        reason = _over(db, config, watches, id_, now, config.was_removed(id_))
        if reason is None:
            continue
        states.save_incident(db, incident._replace(ended=max(now, incident.started)))
        states.delete_state(db, id_)
        details = {"cause": incident.cause, "started": incident.started, "observer": config.observer}
        alert = host_alert(config, "unwatched", "low", incident.id, now, reason, details, host=id_)
        enqueue_to(db, config, alert, alerts.notified_channels(db, incident.id), now)
        closed[id_] = reason
    return closed


class Gone(Record):
    """Why a component is checked no more; `observed`: it stood for a block of which it is known now what that has."""

    reason: str
    observed: bool


def unobserved(db: Database, config: Config, known: Mapping[str, State], now: float) -> dict[str, Gone]:
    """Why components are checked no more that people know to be unobserved, by component. While the store is away
    nothing is known of what other hosts check, so there are none."""
    if peers.is_spool(db):
        return {}
    watches, found = gaps.watches(db), dict[str, Gone]()
    for id_, state in known.items():
        if state.unobserved_alert and id_ not in config.components:
            observed = config.knows_block(blocks.stood_for(last_checks.memory(db, config.observer, id_)))
            if reason := _over(db, config, watches, id_, now, observed or config.was_removed(id_)):
                found[id_] = Gone(reason, observed)
    return found


def _is_ours(db: Database, config: Config, incident: Incident, outage: Degraded) -> bool:
    """Whether, as far as a spool says, only this host has checked what the incident is of. It has no checks of others:
    one that has seen the fault begin, or that kept the store from closing it before the outage, has it."""
    if incident.component in peers.shared_while_apart(db, config.observer):
        return False
    checked = dict(last_checks.checked_by(db, incident.component)).get(config.observer)
    return checked is not None and checked >= max(incident.started, outage.started - _PATIENCE)


def _over(db: Database, config: Config, watches: Mapping[str, Watch], id_: str, now: float, gone: bool) -> str | None:
    """Why it is checked no more, if so; `gone`: it is known that there is no such thing on this host. It is another
    host's as long as that watches, however seldom it checks. A host that has lost it for `_PATIENCE` deletes its own
    check while it leaves it to others, so that the last one that loses it finds none, and closes it."""
    component = config.components.get(id_)
    if component is not None and watched_by(component, config.observer):
        return None
    if component is None and not gone and config.may_still_have(id_):
        return None
    checked = dict(last_checks.checked_by(db, id_))
    own = checked.pop(config.observer, None)
    patience = _PATIENCE if component is None else max(_PATIENCE, peers.reaches(component))
    if own is not None and not gone and now - own <= patience:  # if gone, Docker or systemd has just said so
        return None
    left = component is not None and any(watched_by(component, host) for host in watches)
    if left or any(_holds(watches.get(host), at, now) for host, at in checked.items()):
        if own is not None:
            last_checks.delete(db, config.observer, id_)
        return None
    return _GONE if gone else _REMOVED if component is None else _NOBODYS


def _holds(watch: Watch | None, at: float, now: float) -> bool:
    """Whether what another host checked at that time is left to it. One that is silent may come back to it; people were
    notified of the silence, and `observers --forget` ends it. Of one that has never made passes regularly, or that was
    forgotten, nobody is notified: its time runs."""
    if watch is not None and watch.regular:
        return True
    return now - max(at, watch.started if watch is not None else at) <= LONGEST
