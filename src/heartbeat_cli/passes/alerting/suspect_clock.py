"""A clock of this host that cannot be trusted (see `check/clock.py`): people are notified once, and once when it
can."""

from collections.abc import Iterable

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.clock_trust import Suspect
from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.enqueue import enqueue_end, enqueue_host_alert, host_alert
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state.silences import Silence


def notify(db: Database, config: Config, suspect: Suspect, in_force: Iterable[Silence], now: float) -> str:
    """Notify of it, and note that; returns the reason. A silence of everything, or of this host's name, withholds
    the alert."""
    gaps.save_suspect(db, config.observer, suspect._replace(notified=True))
    reason = Text("{reason}; until it is right nothing is pruned or closed", reason=Text(suspect.reason))
    details = {"kind": "observer", "cause": suspect.reason}
    alert = host_alert(config, "clock_suspect", "medium", _about(config, suspect), now, reason, details)
    return enqueue_host_alert(db, config, alert, now, in_force).reason


def notify_end(db: Database, config: Config, suspect: Suspect, reason: str, now: float) -> None:
    """Notify those who were notified of it that the clock can be trusted again, and why."""
    about, details = _about(config, suspect), {"kind": "observer", "cause": suspect.reason}
    alert = host_alert(config, "recovered", "low", about, now, reason, details, title="clock_trusted")
    enqueue_end(db, config, alert, now, weight="medium")


def _about(config: Config, suspect: Suspect) -> str:
    return incident_id(config.observer, suspect.began)
