"""What recovery is going to do about a fault that has just been found, for its first message."""

from heartbeat_cli import plugins
from heartbeat_cli.domain.category import Failure
from heartbeat_cli.domain.component import Component, Plan
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.brakes import of_component
from heartbeat_cli.domain.recovery.decision import Approval, Circumstances
from heartbeat_cli.domain.recovery.labels import label
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.passes.alerting.recovery_context import RecoveryContext

_OVERRIDDEN = ("off", "maintenance", "orphaned", "budget", "host_budget")  # by `heartbeat recover --force`


class Outlook(Record):
    """What recovery is going to do about a fault, in one line; `asks` when it waits for a person. `restarts`: `now`
    where a step comes next, `by hand` where a step could help and only a person can have it taken, else ``. `urgent`:
    the step that comes next does not free what is used up, so nobody should wait for it."""

    text: str
    asks: bool
    restarts: str = ""
    urgent: bool = False


def outlook(context: RecoveryContext, component: Component, failure: Failure, holder: str = "") -> Outlook:
    """What comes next for a component that has just been found in fault, by a failure of that kind; `holder`: who
    holds most connections of a database that has none left ("": not known)."""
    circumstances = Circumstances(
        "fault",
        "error",
        maintenance=context.maintenance(component),
        parent_back=context.parent_back(component),
        uptime=context.uptime,
        apart=context.apart(component),
        failure=failure,
    )
    decision = context.decide(component, Approval(), circumstances)
    if decision.move == "run":
        context.planned += 1  # the next one says so when the host's budget will not last for it
        return _next(context, component.plan, decision.step, failure, holder)
    if decision.name == "off":
        by_hand = bool(component.plan.mending(failure))
        return Outlook(
            Text("recovery is off for this component: nothing is restarted unless you order it"),
            False,
            "by hand" if by_hand else "",
        )
    if failure.remedy != "restart" and decision.name in ("remedy", "nothing"):
        return Outlook(Text("nothing is restarted: that could not help here"), False)
    asks = decision.move == "ask"
    by_hand = (asks or decision.name in _OVERRIDDEN) and bool(component.plan.mending(failure))
    return Outlook(of_component(decision.reason, component.id), asks, "by hand" if by_hand else "")


def _next(context: RecoveryContext, plan: Plan, place: int, failure: Failure, holder: str) -> Outlook:
    """The step that comes next, what it is for, and what is left out."""
    next_, action = plan.ladder[place], plugins.load("actions", plan.ladder[place].action)
    purpose, frees = (getattr(action, name, None) for name in ("purpose", "frees"))
    step = Text("step {n} of {total}: {what}", n=place + 1, total=len(plan.ladder), what=label(next_))
    if purpose is not None:
        step = Text("{step} ({purpose})", step=step, purpose=purpose(next_.settings))
    step = _with_left_out(step, plan, failure, holder)
    if getattr(next_.settings, "optional", False):
        step = Text("{step}, if there is one", step=step)
    urgent = failure.category == "resource" and frees is not None and not frees(next_.settings)
    words = Text("being done now: {step}") if context.acts else Text("with the next heartbeat run or recover: {step}")
    return Outlook(words.with_values(step=step), False, "now", urgent)


def _with_left_out(step: Text, plan: Plan, failure: Failure, holder: str) -> Text:
    """A step, and all those of its ladder that cannot help with such a failure, by number and name, and why."""
    mending = plan.mending(failure)
    left_out = [(place + 1, label(one)) for place, one in enumerate(plan.ladder) if one.mends and place not in mending]
    if not left_out:
        return step
    why = Text("that cannot help with this kind of fault")
    if holder:
        why = Text("a restart would free the sessions for a moment only, as {holder} fills them again", holder=holder)
    elif failure.category == "resource":
        why = Text("a restart would help for a moment only, as what uses up the resource goes on")
    if len(left_out) == 1:
        words = Text("{step}; recovery step {n}, {other}, is left out: {why}")
        return words.with_values(step=step, n=left_out[0][0], other=left_out[0][1], why=why)
    named = [Text("{n} ({what})", n=n, what=what) for n, what in left_out]
    others = Text("{first} and {last}", first=listed(named[:-1]), last=named[-1])
    words = Text("{step}; recovery steps {others} are left out: {why}")
    return words.with_values(step=step, others=others, why=why)
