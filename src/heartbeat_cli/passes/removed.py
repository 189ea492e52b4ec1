"""Components that the configuration has no more: nobody looks at them, so nothing would ever end their fault. It is
closed, and whoever was told of it hears why. Used by detection.
"""

from collections.abc import Mapping

from heartbeat_cli.config import Config
from heartbeat_cli.domain.alert import Alert
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.passes.tell import add
from heartbeat_cli.store import alerts, passes, states
from heartbeat_cli.store.database import Database
from heartbeat_cli.views import wording

_PATIENCE = 3_600.0  # seconds without a look: a configuration may have been tried out, or be at work on
REASON = "it is no longer in the configuration"


def close(db: Database, config: Config, incidents: Mapping[str, Incident], now: float) -> list[str]:
    """Close the incidents of what was removed an hour ago or more, and forget where it stood; their components. What
    another host looks at is that one's affair."""
    closed = []
    for id_, incident in list(incidents.items()):
        if id_ in config.components or not _ours_and_old(db, config, id_, now):
            continue
        states.save_incident(db, incident._replace(ended=max(now, incident.started)))
        states.forget(db, id_)
        alert = Alert(
            id=f"{incident.id}/unwatched",
            type="unwatched",
            severity="low",
            title=wording.observer_title("unwatched", id_, config.heartbeat.locale),
            component=id_,
            at=now,
            incident=incident.id,
            reason=REASON,
            details={"cause": incident.cause, "started": incident.started, "observer": config.observer},
        )
        add(db, config, alert, alerts.told(db, incident.id), now)
        closed.append(id_)
    return closed


def _ours_and_old(db: Database, config: Config, id_: str, now: float) -> bool:
    looks = passes.looked_at(db, id_)
    return all(observer == config.observer and now - at > _PATIENCE for observer, at in looks)
