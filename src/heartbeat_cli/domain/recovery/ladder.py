"""What recovery does next for one incident: a pure decision with a named reason, from the ladder and what was tried.

    step 1 ──not well after its grace──▶ step 2 ──▶ … ──▶ all tried: a person is notified, once
      ▲ ▲                                                   │
      │ └──well, then failing again: the same step, braked  │ nothing done for `rearm` seconds
      └─────────────────────────────────────────────────────┘

A step whose process was killed is looked into before anything else (`prove`): what took place is not done twice, what
never began is not forgotten, and where that is unknown, it has its grace and is then taken once more.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from heartbeat_cli.domain.component import Plan, Step
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.recovery.brakes import CARRIED_OUT, THE_ID, Braked, Brakes, Taken, brake, held, quiet
from heartbeat_cli.domain.text import Text, joined

Move = Literal["run", "prove", "wait", "held", "ask", "off", "nothing", "exhausted"]


class Circumstances(NamedTuple):
    """What may forbid an action just now: the component's state, its last status, the parent that is in fault (or
    whose fault it is), a parent that has just come back and the seconds its children still have to follow, a
    maintenance in force (its reason), whether it fails anew for too few checks (`blip`), seconds this host has been
    up, when it was checked last (epoch seconds), and why it is another host's to restart (`apart`)."""

    state: str
    last_status: str
    held_by: str | None = None
    parent_back: tuple[str, float] | None = None
    maintenance: str | None = None
    blip: bool = False
    uptime: float | None = None
    last_checked: float | None = None
    apart: str | None = None


class Approval(NamedTuple):
    """A person's word: `asked` names this component, which is what mode `ask` waits for; `forced` overrides mode,
    holds, brakes and waiting, never an empty ladder."""

    asked: bool = False
    forced: bool = False


class Limits(NamedTuple):
    """Times that a decision keeps, in seconds: what a component may take to come up, what one step may take, and the
    brakes."""

    grace: float
    timeout: float = 30.0
    brakes: Brakes = Brakes()


class Past(NamedTuple):
    """What was done before: `tried` for this incident, `own` for the component (this incident's included), both in the
    order it was done; `host` the beginnings of all steps on this host; `here` names it. `seen`: for how many seconds
    this host has known of a step that another one took, by its id."""

    tried: Sequence[Attempt] = ()
    own: Sequence[Attempt] = ()
    host: Sequence[float] = ()
    here: str = ""
    seen: Mapping[str, float] = {}


class Decision(NamedTuple):
    """What to do, the name of the reason, the reason in one line, and which step (an index into the ladder)."""

    move: Move
    name: str
    reason: str
    step: int = 0


_NO_APPROVAL = Approval()
# Seconds that a step of another host gets beyond its time: to drain first, to be given up, and to say how it went. And
# how far it may be dated ahead of us: by a clock that is before ours, or while we were deciding.
_SLACK, _LEAD = 60.0, 300.0


def decide(
    plan: Plan,
    limits: Limits,
    past: Past,
    circumstances: Circumstances,
    now: float,
    approval: Approval = _NO_APPROVAL,
) -> Decision:
    """The next step; in mode `ask` it waits for a person's word."""
    if not plan.ladder:
        return Decision("nothing", "nothing", Text("no recovery steps are configured for it"))
    if not approval.forced and (waits := _held(plan, limits, past, circumstances)):
        return waits
    now = _caught_up(past, now)
    decision = _next(plan, limits, past, now, approval)
    if decision.move == "run" and not approval.forced:
        if braked := _braked(limits, past, decision, now):
            return Decision("held" if braked.name != "backoff" else "wait", braked.name, held(braked.reason))
        if plan.mode == "ask" and not approval.asked:
            return Decision(
                "ask", "ask", Text("waits for your word: heartbeat recover --component {id}", id=THE_ID), decision.step
            )
    return decision


def carried_out(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts in which something was done, or may have been."""
    return [one for one in attempts if one.outcome in CARRIED_OUT]


def taken(attempts: Sequence[Attempt]) -> list[Taken]:
    """The steps that heartbeat took by itself, as the brakes count them."""
    return [Taken(one.step, one.started) for one in carried_out(attempts) if one.requested_by == "heartbeat"]


def target(step: Step) -> str:
    """What a step acts on, in a word; "" for a hook, whose address often is its password, as arguments may be."""
    found: Any = next((v for key in _TARGETS if (v := getattr(step.settings, key, None))), "")
    return (found[0].rpartition("/")[2] if isinstance(found, tuple) else str(found))[:80]


def label(step: Step) -> str:
    """A step in a few words: the action and what it acts on."""
    return f"{step.action} {target(step)}".strip()


_TARGETS = ("container", "unit", "name", "command", "do")


def _held(plan: Plan, limits: Limits, past: Past, circumstances: Circumstances) -> Decision | None:
    if elsewhere := _elsewhere(circumstances):
        return elsewhere
    if plan.mode == "off":
        return Decision("off", "off", Text("recovery is off for it"))
    if circumstances.state != "fault":
        return Decision("wait", "well", Text("it answers again; waiting for it to stay well"))
    if circumstances.blip:
        return Decision("wait", "blip", Text("it was healthy again; waiting for as many failures as make a fault"))
    if circumstances.last_status == "unknown":
        return Decision("held", "unknown", held(Text("the last check could not be made, so it may be healthy")))
    if healed := _just_healed(past.tried, circumstances.last_checked):
        return Decision(
            "wait", "healed", Text("step {step} healed it; waiting for the next check", step=healed.step + 1)
        )
    if circumstances.parent_back is not None:
        parent, left = circumstances.parent_back
        return Decision(
            "wait",
            "follows",
            Text("{parent}, which it depends on, is back; it has {left:.0f} s to follow", parent=parent, left=left),
        )
    if circumstances.uptime is not None and circumstances.uptime < limits.grace and not past.tried:
        left = limits.grace - circumstances.uptime
        return Decision(
            "wait", "boot", Text("this host has just started; it has {left:.0f} s left to come up", left=left)
        )
    return None


def _elsewhere(circumstances: Circumstances) -> Decision | None:
    """Somebody or something else has it in hand."""
    if circumstances.held_by:
        reason = Text("{id}, which it depends on, is in fault", id=circumstances.held_by)
        return Decision("held", "parent", held(reason))
    if circumstances.apart:
        return Decision("held", "apart", held(circumstances.apart))
    if circumstances.maintenance is not None:
        return Decision("held", "maintenance", held(Text("maintenance ({reason})", reason=circumstances.maintenance)))
    return None


def _just_healed(tried: Sequence[Attempt], last_checked: float | None) -> Attempt | None:
    """The last step, when the component was seen well after it and the last check is older than that."""
    last = next((one for one in reversed(tried) if one.outcome != "held"), None)
    if last is None or last.verified is None or last_checked is None or not last.started <= last.verified:
        return None
    return last if last_checked < last.started else None


def _caught_up(past: Past, now: float) -> float:
    """Now, or the start of the newest step that another host dated a little later: that has just been taken."""
    theirs = (one.started for one in (*past.tried, *past.own) if one.observer != past.here and one.outcome != "held")
    return max((at for at in theirs if now < at <= now + _LEAD), default=now)


def _next(plan: Plan, limits: Limits, past: Past, now: float, approval: Approval) -> Decision:
    """The next step, brakes aside."""
    done = [one for one in past.tried if one.outcome != "held"]
    if done and not approval.forced and (waiting := _in_progress(done[-1], limits, past, now)):
        return waiting
    tried = _round(done, limits, now)
    steps = len(plan.ladder)
    if not tried:
        return Decision("run", "first", _anew(done, now))
    last = tried[-1]
    if last.outcome == "lost":
        return Decision(
            "run",
            "lost",
            Text("step {step} was cut off before it began", step=last.step + 1),
            min(last.step, steps - 1),
        )
    if last.verified is not None and last.step < steps:
        return Decision(
            "run", "again", Text("step {step} healed it before, and it fell again", step=last.step + 1), last.step
        )
    if last.outcome == "cut off" and last.step < steps and sum(one.outcome == "cut off" for one in tried) == 1:
        return Decision(
            "run", "again", Text("step {step} was cut off, and did not heal it", step=last.step + 1), last.step
        )
    if last.step + 1 < steps:
        return Decision(
            "run",
            "next",
            Text("step {step} did not heal it ({outcome})", step=last.step + 1, outcome=last.outcome),
            last.step + 1,
        )
    if approval.forced:
        return Decision("run", "forced", Text("from the first step again, as asked"))
    return _exhausted(tried, steps, limits, now)


def _anew(tried: Sequence[Attempt], now: float) -> str:
    if not tried:
        return Text("nothing was tried yet")
    return Text("from the first step again: nothing was done for {now}", now=duration(abs(now - tried[-1].started)))


def _exhausted(tried: Sequence[Attempt], steps: int, limits: Limits, now: float) -> Decision:
    left = duration(limits.brakes.rearm - max(0.0, now - tried[-1].started))
    how = Text(
        "the first one again after {left} of quiet; or now by: heartbeat recover --component {id} --force",
        left=left,
        id=THE_ID,
    )
    if all(one.outcome == "denied" for one in tried):
        return Decision(
            "exhausted",
            "denied",
            Text("heartbeat is not permitted to do it: {why}; {then}", why=Text(tried[-1].detail), then=how),
        )
    all_ = Text("the only step was tried") if steps == 1 else Text("all {steps} steps were tried", steps=steps)
    return Decision("exhausted", "exhausted", joined([all_, how]))


def _round(tried: Sequence[Attempt], limits: Limits, now: float) -> Sequence[Attempt]:
    """The steps since the ladder was last begun: after `rearm` quiet seconds it is begun again."""
    if not tried or (tried[-1].outcome != "running" and quiet(limits.brakes, tried[-1].started, now)):
        return ()
    begin = 0
    for n in range(1, len(tried)):
        if quiet(limits.brakes, tried[n - 1].started, tried[n].started):
            begin = n
    return tried[begin:]


def _in_progress(last: Attempt, limits: Limits, past: Past, now: float) -> Decision | None:
    """The last step still runs, or what it started may still come up.

    What another host took is timed from when this one first saw it: their clocks may be far apart, in either direction.
    One of our own is timed by our clock. When that was set back behind it there is no waiting, which could take hours:
    what is ahead of `now` still was dated by a wrong clock."""
    if last.observer != past.here:
        elapsed, slack = past.seen.get(last.id, 0.0), _SLACK
    elif now < last.started:
        return (
            Decision("prove", "cut off", Text("a step was cut off"), last.step) if last.outcome == "running" else None
        )
    else:
        elapsed, slack = now - last.started, 0.0
    if last.outcome == "running":
        left = limits.timeout + slack - elapsed
        if left > 0:
            reason = Text(
                "step {step} was cut off and may still be at work: {left:.0f} s left", step=last.step + 1, left=left
            )
            return Decision("wait", "cut off", reason)
        return Decision("prove", "cut off", Text("step {step} was cut off", step=last.step + 1), last.step)
    if last.outcome not in ("done", "working", "cut off") or last.verified is not None or last.verify_until is None:
        return None
    left = last.verify_until - last.started + slack - elapsed
    if left <= 0:
        return None
    return Decision(
        "wait",
        "coming up",
        Text("step {step} was taken; it has {left:.0f} s left to come up", step=last.step + 1, left=left),
    )


def _braked(limits: Limits, past: Past, decision: Decision, now: float) -> Braked | None:
    own = taken(past.own)
    if decision.name == "lost" or not (own or past.host):
        return None
    component = past.own[-1].component if past.own else ""
    return brake(limits.brakes, component, decision.step, own, past.host, now)
