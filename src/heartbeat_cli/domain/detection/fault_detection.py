"""The state machine of a component: (policy, state, observation) → (state, events). Pure; time comes in from outside.

    healthy ──failure──▶ suspect ──fail_threshold in a row──▶ fault ──success──▶ recovering
       ▲                    │                                   ▲                   │  │
       └──────success───────┘                                   └──────failure──────┘  │
       └──────────────────────────recovery_threshold in a row──────────────────────────┘

`unhealthy` and `error` are failures, `healthy` and `degraded` successes, `unknown` is neither: it moves no counter of
those, opens no incident and ends none. After `unobserved_after` of them in a row the component is `unobserved`, a flag
beside its state; the first check that is not `unknown` clears it.
A failure while something the component depends on is itself not well is held: it opens an incident without an alert,
and becomes the component's own only when it goes on for `fail_threshold` more checks after the cause is gone.
While that something is only suspect, judgement waits, but not for ever: it may be checked seldom, or no more.

A component that flaps keeps its incident open until it is steady again, so that people are notified twice, not 30
times; and so does one whose fault has returned, until it has been healthy for `settle` seconds. With `fail_window` a
fault is `fail_threshold` failures among that many checks, in a row or not.
"""

from typing import Literal

from heartbeat_cli.domain.category import Failure
from heartbeat_cli.domain.checking.result import FAILURES, SUCCESSES, Status
from heartbeat_cli.domain.detection.flapping import SLOTS, is_flapping, remember
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

StateName = Literal["healthy", "suspect", "fault", "recovering"]
EventName = Literal["opened", "held", "released", "ended", "degraded", "degraded_ended", "unobserved", "observed_again"]
# Why an `unknown` does not count: a check is not to be expected (maintenance, a push before its first beat, a model in
# fault between two canaries, this host cut off), or another host sees the component.
Excuse = Literal["", "not expected", "seen elsewhere"]


_PATIENCE = 4  # times the fail threshold that judgement waits for a suspect parent: 15 s checks wait for one of 60 s


class Policy(Record):
    """How many checks make a fault (in a row, or among the last `fail_window`) and how many in a row end it;
    `degraded_threshold` degraded checks in a row make slowness, `recovery_threshold` good ones end it. `steady`: a
    fault does not end while the component flaps, nor before it was healthy for `settle` seconds. `unobserved_after`:
    checks in a row that could not be made until the component is unobserved."""

    fail_threshold: int = 3
    recovery_threshold: int = 2
    fail_window: int | None = None
    degraded_threshold: int = 3
    steady: bool = True
    unobserved_after: int = 3
    settle: float = 0.0


class Observation(Record):
    """One heartbeat as detection sees it; `at` in seconds since the epoch. `excuse` only matters for `unknown`,
    `failure` is the kind of failure that anything else shows."""

    at: float
    status: Status
    error: str | None = None
    excuse: Excuse = ""
    failure: Failure | None = None


class Parent(Record):
    """What stands between a failing component and its own guilt: the ancestor, and whether it is already in fault
    (else it is only suspect, and judgement waits)."""

    id: str
    in_fault: bool


class State(Record):
    """Where a component stands. `success_count` counts only towards the end of a fault, `degraded_count` only up to
    the threshold, `history` goes back 21 checks (one letter where all were good). With a window `fail_count` is the
    failures in it. `unknown_count` goes up to the threshold, `unknown_since` is the first `unknown` in a row (epoch
    seconds), `unobserved_alert` what its alerts are about: None while nobody was notified of it."""

    since: float
    state: StateName = "healthy"
    fail_count: int = 0
    success_count: int = 0
    flapping: bool = False
    failing_since: float | None = None
    degraded_count: int = 0
    degraded: bool = False
    held_by: str | None = None
    grace_looks: int = 0
    history: str = ""
    unknown_count: int = 0
    unknown_since: float | None = None
    unobserved: bool = False
    unobserved_alert: str | None = None

    @property
    def judged(self) -> bool:
        """Whether a check has ever said how the component is."""
        return bool(self.history)


class Event(Record):
    """Something worth recording; `started` is the first failing check, `reason` one line for a person, `failure` what
    kind of failure the check shows that brought it about."""

    name: EventName
    at: float
    started: float
    reason: str
    cause: str = ""
    held_by: str | None = None
    failure: Failure | None = None


def step(
    policy: Policy, state: State, seen: Observation, parent: Parent | None = None
) -> tuple[State, tuple[Event, ...]]:
    """The state after one more heartbeat, and what that means."""
    if seen.status == "unknown" and seen.excuse != "seen elsewhere":
        return _unseen(policy, state, seen)
    again: tuple[Event, ...] = ()
    if state.unknown_count:
        state, again = _seen_again(state, seen)
    if seen.status in FAILURES:
        state, events = _failed(policy, _remembered(state, failed=True), seen, parent)
        return state, again + events
    if seen.status in SUCCESSES:
        state = _remembered(state, failed=False)
        state, events = _succeeded(policy, state, seen)
        state, more = _graded(policy, state, seen)
        return state, again + events + more
    return state, again


def _unseen(policy: Policy, state: State, seen: Observation) -> tuple[State, tuple[Event, ...]]:
    """A check that could not be made: its own counter, and at the threshold its own flag and event."""
    if state.unobserved or seen.excuse:
        return state, ()
    since = seen.at if state.unknown_since is None else min(state.unknown_since, seen.at)
    count = state.unknown_count + 1
    state = state._replace(unknown_count=count, unknown_since=since, unobserved=count >= policy.unobserved_after)
    if not state.unobserved:
        return state, ()
    reason = Text(
        "{n} checks in a row could not be made (threshold {threshold})",
        n=count,
        threshold=policy.unobserved_after,
    )
    return state, (Event("unobserved", seen.at, since, reason, seen.error or ""),)


def _seen_again(state: State, seen: Observation) -> tuple[State, tuple[Event, ...]]:
    """A check that could be made, after some that could not."""
    over = state._replace(unknown_count=0, unknown_since=None, unobserved=False, unobserved_alert=None)
    if not state.unobserved:
        return over, ()
    since = seen.at if state.unknown_since is None else min(state.unknown_since, seen.at)
    return over, (Event("observed_again", seen.at, since, Text("a check could be made again")),)


def _remembered(state: State, failed: bool) -> State:
    history = remember(state.history, failed)
    if history == state.history and not state.flapping:
        return state
    return state._replace(history=history, flapping=is_flapping(history, state.flapping))


def _failures(policy: Policy, state: State) -> int:
    """How many failures count towards the threshold, this check's included."""
    if policy.fail_window is None or state.state in ("fault", "recovering"):
        return state.fail_count + 1
    return state.history[-policy.fail_window :].count("F")


def held_healthy(policy: Policy, state: State) -> bool:
    """Whether a component is healthy by its thresholds, and its fault goes on only because it is not steady yet."""
    return state.state == "recovering" and state.success_count >= policy.recovery_threshold


def failing_enough(policy: Policy, state: State) -> bool:
    """Whether as many checks have failed lately as make a fault: in a row, or among the window."""
    among = state.history[-policy.fail_window :].count("F") if policy.fail_window is not None else 0
    return max(state.fail_count, among) >= policy.fail_threshold


def _failed(policy: Policy, state: State, seen: Observation, parent: Parent | None) -> tuple[State, tuple[Event, ...]]:
    state = state._replace(
        fail_count=_failures(policy, state),
        success_count=0,
        degraded_count=0,
        failing_since=seen.at if state.failing_since is None else state.failing_since,
    )
    if state.state == "healthy":
        state = state._replace(state="suspect", since=seen.at)
    elif state.state == "recovering":
        state = state._replace(state="fault", since=seen.at)
    if state.state == "fault":
        return _still_failing(policy, state, seen, parent)
    if parent and not parent.in_fault:
        if not _waited_enough(policy, state):
            return state, ()
        parent = None
    if state.fail_count < policy.fail_threshold:
        return state, ()
    state = state._replace(state="fault", since=seen.at, held_by=parent.id if parent else None, grace_looks=0)
    return state, (_event("held" if parent else "opened", policy, state, seen),)


def _waited_enough(policy: Policy, state: State) -> bool:
    """Whether a suspect parent has held up the judgement long enough. With a window `fail_count` stops growing, so
    the checks that failed in a row are counted, as far back as the history goes."""
    if policy.fail_window is None:
        return state.fail_count >= policy.fail_threshold * _PATIENCE
    in_a_row = len(state.history) - len(state.history.rstrip("F"))
    return in_a_row >= min(policy.fail_threshold * _PATIENCE, SLOTS)


def _still_failing(
    policy: Policy, state: State, seen: Observation, parent: Parent | None
) -> tuple[State, tuple[Event, ...]]:
    if state.held_by is None:
        return state, ()
    if parent:
        return state._replace(grace_looks=0), ()
    state = state._replace(grace_looks=state.grace_looks + 1)
    if state.grace_looks < policy.fail_threshold:
        return state, ()
    released = _event("released", policy, state, seen)
    return state._replace(held_by=None, grace_looks=0), (released,)


def _succeeded(policy: Policy, state: State, seen: Observation) -> tuple[State, tuple[Event, ...]]:
    if state.state == "healthy":
        return state, ()
    if state.state == "suspect":
        return _still_suspect(policy, state, seen), ()
    good = state.success_count + 1
    since = state.since if state.state == "recovering" else seen.at
    unsteady = policy.steady and (state.flapping or seen.at - since < policy.settle)
    if good < policy.recovery_threshold or unsteady:
        good = min(good, policy.recovery_threshold)
        return state._replace(state="recovering", fail_count=0, success_count=good, since=since), ()
    ended = _event("ended", policy, state._replace(success_count=good), seen)
    if policy.steady and policy.settle:
        steady = Text("healthy for {time} after it had returned", time=duration(seen.at - since))
        ended = ended._replace(reason=steady)
    return State(since=seen.at, degraded=state.degraded, history=state.history), (ended,)


def _still_suspect(policy: Policy, state: State, seen: Observation) -> State:
    """One good check clears a suspicion, unless a window still remembers failures."""
    left = state.history[-policy.fail_window :].count("F") if policy.fail_window is not None else 0
    if left:
        return state._replace(fail_count=left)
    return state._replace(state="healthy", fail_count=0, since=seen.at, failing_since=None)


def _graded(policy: Policy, state: State, seen: Observation) -> tuple[State, tuple[Event, ...]]:
    """Answers, but too slow or with a warning: its own counter, its own low alert."""
    if (seen.status == "degraded") == state.degraded:
        return state._replace(degraded_count=0) if state.degraded_count else state, ()
    count = state.degraded_count + 1
    if count < (policy.recovery_threshold if state.degraded else policy.degraded_threshold):
        return state._replace(degraded_count=count), ()
    state = state._replace(degraded=not state.degraded, degraded_count=0)
    name: EventName = "degraded" if state.degraded else "degraded_ended"
    reason = (
        Text("{n} degraded checks in a row", n=count) if state.degraded else Text("{n} good checks in a row", n=count)
    )
    return state, (Event(name, seen.at, seen.at, reason, seen.error or "", failure=seen.failure),)


def _event(name: EventName, policy: Policy, state: State, seen: Observation) -> Event:
    started = seen.at if state.failing_since is None else min(state.failing_since, seen.at)
    return Event(name, seen.at, started, _reason(name, policy, state), seen.error or "", state.held_by, seen.failure)


def _reason(name: EventName, policy: Policy, state: State) -> str:
    count, threshold, parent = state.fail_count, policy.fail_threshold, state.held_by or ""
    if name == "held":
        return Text("held: {reason}", reason=Text("{id}, which it depends on, is in fault", id=parent))
    if name == "released":
        return Text("still failing {n} checks after {id} recovered", n=state.grace_looks, id=parent)
    if name == "ended":
        n, threshold = state.success_count, policy.recovery_threshold
        return Text("{n} good checks in a row (threshold {threshold})", n=n, threshold=threshold)
    if policy.fail_window is None:
        return Text("{n} failing checks in a row (threshold {threshold})", n=count, threshold=threshold)
    among = policy.fail_window
    return Text("{n} failing checks among {among} (threshold {threshold})", n=count, among=among, threshold=threshold)
