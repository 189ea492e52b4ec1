"""A recovery step as a line, for `heartbeat recover` and for `run`, which does without click."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heartbeat_cli.passes.recover.results import StepResult


def line(step: "StepResult") -> str:
    """One recovery step as a line."""
    proof = "" if step.outcome != "done" else ", healthy again" if step.verified else ", not healthy yet"
    action = f" {step.action}" if step.action else ""
    action += f" {step.on}" if step.on else ""
    outcome = f" {step.outcome}" if step.outcome else ""
    reason = step.reason.removeprefix(f"{step.decision}: ")
    return f"{step.component}: {step.decision}{action}{outcome}: {reason}{proof}"
