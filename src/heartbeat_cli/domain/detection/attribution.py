"""Whose fault it is: between a failing component and its own guilt stands whatever it depends on."""

from collections.abc import Mapping

from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.component import Component, ancestors
from heartbeat_cli.domain.detection.fault_detection import Event, Observation, Parent, Policy, State, held_healthy, step


def parent_of(component: Component, states: Mapping[str, State], components: Mapping[str, Component]) -> Parent | None:
    """The nearest ancestor in fault, else one that is only suspect, else nobody."""
    chain = [(id_, states[id_]) for id_ in ancestors(component.id, components) if id_ in states]
    for id_, state in chain:
        settling = not state.flapping and held_healthy(policy_of(components[id_]), state)
        if state.state in ("fault", "recovering") and not settling:
            return Parent(id_, in_fault=True)
    return next((Parent(id_, in_fault=False) for id_, state in chain if state.state == "suspect"), None)


def policy_of(component: Component, unobserved_after: int = 3, settle: float = 0.0) -> Policy:
    """The thresholds a component is judged by; `unobserved_after` is the same for all, `settle` (seconds) is for a
    fault that has returned."""
    common = component.common
    slow = common.fail_threshold if common.slow_threshold is None else common.slow_threshold
    own = common.fail_threshold, common.recovery_threshold, common.fail_window, slow, common.hold_flapping
    return Policy(*own, unobserved_after, settle)


def advance(
    component: Component,
    seen: Observation,
    states: Mapping[str, State],
    components: Mapping[str, Component],
    unobserved_after: int = 3,
    settle: float = 0.0,
) -> tuple[State, tuple[Event, ...]]:
    """One more heartbeat of a component, judged among all the others: its new state and the events."""
    state = states.get(component.id) or State(since=seen.at)
    parent = parent_of(component, states, components) if seen.status in FAILURES else None
    return step(policy_of(component, unobserved_after, settle), state, seen, parent)
