"""What forbids a recovery step just now, whatever the ladder says: where the component is, and who has it in hand."""

from collections.abc import Mapping, Sequence

from heartbeat_cli.domain.category import Failure
from heartbeat_cli.domain.component import Component, Plan
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.recovery.brakes import held
from heartbeat_cli.domain.recovery.decision import Circumstances, Decision, Limits, Past
from heartbeat_cli.domain.text import Text


def held_back(plan: Plan, limits: Limits, past: Past, circumstances: Circumstances) -> Decision | None:
    """Why no step is taken now; None where nothing forbids one."""
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
    if not plan.mending(circumstances.failure):
        return Decision("held", "remedy", held(cannot_mend(circumstances.failure)))
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


_WHY = {
    "process": Text("none of its steps mends a failure of the process itself"),
    "starting": Text("it is still starting"),
    "draining": Text("it is stopping or reloading in an orderly way"),
    "dependency": Text("something that it needs has failed"),
    "provider": Text("the provider has failed"),
    "credentials": Text("its credentials are refused or have expired"),
    "quota": Text("its quota or budget is spent"),
    "configuration": Text("its configuration is wrong"),
    "resource": Text("a resource is used up"),
    "network": Text("the network or the name service has failed"),
    "certificate": Text("its TLS certificate has expired, or soon will"),
}


def cannot_mend(failure: Failure) -> Text:
    """Why no step of a component is of use against a failure, and what is."""
    why = _WHY[failure.category]
    if failure.mended_by == "process":
        return why
    if failure.remedy == "person":
        return Text("a restart cannot mend this: {why}; a person has to", why=why)
    return Text("a restart cannot mend this: {why}; it is waited for", why=why)


_PARENT = Text("{id}, which it depends on, is in fault")
_PARENT_WAS = Text("{id}, which it depends on, was in fault")


def in_the_past(reason: str, components: Mapping[str, Component]) -> str:
    """The reason of a hold as it is kept: of a parent's fault, by its name, that it was so then."""
    if not isinstance(reason, Text) or reason.template != _PARENT.template:
        return reason
    id_ = str(reason.values["id"])
    return _PARENT_WAS.with_values(id=components[id_].name if id_ in components else id_)


def _elsewhere(circumstances: Circumstances) -> Decision | None:
    """Somebody or something else has it in hand."""
    if circumstances.held_by:
        reason = _PARENT.with_values(id=circumstances.held_by)
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
