"""What an alert says of other components, and of times in which nobody checked. Used by `alert_context`."""

from collections.abc import Iterable, Mapping, Sequence

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert, family
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.attribution import policy_of
from heartbeat_cli.domain.detection.fault_detection import State, held_healthy
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.labels import label
from heartbeat_cli.passes.alerting import remedies
from heartbeat_cli.passes.check import check
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.quorum import peers
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries, states

_SPENDS = ("agent", "openclaw", "mcp", "llm", "progress", "push")  # kinds whose work a budget may pay for
_LATE = ("progress", "push", "file", "timer")  # kinds that fail only some time after what they watch has stopped
_LONGEST = 7 * 86_400.0  # seconds back in which a time without checks is looked for

Details = dict[str, object]


class Blind(Record):
    """A time (epoch seconds) in which nobody saw these components; none named: all of them."""

    begun: float
    ended: float
    components: Sequence[str] = ()


def since_when(
    db: Database,
    components: Sequence[Component],
    known: Mapping[str, State],
    incidents: Mapping[str, Incident],
    asked: dict[str, str],
    spans: Sequence[Blind],
) -> list[list[object]]:
    """Since when each of these components has been failing (epoch seconds), who has acknowledged it, its cause in a
    few words (`asked`: see `remedies.in_brief`), when that began at the earliest (`spans` are the times in which nobody
    saw them), and whether it is healthy by now and its fault only waits to be steady."""
    ids = [one.id for one in components]
    causes = remedies.in_brief(db, [incidents[id_].cause if id_ in incidents else "" for id_ in ids], asked)
    return [
        [
            known[one.id].failing_since,
            (incidents[one.id].acked_by if one.id in incidents else None) or "",
            cause,
            _earliest(one, known[one.id].failing_since, spans),
            held_healthy(policy_of(one), known[one.id]),
        ]
        for one, cause in zip(components, causes, strict=True)
    ]


def _earliest(component: Component, failing_since: float | None, spans: Iterable[Blind]) -> float | None:
    """When a fault that was first seen at that moment can have begun: after the last check before it. None where that
    check says nothing of it."""
    if failing_since is None or component.kind in _LATE:
        return None
    blind = unseen(component, failing_since, spans).get("unseen")
    return min(failing_since - peers.reaches(component), blind[0] if isinstance(blind, list) else failing_since)


def likely_cause(
    config: Config, component: Component, ids: Iterable[str], known: Mapping[str, State], now: float
) -> Details:
    """The spent budget, of these components in fault, that the work of a component may be waiting for: its name, when
    it starts anew, and since when it is spent (epoch seconds). None where it is related to a parent anyway."""
    if component.kind not in _SPENDS:
        return {}
    for id_ in ids:
        other = config.components[id_]
        if other.kind == "budget":
            return {"likely": [other.name, remedies.renews(other, now), known[id_].failing_since]}
    return {}


def blind_spans(db: Database, config: Config, now: float) -> list[Blind]:
    """The times of the last week in which components could not be checked, or this host made no pass."""
    unobserved = [Blind(one.began, one.at, one.members) for one in alerts.observed_again(db, now - _LONGEST)]
    missed = [one for one in gaps.between(db, now - _LONGEST, now) if one.observer == config.observer]
    return unobserved + [Blind(one.started, one.ended) for one in missed]


def unseen(component: Component, started: float, spans: Iterable[Blind]) -> Details:
    """From when to when nobody saw a component right before its first failed check."""
    reach = peers.reaches(component)
    near = [
        one.begun
        for one in spans
        if one.begun < min(one.ended, started) and abs(started - one.ended) <= reach
        if not one.components or component.id in one.components
    ]
    return {"unseen": [min(near), started]} if near else {}


def returned(db: Database, component: Component, incident: Incident, started: float) -> Details:
    """Of a fault that has returned: when it had recovered, and after which step of whose."""
    begun, over = incident.outages[-2][0], incident.relapses[-1].ended
    attempts = recoveries.of_incident(db, incident.id)
    healed = [one for one in attempts if one.verified is not None and begun <= one.started <= over]
    found: Details = {"recovered_at": over, "returned_at": started}
    if healed:
        last, ladder = healed[-1], component.plan.ladder
        same = last.step < len(ladder) and ladder[last.step].action == last.action
        repair = label(ladder[last.step]) if same else last.action
        found |= {"repair": repair, "repaired_by": last.requested_by}
    return found


def at_first(given: Iterable[Alert]) -> Details:
    """What the message of an end has of the first message of its fault: what each host saw (`views_then`), and the
    parent that had failed before it (`waited_for`)."""
    first = next((one.details for one in given if family(one.type) == "down"), {})
    found = {"views_then": first.get("votes"), "waited_for": first.get("waited_for")}
    return {key: value for key, value in found.items() if value}


def parent_back(db: Database, parent: str, since: float) -> Details:
    """When the fault of a parent ended, that kept back the message of a child failing since then (epoch seconds)."""
    last = states.last_ended(db, parent, since)
    return {"waited_until": last.ended} if last is not None else {}


def expected(db: Database, config: Config, ids: Sequence[str], known: Mapping[str, State], now: float) -> Details:
    """What becomes of components that fail still after what they depend on has recovered: about when the last of them
    has failed for long enough to get a message of its own (epoch seconds), and whether heartbeat then restarts any."""
    children = [config.components[id_] for id_ in ids]
    pace = check.strategy(db, config)
    at = max(now + _left(one, known.get(one.id)) * one.interval(pace) for one in children)
    return {"follow": [at, any(one.plan.mode == "on" and bool(one.plan.ladder) for one in children)]}


def _left(component: Component, state: State | None) -> int:
    """How many more checks must fail until a component has a fault of its own."""
    needed = component.common.fail_threshold
    counted = (state.grace_looks if state.state == "fault" else state.fail_count) if state is not None else 0
    return max(1, needed - counted)
