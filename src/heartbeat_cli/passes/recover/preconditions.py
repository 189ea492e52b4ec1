"""The last check before a step: what the component says right now, what the action says against its step, and whether
work is in flight that a restart would lose. Used by `recover`; nothing here changes anything.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.result import FAILURES, SUCCESSES, Reading
from heartbeat_cli.domain.component import Component, Guard, Step
from heartbeat_cli.domain.plain import duration, one_line
from heartbeat_cli.domain.recovery.brakes import held
from heartbeat_cli.domain.recovery.holds import cannot_mend
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.recovery_context import Due, RecoveryContext
from heartbeat_cli.passes.check import check
from heartbeat_cli.passes.recover import in_flight
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import answered

_ASK = 5.0  # seconds for one question
_SLACK = 2.0  # seconds an answer may be late before it counts as none
_OFTEN = 3  # failing checks after which it answered, until a person is notified
_INSISTS = Text(
    "it failed at {times} checks and answered when it was checked again before the step; it is not restarted while it"
    " answers; by hand: heartbeat recover --component {id} --force"
)

Objection = tuple[str, str]  # a named reason, and the reason in one line
Wait = Callable[[Callable[[], Any]], Any]  # runs what may take seconds and does not need the store


def at_once(work: Callable[[], Any]) -> Any:
    """The plain `Wait`."""
    return work()


def blocking(
    db: Database, config: Config, due: Sequence[Due], now: float, wait: Wait = at_once
) -> dict[str, Objection]:
    """Why not to act after all, by component; those that are not named may go ahead."""
    asked = [check.prepare(db, config, one.component, now, confirming=True) for one in due]
    found = _recheck(wait(lambda: check.run(asked)) if asked else {}, due)
    left = [one for one in due if one.component.id not in found]
    found |= wait(lambda: _objections(left, now)) if left else {}
    left = [one for one in left if one.component.id not in found]
    work = wait(lambda: _at_work([one.component for one in left])) if left else {}
    for one in left:
        if one.component.id in work and (said := _in_flight(one, work[one.component.id], now)):
            found[one.component.id] = said
    return found


def insisting(context: RecoveryContext, due: Sequence[Due], found: Mapping[str, Objection]) -> dict[str, Objection]:
    """Of those that `found` to answer again, the ones that have done so after several failing checks. They are not
    restarted: a restart of what answers is never right by itself. But a person has to be notified."""
    again = [one for one in due if one.incident is not None and found.get(one.component.id, ("",))[0] == "well"]
    if not again:
        return {}
    last = {one.component.id: context.last_check(one.component) for one in again}
    checked = {
        one.incident.id: seen.at if (seen := last[one.component.id]) else 0.0
        for one in again
        if one.incident is not None
    }
    open_ = {one.id for one in context.incidents.values()}
    times = answered.count(context.db, context.config.observer, checked, open_)
    return {
        one.component.id: ("answers", held(_INSISTS.with_values(times=times[one.incident.id], id=one.component.id)))
        for one in again
        if one.incident is not None and times[one.incident.id] >= _OFTEN
    }


def took_place(step: Step, since: float) -> bool | None:
    """Whether a step that was cut off took place after all; None where its action does not know."""
    return _asked_at_once({"": partial(_happened, step, since)}).get("")


def is_absent(step: Step) -> bool:
    """Whether there is nothing here to take an optional step on."""
    action = plugins.load("actions", step.action)
    return bool(_asked_at_once({"": partial(action.absent, step.settings, timeout=_ASK)}).get(""))


def _recheck(readings: Mapping[str, Reading], due: Sequence[Due]) -> dict[str, Objection]:
    """Those that do not fail just now."""
    found, steps = {}, {one.component.id: one for one in due}
    for id_, seen in readings.items():
        failure = seen.failure
        if seen.status in SUCCESSES:
            found[id_] = ("well", held(Text("it answers again")))
        elif failure is not None and steps[id_].decision.step not in steps[id_].component.plan.mending(failure):
            found[id_] = ("remedy", held(cannot_mend(failure)))
        elif seen.status not in FAILURES:
            found[id_] = (
                "unknown",
                held(Text("it could not be looked at just now ({reason})", reason=seen.error or "")),
            )
    return found


def _in_flight(one: Due, work: str, now: float) -> Objection | None:
    """Whether work in flight still holds the step: up to a limit, and what then is configured."""
    guard = one.component.plan.guard
    if guard is None or one.incident is None:
        return None
    left = one.incident.declared + guard.wait - now
    if 0 < left <= guard.wait:
        return "busy", held(
            Text("work is in flight ({work}); waits {left} more at most", work=work, left=duration(left))
        )
    if guard.then == "give_up":
        return "given_up", held(
            Text(
                "work is still in flight after {span} ({work}); it is left alone", span=duration(guard.wait), work=work
            )
        )
    return None


def _objections(due: Sequence[Due], now: float) -> dict[str, Objection]:
    """What speaks against a step just now: its action says so (masked, stopped on purpose), or somebody else has just
    started what it would restart."""
    said = _asked_at_once({one.component.id: partial(_objection, one, now) for one in due})
    return {id_: (name, one_line(text)) for id_, (name, text) in said.items() if text}


def _objection(one: Due, now: float) -> Objection:
    action = plugins.load("actions", one.step.action)
    if (hold := getattr(action, "hold", None)) and (
        reason := hold(one.step.settings, timeout=_ASK / 2, before=one.objection)
    ):
        return "objection", held(reason)
    begun = ask(one.step.settings, timeout=_ASK / 2) if (ask := getattr(action, "begun", None)) else None
    left = 0.0 if begun is None else begun + one.grace - now
    if begun is None or not 0 < left <= one.grace:
        return "", ""
    return "starting", held(
        Text("it was started {span} ago; it has {left:.0f} s left to come up", span=duration(now - begun), left=left)
    )


def _at_work(components: Sequence[Component]) -> dict[str, str]:
    """Who of these has work in flight, and what."""
    said = _asked_at_once({one.id: partial(_busy, one.plan.guard) for one in components})
    return {id_: one_line(text) for id_, text in said.items() if text}


def _happened(step: Step, since: float) -> bool | None:
    ask = getattr(plugins.load("actions", step.action), "happened", None)
    return ask(step.settings, since, timeout=_ASK) if ask else None


def _busy(guard: Guard | None) -> str | None:
    return in_flight.busy(guard, timeout=_ASK) if guard is not None and guard.busy is not None else None


def _asked_at_once(questions: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """The answers that came in time; who does not answer, or errs, has said nothing."""
    if not questions:
        return {}
    from heartbeat_cli.system import in_threads  # most passes in fault ask nothing, and pay for imports

    answers = in_threads.results(questions, time.monotonic() + _ASK + _SLACK)
    # Whatever goes wrong in a mere question holds nothing up: the check of the component has been made.
    return {id_: one for id_, one in answers.items() if not isinstance(one, Exception)}
