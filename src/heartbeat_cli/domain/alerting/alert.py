"""An alert: its type, its severity, and what it is about."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.checking.slowness import SLOW
from heartbeat_cli.domain.component import Component, Severity, severity_rank
from heartbeat_cli.domain.detection.fault_detection import Event
from heartbeat_cli.domain.record import Record

# What says that recovery can do no more about a fault.
HANDOFFS = ("recovery_failed", "recovery_denied", "recovery_held")
ENDS = ("recovered", "observed_again")  # what ends something that its alert's `incident` names
SOUNDLESS = ("acknowledged", "unacknowledged", "silenced")  # notices that wake nobody, whatever a channel says
_GRAVE_UNOBSERVED = ("database", "docker")  # what much else depends on
_EMPTY: Mapping[str, Any] = {}
_LATEST = 2e11  # seconds since the epoch that are still a date


_OVER = (
    "recovered",
    "degraded_ended",
    "observer_sees",
    "observer_back",
    "lock_free",
    "store_restored",
    "unwatched",
    "unconfirmed_ended",
    "observed_again",
)
FAMILIES = ("down", "slow", "degraded", "unobserved")
_OF_FAULT = ("reminder", "escalated", "recovery_failed", "recovery_denied", "recovery_held")  # besides `<kind>_down`


class Alert(Record):
    """One alert. `id` follows from what happened, so the same alert cannot be raised twice;
    `details` is JSON-able: started, cause, evidence, attempts."""

    id: str
    type: str
    severity: Severity
    title: str
    component: str
    at: float
    incident: str | None
    reason: str
    details: Mapping[str, Any] = _EMPTY

    @property
    def began(self) -> float:
        """When what it is about began (epoch seconds), as far as `details` say so: another host may have written
        them."""
        found = self.details.get("started")
        return float(found) if isinstance(found, int | float) and abs(found) < _LATEST else self.at

    @property
    def members(self) -> list[str]:
        """The components it is about, likewise."""
        found = self.details.get("components")
        listed = [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
        return listed or [self.component]


class Sent(Record):
    """How a notification stands: `state` is waiting, sent or failed."""

    alert_id: str
    channel: str
    state: str
    attempts: int
    sent: float | None
    last_error: str | None


def alert_type(component: Component, event: Event) -> str | None:
    """The type of the alert for an event; None when there is none."""
    if event.name in ("opened", "released"):
        return f"{component.kind}_down"
    if event.name == "ended" and event.held_by is None:
        return "recovered"
    if event.name == "degraded":
        return f"{component.kind}_{'slow' if event.cause.startswith(SLOW) else 'degraded'}"
    if event.name == "degraded_ended":
        return "degraded_ended"
    return None


def alert_severity(component: Component, kind: str) -> Severity:
    """Down and recovered weigh what the component weighs; slowness and its end are low."""
    if kind.endswith(("_slow", "_degraded")) or kind == "degraded_ended":
        return "low"
    return component.severity


def unobserved_severity(component: Component) -> Severity:
    """How grave it is that a component cannot be checked: never graver than that it is down."""
    own: Severity = "high" if component.kind in _GRAVE_UNOBSERVED else "medium"
    return min(own, component.severity, key=severity_rank)


def family(type_: str) -> str:
    """What an alert type has in common with others: down, slow, degraded, unobserved, over, or nothing."""
    if type_ in _OVER:
        return "over"
    tail = type_.rpartition("_")[2]
    return tail if tail in FAMILIES else ""


def is_about_fault(alert: Alert) -> bool:
    """Whether an alert says that a component is in fault: a person may acknowledge that."""
    return alert.incident is not None and (family(alert.type) == "down" or alert.type in _OF_FAULT)


def over(alerts: Iterable[Alert]) -> set[str]:
    """The incidents that are over: the newest of these alerts about them is an end."""
    newest: dict[str, tuple[float, bool]] = {}
    for one in alerts:
        if one.incident:  # of two of one moment the end is the later
            newest[one.incident] = max(newest.get(one.incident, (one.at, False)), (one.at, one.type in ENDS))
    return {incident for incident, (_, is_end) in newest.items() if is_end}


def without_past(alerts: Sequence[Alert]) -> list[Alert]:
    """These alerts without what a later one has overtaken: of an incident that was reopened, an earlier end and what
    came before it; of one that is over, who has answered."""
    finished = over(alerts)
    ends: dict[str, list[float]] = {}
    for one in alerts:
        if one.incident and one.type in ENDS:
            ends.setdefault(one.incident, []).append(one.at)
    past = {incident: [at for at in of if incident not in finished or at < max(of)] for incident, of in ends.items()}
    kept = [one for one in alerts if one.type not in SOUNDLESS or one.incident not in finished]
    return [one for one in kept if one.at > max(past.get(one.incident or "", ()), default=float("-inf"))]


def with_outcome(alerts: Sequence[Alert]) -> list[Alert]:
    """These alerts with one for each fault whose declaration and handoff are both among them: the declaration, with
    what recovery came to (`handoff` is the last handoff's type)."""
    found = list(alerts)
    for down in [one for one in alerts if one.incident and family(one.type) == "down"]:
        handed = [one for one in found if one.incident == down.incident and one.type in HANDOFFS and one.at >= down.at]
        if handed and down in found:
            last = max(handed, key=lambda one: one.at)
            found[found.index(down)] = _joined(down, last)
            found = [one for one in found if one not in handed]
    return found


def _joined(down: Alert, last: Alert) -> Alert:
    came_to = {"handoff": last.type, "recovery": last.reason, "ask": False, "restarts": ""}
    came_to |= {"failed_with": last.details.get("failed_with", "")}
    came_to |= {"attempts": last.details.get("attempts", ()), "last": ["error", last.details.get("cause")]}
    return down._replace(at=last.at, details={**down.details, **came_to})


def worst_severity(found: Iterable[Severity]) -> Severity:
    """The gravest of several; low of none."""
    return max(found, key=severity_rank, default="low")
