"""More time for what is still coming up, before the next step is taken or a person is called. Used by `recover`.

While the service manager is still at a job (it may wait minutes for a process to stop), the grace does not run. And
until one of its starts was seen nobody knows how long a component takes: while something new runs at the end of the
ladder (what its step acts on was started since), it gets twice its grace.
"""

import time
from collections.abc import Callable
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.domain.component import Component, Step
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.passes.alerting.recovery_context import RecoveryContext
from heartbeat_cli.system import in_threads

_ASK = 2.5  # seconds for the question
_LATE = 0.5  # seconds an answer may be late before it counts as none
_SLACK = 1.0  # seconds that clocks may differ


def extended(context: RecoveryContext, component: Component, at_the_end: bool) -> Attempt | None:
    """The last step of this host with more time to come up; None where it had that, and nothing is at work. With
    `at_the_end` no other step is left."""
    done = [one for one in context.tried(component) if one.outcome != "held"]
    if not done or done[-1].observer != context.config.observer or done[-1].step >= len(component.plan.ladder):
        return None
    last = done[-1]
    if last.outcome not in ("done", "working") or last.verified is not None or last.verify_until is None:
        return None
    step, grace = component.plan.ladder[last.step], context.limits(component).grace
    busy_until = at_work_until(step, last.started)
    if busy_until is not None and context.now < busy_until:
        return last._replace(verify_until=context.now + grace)
    until = last.started + 2 * grace
    if not at_the_end or context.was_seen_starting(component) or until <= max(last.verify_until, context.now):
        return None
    begun = _begun(step)
    return last._replace(verify_until=until) if begun is not None and begun >= last.started - _SLACK else None


def _begun(step: Step) -> float | None:
    """Since when (epoch seconds) what the step acts on, or what it has started, has been running; None where nothing
    is, or that cannot be known."""
    action = plugins.load("actions", step.action)
    return _asked(getattr(action, "begun", None) or getattr(action, "left_behind", None), step.settings)


def at_work_until(step: Step, since: float) -> float | None:
    """Until when (epoch seconds) at most the service manager is at a job for what the step acts on, begun at `since`;
    None where it is at none."""
    return _asked(getattr(plugins.load("actions", step.action), "busy_until", None), step.settings, since)


def _asked(ask: Callable[..., float | None] | None, *given: Any) -> float | None:
    """An action's answer to a question, if it knows that question, and answers in time."""
    if ask is None:
        return None
    answers = in_threads.results({"": lambda: ask(*given, timeout=_ASK)}, time.monotonic() + _ASK + _LATE)
    answer = answers.get("")
    return None if isinstance(answer, Exception) else answer
