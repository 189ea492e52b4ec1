"""What recovery does next for one incident: a pure decision with a reason, from the ladder and what was tried."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from heartbeat_cli.domain.component import Plan

Move = Literal["run", "wait", "exhausted", "off", "ask", "nothing", "held"]


class Tried(NamedTuple):
    """One attempt as the decision needs it; times in epoch seconds."""

    rung: int
    outcome: str
    started: float
    verify_until: float | None
    verified: float | None


class Circumstances(NamedTuple):
    """What may forbid an action just now: the component's state, its last status, the parent that is in fault (or
    whose fault it is), a maintenance in force (its reason), and whether it fails anew for too few looks (`blip`)."""

    state: str
    last_status: str
    held_by: str | None = None
    maintenance: str | None = None
    blip: bool = False


class Word(NamedTuple):
    """A person's word: `asked` names this component, which is what mode `ask` waits for; `forced` overrides mode,
    holds and waiting, never an empty ladder."""

    asked: bool = False
    forced: bool = False


class Decision(NamedTuple):
    """What to do, by which rung (an index into the ladder), and why, in one line."""

    move: Move
    reason: str
    rung: int = 0


_NO_WORD = Word()
_RELAPSES = 3  # times within one incident that a step which healed it is taken again


def decide(plan: Plan, tried: Sequence[Tried], around: Circumstances, now: float, word: Word = _NO_WORD) -> Decision:
    """The next step after what was tried (oldest first); in mode `ask` it waits for a person's word."""
    decision = _decide(plan, tried, around, now, word)
    if decision.move == "run" and plan.mode == "ask" and not (word.asked or word.forced):
        return decision._replace(move="ask", reason="waits for your word: heartbeat recover --component {id}")
    return decision


def _decide(plan: Plan, tried: Sequence[Tried], around: Circumstances, now: float, word: Word) -> Decision:
    if not plan.ladder:
        return Decision("nothing", "no recovery steps are configured for it")
    if not word.forced and (held := _held(plan, around, word)):
        return held
    if not tried:
        return Decision("run", f"first step of {len(plan.ladder)}")
    last = tried[-1]
    if not word.forced and (left := _time_to_come_up(last, now)) > 0:
        return Decision("wait", f"step {last.rung + 1} was taken; it has {left:.0f} s left to come up")
    if last.verified is not None and last.rung < len(plan.ladder):
        return _again(plan, tried, word)
    following = last.rung + 1
    if following < len(plan.ladder):
        return Decision("run", f"step {last.rung + 1} did not heal it ({last.outcome})", following)
    if word.forced:
        return Decision("run", "from the first step again, as asked")
    return Decision("exhausted", f"all {len(plan.ladder)} steps were tried")


def _time_to_come_up(last: Tried, now: float) -> float:
    """Seconds the last step still has; none when the clock was put back behind it, lest it wait for hours."""
    if last.outcome not in ("done", "running") or last.verify_until is None or now < last.started:
        return 0.0
    return last.verify_until - now


def _held(plan: Plan, around: Circumstances, word: Word) -> Decision | None:
    if around.held_by:
        return Decision("held", f"held: {around.held_by}, which it depends on, is in fault")
    if around.maintenance is not None:
        return Decision("held", f"held: maintenance ({around.maintenance})")
    if plan.mode == "off":
        return Decision("off", "recovery is off for it")
    if around.state != "fault":
        return Decision("wait", "it answers again; waiting for it to stay well")
    if around.blip:
        return Decision("wait", "it was well again; waiting for as many failing looks as make a fault")
    if around.last_status == "unknown":
        return Decision("held", "held: the last look could not be made, so it may be well")
    return None


def _again(plan: Plan, tried: Sequence[Tried], word: Word) -> Decision:
    """It was healed, and fell again before the incident was over: the step that healed it is worth another time, but
    not for ever."""
    last = tried[-1]
    healed = sum(one.verified is not None for one in tried)
    if healed >= _RELAPSES and not word.forced:
        return Decision("exhausted", f"it was healed {healed} times and fell again each time")
    return Decision("run", f"step {last.rung + 1} healed it before, and it fell again", last.rung)
