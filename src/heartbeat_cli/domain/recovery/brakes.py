"""What keeps recovery from doing harm by repetition: backoff, budgets, the breaker. Pure; time comes from outside.

A step is something that was carried out (or may have been): what was held, refused or not permitted costs nothing.

* Backoff: a step that was taken n times within the window, for this trouble, waits `backoff`·2^(n-1) seconds after the
  last one, and up to a quarter more, different for each component, so that what fell together does not start together.
* Budget: `budget` steps within the window open the component's breaker. It closes by itself when nothing was done for
  `rearm` seconds. There is no flag to get stuck: what opened it are the steps themselves.
* Host budget: `host_budget` steps within the window, over all components, and this host waits till the oldest is out.
"""

from binascii import crc32
from collections.abc import Sequence

from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

CARRIED_OUT = frozenset({"done", "working", "failed", "running", "cut off"})
_JITTER = 0.25


THE_ID = "{id}"  # stands in a reason for the component's id, which is not known here
_HELD = "held: {reason}"


def held(reason: str) -> str:
    """A reason why a step is not taken now."""
    return Text("held: {reason}", reason=reason)


def unheld(reason: str) -> str:
    """The reason without the word that it is held."""
    if isinstance(reason, Text) and reason.template == _HELD:
        return str(reason.values["reason"])
    return reason.removeprefix("held: ")


def of_component(reason: str, component: str) -> str:
    """The reason with the id of the component that it is about."""

    def put(text: str) -> str:
        return text.replace(THE_ID, component)

    return reason.mapped(put) if isinstance(reason, Text) else put(reason)


class Brakes(Record):
    """The limits that hold for one component; times in seconds."""

    backoff: float = 60.0
    budget: int = 5
    window: float = 3_600.0
    host_budget: int = 20
    rearm: float = 14_400.0


class Taken(Record):
    """One step of the past: which step of the ladder, and when it began (epoch seconds)."""

    step: int
    started: float


class Braked(Record):
    """What holds the next step back: `backoff`, `budget` or `host_budget`, why in one line, and for how long."""

    name: str
    reason: str
    left: float


def brake(
    brakes: Brakes,
    component: str,
    step: int,
    own: Sequence[Taken],
    host: Sequence[float],
    now: float,
    trouble: Sequence[Taken] | None = None,
) -> Braked | None:
    """What stands against taking `step` now: `own` are the component's steps in the order they were taken, `host` the
    beginnings of every component's steps on this host, `trouble` what the backoff counts (default: `own`)."""
    trouble = own if trouble is None else trouble
    if held := _breaker(brakes, own, now) or _backoff(brakes, component, step, trouble, now):
        return held
    recent = sorted(at for at in host if now - brakes.window < at <= now)
    if len(recent) < brakes.host_budget:
        return None
    left = recent[len(recent) - brakes.host_budget] + brakes.window - now
    reason = Text(
        "this host's budget is spent: {steps}, the next one in {left}",
        steps=_steps(len(recent), brakes),
        left=duration(left),
    )
    return Braked("host_budget", reason, left)


def quiet(brakes: Brakes, last: float, now: float) -> bool:
    """Whether nothing was done for `rearm` seconds after `last`; what lies as far ahead was dated by a wrong clock."""
    return abs(now - last) >= brakes.rearm


def opener(brakes: Brakes, own: Sequence[Taken], now: float) -> Taken | None:
    """The step that opened the component's breaker, while it is open: the last one, if it spent the budget."""
    if not own:
        return None
    last = own[-1]
    # In both directions: with several hosts the last step may bear an earlier time than those before it.
    spent = sum(abs(last.started - one.started) < brakes.window for one in own)
    return last if spent >= brakes.budget and not quiet(brakes, last.started, now) else None


def _breaker(brakes: Brakes, own: Sequence[Taken], now: float) -> Braked | None:
    last = opener(brakes, own, now)
    if last is None:
        return None
    left = brakes.rearm - max(0.0, now - last.started)
    reason = Text(
        "its budget is spent: {steps}; steps again after {left} of quiet",
        steps=_steps(brakes.budget, brakes),
        left=duration(left),
    )
    return Braked("budget", reason, left)


def _backoff(brakes: Brakes, component: str, step: int, own: Sequence[Taken], now: float) -> Braked | None:
    times = sum(one.step == step and now - brakes.window < one.started <= now for one in own)
    if not times:
        return None
    last = own[-1].started
    wait = min(brakes.backoff * 2.0 ** (times - 1), brakes.window) * (1 + _JITTER * _spread(component, last))
    left = last + wait - now
    if left <= 0 or now < last:  # a clock that was put back must not make it wait for as long
        return None
    reason = Text.counted(
        times,
        "step {step} was taken once within {window}; waits {left} more",
        "step {step} was taken {n} times within {window}; waits {left} more",
        step=step + 1,
        window=duration(brakes.window),
        left=duration(left),
    )
    return Braked("backoff", reason, left)


def _steps(count: int, brakes: Brakes) -> str:
    return Text.counted(count, "{n} step within {window}", "{n} steps within {window}", window=duration(brakes.window))


def _spread(component: str, at: float) -> float:
    """0 to 1, the same each time it is asked, so that a dry run says what the pass will do."""
    return crc32(f"{component}@{at}".encode()) / 2**32
