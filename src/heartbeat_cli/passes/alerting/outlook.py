"""What recovery is going to do about a fault that has just been found, for its first message."""

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
    where a step comes next, `by hand` where a step could help and only a person can have it taken, else ``."""

    text: str
    asks: bool
    restarts: str = ""


def outlook(context: RecoveryContext, component: Component, failure: Failure) -> Outlook:
    """What comes next for a component that has just been found in fault, by a failure of that kind."""
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
    steps = component.plan.ladder
    if decision.move == "run":
        context.planned += 1  # the next one says so when the host's budget will not last for it
        step = Text(
            "step {n} of {total}: {what}", n=decision.step + 1, total=len(steps), what=label(steps[decision.step])
        )
        step = _with_left_out(step, component.plan, failure)
        if getattr(steps[decision.step].settings, "optional", False):
            step = Text("{step}, if there is one", step=step)
        if context.acts:
            return Outlook(Text("being done now: {step}", step=step), False, "now")
        return Outlook(Text("with the next heartbeat run or recover: {step}", step=step), False, "now")
    if decision.name == "off":
        by_hand = bool(component.plan.mending(failure))
        return Outlook(Text("off for it: heartbeat takes no step unless told to"), False, "by hand" if by_hand else "")
    if failure.remedy != "restart" and decision.name in ("remedy", "nothing"):
        return Outlook(Text("nothing is restarted: that could not help here"), False)
    asks = decision.move == "ask"
    by_hand = (asks or decision.name in _OVERRIDDEN) and bool(component.plan.mending(failure))
    return Outlook(of_component(decision.reason, component.id), asks, "by hand" if by_hand else "")


def _with_left_out(step: Text, plan: Plan, failure: Failure) -> Text:
    """A step, and all those of its ladder that cannot help with such a failure, by number and name."""
    mending = plan.mending(failure)
    left_out = [(place + 1, label(one)) for place, one in enumerate(plan.ladder) if one.mends and place not in mending]
    if not left_out:
        return step
    if len(left_out) == 1:
        words = Text("{step} (step {n}, {other}, is left out: it cannot help with this kind of fault)")
        return words.with_values(step=step, n=left_out[0][0], other=left_out[0][1])
    named = [Text("{n} ({what})", n=n, what=what) for n, what in left_out]
    others = Text("{first} and {last}", first=listed(named[:-1]), last=named[-1])
    words = Text("{step} (steps {others} are left out: they cannot help with this kind of fault)")
    return words.with_values(step=step, others=others)
