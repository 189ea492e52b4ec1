"""A fault that returns soon reopens its incident: for people it is one trouble until it is steady.

Used by detection, inside its transaction, when a component falls.
"""

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection import relapse
from heartbeat_cli.domain.detection.fault_detection import Event, State
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.i18n.catalogs import translated
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states
from heartbeat_cli.views import wording


def reopened(db: Database, component: Component, event: Event, within: float) -> Incident | None:
    """The last incident of a component, open again, when the fault that `event` opens began within so many seconds of
    its end; None where it did not."""
    last = states.last_ended(db, component.id, event.started - within) if within > 0 else None
    if last is None or (again := relapse.returned(event, last.ended, last.held_by, within)) is None:
        return None
    return last.with_relapse(again)._replace(ended=None).with_cause(event.cause, event.failure)


def relapsed(db: Database, component: Component, before: State, after: State, incident: Incident) -> Incident | None:
    """The open incident of a component that was healthy, if not steady, and fails again; None where it was not."""
    again = relapse.relapsed(component, before, after)
    if again is None:
        return None
    fallen = incident.with_relapse(again)
    states.save_incident(db, fallen)
    return fallen


def one_more_line(db: Database, alert: Alert, incident: Incident, locale: str) -> Alert:
    """The alert of a fault that has returned: short, and in the thread of the first message. It stays as it is where
    nobody was notified of the incident so far."""
    if not alerts.notified_channels(db, incident.id):
        return alert
    span = translated(duration(max(0.0, alert.at - incident.started)), locale)
    title = wording.word("again", locale, title=alert.title, n=len(incident.outages), span=span)
    return alert._replace(title=title, details={**alert.details, "again": True})
