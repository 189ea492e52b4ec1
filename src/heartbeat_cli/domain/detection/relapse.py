"""When a fault that has returned is the same trouble as before, and from when to when it was none. Pure."""

from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.attribution import policy_of
from heartbeat_cli.domain.detection.fault_detection import Event, State, held_healthy
from heartbeat_cli.domain.incident import Relapse


def returned(event: Event, ended: float | None, held_by: str | None, within: float) -> Relapse | None:
    """The relapse that `event` is, when its fault began within so many seconds of the end of the last one; None where
    it is a fault of its own. What a parent's fault explains, before or now, is never a relapse."""
    if within <= 0 or event.name != "opened" or ended is None or held_by is not None:
        return None
    return Relapse(ended, event.started, event.at) if abs(event.started - ended) <= within else None


def relapsed(component: Component, before: State | None, after: State) -> Relapse | None:
    """The relapse of a component in fault that was healthy, if not steady, and fails again; None where it was not."""
    if before is None or after.state != "fault" or not held_healthy(policy_of(component), before):
        return None
    return Relapse(before.since, after.since, after.since)


def ended_at(component: Component, before: State | None, event: Event) -> float:
    """When a fault ended: of one that was kept open until the component was steady, when it had become healthy."""
    return before.since if before is not None and held_healthy(policy_of(component), before) else event.at
