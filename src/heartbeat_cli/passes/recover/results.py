"""What recovery did about a component, or would do, as its callers print it."""

from heartbeat_cli.domain.incident import ITSELF, Attempt
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.labels import target
from heartbeat_cli.passes.alerting.recovery_context import Due

UNHELPED = ("failed", "denied", "refused")


class StepResult(Record):
    """What recovery did, or would do, about one component: `name` is the named reason, `action` the step's and `on`
    what it acts on; `outcome` is None where nothing was run; `failed` is set when a person is needed."""

    component: str
    decision: str
    reason: str
    name: str = ""
    action: str | None = None
    outcome: str | None = None
    verified: bool = False
    failed: bool = False
    on: str | None = None


def about(one: Due, decision: str, reason: str, name: str) -> StepResult:
    """A component about which nothing was run."""
    return StepResult(one.component.id, decision, reason, name, one.step.action, on=target(one.step))


def result_of(one: Due, attempt: Attempt) -> StepResult:
    """A step that was taken. One that heartbeat took by itself and that failed says nothing final yet: whether a person
    is needed is decided anew."""
    by_hand = attempt.requested_by != ITSELF
    last = one.decision.step + 1 >= len(one.component.plan.ladder)
    return about(one, "ran", attempt.detail, one.decision.name)._replace(
        outcome=attempt.outcome,
        verified=attempt.verified is not None,
        failed=by_hand and last and attempt.outcome in UNHELPED,
    )
