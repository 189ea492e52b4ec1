"""Judges a history by its record: what the hosts acknowledged, did and said against what the store holds. Pure.

lost          a run that ended well has its pass in the store, whole and once
twice         each step that was taken is recorded, none begins while another one runs, whichever host takes them, and
              none for the same incident before the last one had its time or has helped
unresolved    every message that something is down has one that it is over, and neither is sent twice, unless the answer
              to the first was lost
unfounded     every decision about a component follows from the votes that the deciding host could see
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tests.parts.cluster.audit import Written, moment
from tests.parts.cluster.observers import GOOD_ROUNDS, GRACE, QUORUM, Run, Step

FAILURES, SUCCESSES = frozenset({"unhealthy", "error"}), frozenset({"healthy", "degraded"})
_SLACK = 2.0  # seconds between a process and what it writes down
_MEASURED = 0.5  # seconds: a step's time counts from its record, and its script begins a moment later
_COMMIT = 1.0  # seconds that a transaction takes from its vote to its end, which a standby has to confirm
_ENDS = {"agent_down": "recovered", "agent_unobserved": "observed_again"}


class Pass(NamedTuple):
    """A pass in the store: its process, by the observer's clock; `looks` it says it has, and the checks there are."""

    observer: str
    pid: int
    started: float
    looks: int
    checks: int
    components: int
    judged: bool


class Attempt(NamedTuple):
    observer: str
    incident: str | None
    step: int
    started: float
    finished: float | None
    outcome: str
    verified: float | None = None


class Notice(NamedTuple):
    """A message that was received: real time, by which host, what."""

    at: float
    observer: str
    id: str
    type: str


class Record(NamedTuple):
    """Everything that is known of a history. `ahead`: seconds that the clock of an observer is ahead."""

    ahead: Mapping[str, float]
    runs: Sequence[Run]
    passes: Sequence[Pass]
    steps: Sequence[Step]
    attempts: Sequence[Attempt]
    notices: Sequence[Notice]
    written: Sequence[Written]
    states: Mapping[str, str]  # of the components, at the end
    unsent: int  # notifications that wait at the end
    spools: int  # that are left at the end
    unanswered: Mapping[str, str] = {}  # messages whose answer a host has waited for in vain, and what it says of that
    batches: Mapping[str, Sequence[tuple[str, str]]] = {}  # of messages that hold several alerts: their ids and types


def violations(record: Record) -> list[str]:
    """What is wrong with a history; nothing if it is in order."""
    record = record._replace(notices=list(_alerts(record)))
    return [*_lost(record), *_twice(record), *_unresolved(record), *_unfounded(record)]


def _alerts(record: Record) -> Iterator[Notice]:
    """What was received, alert by alert: the end of a fault may come in one message with others."""
    for one in record.notices:
        for id_, type_ in record.batches.get(one.id, [(one.id, one.type)]):
            yield one._replace(id=id_, type=type_)


def _lost(record: Record) -> Iterator[str]:
    for run in record.runs:
        name = f"{run.observer}'s run {run.pid} at {run.began:.3f}"
        if run.code != 0:
            yield f"lost: {name} ended with {run.code}: {run.said.strip()[-300:]}"
            continue
        ahead = record.ahead[run.observer]
        own = [
            one
            for one in record.passes
            if (one.observer, one.pid) == (run.observer, run.pid)
            and run.began - _SLACK <= one.started - ahead <= run.ended + _SLACK
        ]
        if not own:
            yield f"lost: {name} ended well, and its pass is not in the store"
        yield from (f"lost: {name}: {count} times the same pass" for count in Counter(own).values() if count > 1)
    for one in record.passes:
        if not one.looks == one.checks == one.components:
            yield f"lost: {one} is not whole, or stands twice"
        if not one.judged:
            yield f"lost: {one} was never judged"
    if record.spools:
        yield f"lost: {record.spools} spools are left at the end"


def _twice(record: Record) -> Iterator[str]:
    taken = sorted(record.steps, key=lambda one: one.begun)
    for one, other in itertools.pairwise(taken):
        if other.begun < one.ended:
            yield f"twice: {other} began before {one} ended"
    free = list(record.attempts)
    known: list[tuple[Step, Attempt]] = []
    for step in taken:
        ahead = record.ahead[step.observer]
        fits = [
            one
            for one in free
            if (one.observer, one.step) == (step.observer, step.number)
            and one.started - ahead - _SLACK <= step.begun <= (one.finished or one.started) - ahead + _SLACK
        ]
        if fits:
            free.remove(fits[0])
            known.append((step, fits[0]))
        else:
            yield f"twice: {step} was taken, and no attempt says so"
    for (one, its), (other, later) in itertools.pairwise(known):
        helped = its.verified is not None and its.verified <= later.started  # what falls again is not waited for
        if its.incident == later.incident and not helped and other.begun - one.begun < GRACE - _MEASURED:
            apart = f"{other.begun - one.begun:.2f} s"
            yield f"twice: {other} was taken {apart} after {one} for {its.incident}, which had {GRACE} s to help"


def _unresolved(record: Record) -> Iterator[str]:
    # Without the store each host doubts for itself, and hosts that began to in the same millisecond share the id.
    alone = [(one.id, one.observer) for one in record.notices if one.type == "unconfirmed"]
    yield from (f"unresolved: {one} was sent {count} times" for one, count in Counter(alone).items() if count > 1)
    counts = Counter(one.id for one in record.notices if one.type != "unconfirmed")
    twice = {id_: count for id_, count in counts.items() if count > 1 and id_ not in record.unanswered}
    yield from (f"unresolved: {id_} was sent {count} times" for id_, count in twice.items())
    for one in record.notices:
        if (end := _ENDS.get(one.type)) is not None:
            about, _, kind = one.id.rpartition("/")
            over = f"{about}/{kind.replace(one.type, end, 1)}"
            if over not in counts:
                yield f"unresolved: {one.id} was sent, and {over} never"
            elif min(n.at for n in record.notices if n.id == over) < one.at:
                yield f"unresolved: {over} was sent before {one.id}"
    yield from _unconfirmed(record)
    yield from (
        f"unresolved: {id_} is {state} at the end" for id_, state in record.states.items() if state != "healthy"
    )
    if record.unsent:
        yield f"unresolved: {record.unsent} notifications are not sent at the end"


def _unconfirmed(record: Record) -> Iterator[str]:
    """What nobody could confirm is over, or has become a fault, whose messages go on from there: one for what each host
    has doubted for itself."""
    last: dict[str, Notice] = {}
    for one in sorted(record.notices):
        component = one.id.partition("@")[0]
        if one.type == "unconfirmed":
            last[component] = one
        elif one.type in ("unconfirmed_ended", "recovered"):
            last.pop(component, None)
    yield from (f"unresolved: {one.id} was sent, and nothing since" for one in last.values())


def _unfounded(record: Record) -> Iterator[str]:
    last: dict[str, Mapping[str, Any]] = {}
    votes = [one for one in record.written if one.what == "heartbeat_looks"]
    for one in record.written:
        if one.what != "heartbeat_state":
            continue
        component = one.row["component"]
        before, last[component] = last.get(component, {}), one.row
        wanted = _needs(before, one.row)
        if wanted and wanted not in (found := senses(votes, one, component)):
            yield (
                f"unfounded: {one.who} at {one.at:.3f} took {component} from {_shown(before)} to {_shown(one.row)},"
                f" and the votes it could see say {sorted(found)}"
            )
    yield from _untimely(record)


def _untimely(record: Record) -> Iterator[str]:
    """Incidents begin and end in the transaction that says so of the state."""
    states = {(one.xid, one.row["component"]): one.row for one in record.written if one.what == "heartbeat_state"}
    known: dict[str, Mapping[str, Any]] = {}
    for one in record.written:
        if one.what != "heartbeat_incidents":
            continue
        before, known[one.row["id"]] = known.get(one.row["id"]), one.row
        state = states.get((one.xid, one.row["component"]))
        is_open = one.row["ended"] is None
        was_open = before is not None and before["ended"] is None
        if is_open and not was_open and (state is None or state["state"] != "fault"):
            yield f"unfounded: {one.who} opened {one.row['id']} while the state was {_shown(state)}"
        if was_open and not is_open and (state is None or state["state"] != "healthy"):
            yield f"unfounded: {one.who} ended {one.row['id']} while the state was {_shown(state)}"


def _needs(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What the votes must have said for this change of a state: up, down, or nothing."""
    if after["fail_count"] > before.get("fail_count", 0) or _falls(before, after):
        return "down"
    rises = before.get("state") in ("fault", "recovering") and after["state"] in ("recovering", "healthy")
    if after["success_count"] > before.get("success_count", 0) or (rises and GOOD_ROUNDS > 1):
        return "up"
    return ""


def _falls(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return bool(after["state"] == "fault" and before.get("state") not in ("fault", None))


def senses(votes: Sequence[Written], decision: Written, component: str) -> set[str]:
    """What the hosts' votes may have said to whoever wrote `decision`: it has read them at some moment between the
    begin of its transaction and this, so of a vote that came just then both it and the one before are possible."""
    seen: dict[str, list[str]] = {}
    for one in votes:
        if one.row["component"] != component or one.seq > decision.seq:
            continue
        if one.xid != decision.xid and not decision.sees(one):
            continue
        known = seen.setdefault(one.row["observer"], [])
        # One that began before the transaction did may have been committed after that.
        known[:] = ([] if one.at < decision.begun - _COMMIT else known) + [one.row["status"]]
    return {_count(chosen) for chosen in itertools.product(*(set(known) for known in seen.values()))}


def _count(votes: Sequence[str]) -> str:
    failing, good = sum(one in FAILURES for one in votes), sum(one in SUCCESSES for one in votes)
    if failing >= QUORUM:
        return "down"
    blind = len(votes) - failing - good
    return "up" if good and failing + blind < QUORUM else "open"


def _shown(row: Mapping[str, Any] | None) -> str:
    return f"{row['state']} {row['fail_count']}/{row['success_count']}" if row else "nothing"


def summary(record: Record) -> Mapping[str, int]:
    """How much there was to judge."""
    opened = {one.row["id"] for one in record.written if one.what == "heartbeat_incidents"}
    return {
        "runs": len(record.runs),
        "passes": len(record.passes),
        "kept apart": sum("going on with" in one.said for one in record.runs),
        "votes": sum(one.what == "heartbeat_looks" for one in record.written),
        "incidents": len(opened),
        "steps": len(record.steps),
        "messages": len(record.notices),
    }


def times(record: Record) -> list[tuple[float, str]]:
    """When incidents were written down, by the real time, for whoever reads a violation."""
    return [
        (moment(one.row["declared"]) or one.at, f"{one.who} {one.row['id']} ended={one.row['ended']}")
        for one in record.written
        if one.what == "heartbeat_incidents"
    ]
