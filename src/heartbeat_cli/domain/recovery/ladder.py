"""What recovery does next for one incident: a pure decision with a named reason, from the ladder and what was tried.

    step 1 ──failed, or not healthy after its grace──▶ step 2 ──▶ … ──▶ all tried: a person is notified, once
      ▲ ▲                                                    ▲            │
      │ └──healthy, then failing again: the same step, braked└──those that failed again, braked, `tries` times
      └───────────────────── nothing done for `rearm` seconds ────────────┘

A step whose process was killed is examined before anything else (`prove`): what took place is not done twice, what
never began is not forgotten, and where that is unknown, it has its grace and is then taken once more.
"""

from collections.abc import Sequence

from heartbeat_cli.domain.component import Plan
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.recovery.brakes import CARRIED_OUT, THE_ID, Braked, Taken, brake, held, quiet
from heartbeat_cli.domain.recovery.decision import Approval, Circumstances, Decision, Limits, Past
from heartbeat_cli.domain.recovery.holds import held_back
from heartbeat_cli.domain.text import Text, joined

_NO_APPROVAL = Approval()
# Seconds that a step of another host gets beyond its time: to drain first, to be given up, and to say how it went. And
# how far it may be dated ahead of us: by a clock that is before ours, or while we were deciding.
_SLACK, _LEAD = 60.0, 300.0
_COUNTED = CARRIED_OUT | {"refused"}  # by the backoff: what was refused costs no budget, and is not asked for each pass
_QUICKER = 16.0  # times: the first retry of a step that failed comes so much sooner than the backoff has it
TRIES, LAST_TRIES = 2, 3  # how often a step that fails is taken, and the last one of a ladder


def decide(
    plan: Plan,
    limits: Limits,
    past: Past,
    circumstances: Circumstances,
    now: float,
    approval: Approval = _NO_APPROVAL,
) -> Decision:
    """The next step; in mode `ask` it waits for a person's word."""
    if not any(step.mends for step in plan.ladder):
        return Decision("nothing", "nothing", Text("no recovery steps are configured for it"))
    if not approval.forced and (waits := held_back(plan, limits, past, circumstances)):
        return waits
    now = _caught_up(past, now)
    # A person's order is carried out whatever the failure is.
    fit = plan.mending(circumstances.failure) or [place for place, step in enumerate(plan.ladder) if step.mends]
    decision = _next(plan, fit, limits, past, now, approval)
    if decision.move == "run" and not approval.forced:
        if braked := _braked(limits, past, decision, now):
            if decision.name == "retry" and braked.name == "backoff":
                left = duration(braked.left)
                return Decision("wait", "backoff", Text("{retry}, in {left}", retry=decision.reason, left=left))
            return Decision("held" if braked.name != "backoff" else "wait", braked.name, held(braked.reason))
        if plan.mode == "ask" and not approval.asked:
            return Decision(
                "ask", "ask", Text("waits for your word: heartbeat recover --component {id}", id=THE_ID), decision.step
            )
    if decision.move == "exhausted" and (usual := circumstances.comes_back):
        longest, left = map(duration, usual)
        words = Text("it was down {longest} before and came back; it has {left} left to", longest=longest, left=left)
        return Decision("wait", "comes back", words)
    return decision


def carried_out(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts in which something was done, or may have been."""
    return [one for one in attempts if one.outcome in CARRIED_OUT]


def taken(attempts: Sequence[Attempt]) -> list[Taken]:
    """The steps that no person took, as the brakes count them."""
    return [Taken(one.step, one.started) for one in carried_out(attempts) if one.spends]


def _caught_up(past: Past, now: float) -> float:
    """Now, or the start of the newest step that another host dated a little later: that has just been taken."""
    theirs = (one.started for one in (*past.tried, *past.own) if one.observer != past.here and one.outcome != "held")
    return max((at for at in theirs if now < at <= now + _LEAD), default=now)


def _next(plan: Plan, fit: Sequence[int], limits: Limits, past: Past, now: float, approval: Approval) -> Decision:
    """The next step of those that are `fit` to mend the failure, brakes aside."""
    done = [one for one in past.tried if one.outcome != "held"]
    if done and not approval.forced and (waiting := _in_progress(done[-1], limits, past, now)):
        return waiting
    tried = _round(done, limits, now)
    if not tried:
        return Decision("run", "first", _anew(done, now), fit[0])
    last = tried[-1]
    if last.outcome == "lost" and (place := min(last.step, len(plan.ladder) - 1)) in fit:
        return Decision("run", "lost", Text("step {step} was cut off before it began", step=last.step + 1), place)
    if last.verified is not None and last.step in fit:
        return Decision(
            "run", "again", Text("step {step} healed it before, and it fell again", step=last.step + 1), last.step
        )
    if last.outcome == "cut off" and last.step in fit and sum(one.outcome == "cut off" for one in tried) == 1:
        return Decision(
            "run", "resumed", Text("step {step} was cut off, and did not heal it", step=last.step + 1), last.step
        )
    taken_already = {one.step for one in tried if one.outcome != "lost"}
    untried = [place for place in fit if place not in taken_already and (place > last.step or _differ(plan))]
    if untried:
        return Decision(
            "run",
            "next",
            Text("step {step} did not heal it ({outcome})", step=last.step + 1, outcome=Text(last.outcome)),
            next((place for place in untried if place > last.step), untried[0]),
        )
    if retry := _retry(plan, fit, tried):
        return retry
    if approval.forced:
        return Decision("run", "forced", Text("from the first step again, as asked"), fit[0])
    return _exhausted(plan, tried, fit, limits, now)


def _differ(plan: Plan) -> bool:
    """Whether its steps mend different things, so that an earlier one may have been passed over."""
    return len({step.mends for step in plan.ladder}) > 1


def _retry(plan: Plan, fit: Sequence[int], tried: Sequence[Attempt]) -> Decision | None:
    """A step that failed and has tries left, once no other is left to be taken meanwhile: the last one first. What was
    refused (no such script, no such unit) is tried again as the last step only: it may be there again soon, as a
    container that is made anew."""
    *earlier, final = fit
    for number in (final, *earlier):
        failures = _failures(tried, number)
        tries = plan.ladder[number].tries or (LAST_TRIES if number == final else TRIES)
        if not failures or len(failures) >= tries or (failures[-1].outcome == "refused" and number != final):
            continue
        words = Text(
            "step {step} failed ({why}); try {n} of {tries}",
            step=number + 1,
            why=Text(failures[-1].detail),
            n=len(failures) + 1,
            tries=tries,
        )
        return Decision("run", "retry", words, number)
    return None


def _failures(tried: Sequence[Attempt], step: int) -> list[Attempt]:
    """How a step has failed, was refused, or never came to an end, since it last was otherwise."""
    found: list[Attempt] = []
    for one in tried:
        if one.step == step and one.outcome not in ("lost", "held"):
            unfinished = one.outcome == "working" and one.verified is None
            found = [*found, one] if unfinished or one.outcome in ("failed", "refused") else []
    return found


def _anew(tried: Sequence[Attempt], now: float) -> str:
    if not tried:
        return Text("nothing was tried yet")
    return Text("from the first step again: nothing was done for {now}", now=duration(abs(now - tried[-1].started)))


def _exhausted(plan: Plan, tried: Sequence[Attempt], fit: Sequence[int], limits: Limits, now: float) -> Decision:
    left = duration(limits.brakes.rearm - max(0.0, now - tried[-1].started))
    how = Text(
        "heartbeat starts again from step 1 in {left}; at once by: heartbeat recover --component {id} --force",
        left=left,
        id=THE_ID,
    )
    if all(one.outcome == "denied" for one in tried):
        return Decision(
            "exhausted",
            "denied",
            Text("heartbeat is not permitted to do it: {why}; {then}", why=Text(tried[-1].detail), then=how),
        )
    steps, final = len(fit), fit[-1]
    if steps == sum(bool(step.mends) for step in plan.ladder):
        all_ = (
            Text("the only step was tried") if steps == 1 else Text("each of the {steps} steps was tried", steps=steps)
        )
    elif steps == 1:
        all_ = Text("only step {step} can mend this kind of fault, and it was tried", step=final + 1)
    else:
        all_ = Text("each of the {steps} steps that can mend this kind of fault was tried", steps=steps)
    failures = len(_failures(tried, final))
    often = [Text("step {step} failed {n} times", step=final + 1, n=failures)] if failures > 1 else []
    return Decision("exhausted", "exhausted", joined([all_, *often, how]))


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
        left = 0.0 if last.id in past.killed else limits.timeout + slack - elapsed
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
    if decision.name == "lost" or not (past.own or past.host):
        return None
    component = past.own[-1].component if past.own else ""
    counted = [one for one in past.own if one.outcome in _COUNTED and one.spends]
    since = [Taken(one.step, one.started) for one in counted if one.started >= past.steady]
    if decision.name == "resumed":  # once: the budget counts both
        since = []
    brakes = limits.brakes
    failures = _failures(past.tried, decision.step) if decision.name == "retry" else []
    if len(failures) == 1 and failures[0].outcome == "failed":  # what was over in a moment needs no patience
        brakes = brakes._replace(backoff=brakes.backoff / _QUICKER)
    return brake(brakes, component, decision.step, own, past.host, now, since)
