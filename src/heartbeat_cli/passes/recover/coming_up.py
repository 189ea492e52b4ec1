"""More time for what is still coming up at the end of the ladder, before a person is called. Used by `recover`.

Until one of its starts was seen nobody knows how long a component takes. While something new runs (what its step acts
on was started since), it gets twice its grace.
"""

import time
from collections.abc import Callable

from heartbeat_cli import plugins
from heartbeat_cli.domain.component import Component, Step
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.passes.alerting.recovery_context import RecoveryContext
from heartbeat_cli.system import in_threads

_ASK = 2.5  # seconds for the question
_LATE = 0.5  # seconds an answer may be late before it counts as none
_SLACK = 1.0  # seconds that clocks may differ


def extended(context: RecoveryContext, component: Component) -> Attempt | None:
    """The last step of this host with more time to come up; None where it had that, or nothing new runs."""
    done = [one for one in context.tried(component) if one.outcome != "held"]
    if not done or done[-1].observer != context.config.observer or context.was_seen_starting(component):
        return None
    last = done[-1]
    if last.outcome not in ("done", "working") or last.verified is not None or last.verify_until is None:
        return None
    until = last.started + 2 * context.limits(component).grace
    if until <= max(last.verify_until, context.now) or last.step >= len(component.plan.ladder):
        return None
    begun = _begun(component.plan.ladder[last.step])
    return last._replace(verify_until=until) if begun is not None and begun >= last.started - _SLACK else None


def _begun(step: Step) -> float | None:
    """Since when (epoch seconds) what the step acts on, or what it has started, has been running; None where nothing
    is, or that cannot be known."""
    action = plugins.load("actions", step.action)
    ask: Callable[..., float | None] | None = getattr(action, "begun", None) or getattr(action, "left_behind", None)
    if ask is None:
        return None
    answers = in_threads.results({"": lambda: ask(step.settings, timeout=_ASK)}, time.monotonic() + _ASK + _LATE)
    answer = answers.get("")
    return None if isinstance(answer, Exception) else answer
