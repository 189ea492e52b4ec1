"""What detection and recovery decided, as a line for a person. `run` does without click."""

from typing import TYPE_CHECKING

from heartbeat_cli.domain.text import Text

if TYPE_CHECKING:
    from heartbeat_cli.passes.detect.detect import Verdict
    from heartbeat_cli.passes.recover.results import StepResult

_WORDS: dict[str, Text] = {
    one: one
    for one in (
        *(Text("ran"), Text("would run"), Text("wait"), Text("held"), Text("ask"), Text("off"), Text("nothing")),
        *(Text("exhausted"), Text("opened"), Text("reopened"), Text("released"), Text("ended"), Text("closed")),
        *(Text("notified"), Text("reminded"), Text("escalated"), Text("joined"), Text("degraded")),
        *(Text("done"), Text("failed"), Text("denied"), Text("refused"), Text("working"), Text("lost")),
        *(Text("cut off"), Text("running"), Text("unobserved")),
    )
}


def verdict(one: "Verdict") -> Text:
    """One decision of detection: the component, what was decided, and why."""
    reason = without(one.reason, one.decision)
    decision = _WORDS.get(one.decision, one.decision)
    return Text("{component}: {decision}: {reason}", component=one.component, decision=decision, reason=reason)


def step(one: "StepResult") -> Text:
    """One decision of recovery, or one recovery step and what came of it."""
    what = _WORDS.get(one.decision, one.decision)
    for more in (one.action, one.on, _WORDS.get(one.outcome or "", one.outcome)):
        if more:
            what = Text("{first} {then}", first=what, then=more)
    reason = without(one.reason, one.decision)
    line = Text("{component}: {decision}: {reason}", component=one.component, decision=what, reason=reason)
    if one.outcome != "done":
        return line
    if one.verified:
        return Text("{line}, healthy again; the fault ends with the next checks", line=line)
    return Text("{line}, not healthy yet", line=line)


def without(reason: str, decision: str) -> str:
    """The reason without the decision that it begins with."""
    if isinstance(reason, Text) and reason.template == f"{decision}: {{reason}}":
        return str(reason.values["reason"])
    return reason.removeprefix(f"{decision}: ") if reason.startswith(f"{decision}: ") else reason
