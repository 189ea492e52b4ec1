"""How much of a budget an hour or a day has spent: a rising counter, cut by the clock. Pure.

What is spent is what the counter has risen by since the window began, or since the first check in it. A counter that
falls was reset and adds nothing. An increase over the border of two windows is shared by time.

A clock that is set back, or runs ahead for a while, gives no budget back: what was spent is kept for the window before
as well, and counts again when the clock returns to it. A clock set back to another window takes along what was spent.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Literal

from heartbeat_cli.domain.kinds.value_checks import as_number
from heartbeat_cli.domain.record import Record

Per = Literal["hour", "day"]
_LEAST = 60.0  # seconds of a window that a rate needs


class State(Record):
    """What one check leaves for the next: its time, the counter, the start of the window, since when it has been
    counted in it (times in epoch seconds), and how much was spent since. `key` says which settings they belong to.
    `past_*` are those of the window before, as if it had gone on: the clock may return to it."""

    key: str
    at: float
    value: float
    window: float
    since: float
    spent: float
    past_window: float = 0.0
    past_since: float = 0.0
    past_spent: float = 0.0

    @property
    def per_hour(self) -> float | None:
        """The mean rate of what was counted; None in the first minute."""
        counted = self.at - self.since
        return self.spent / counted * 3600 if counted >= _LEAST else None

    def lasts(self, limit: float) -> float | None:
        """Seconds until the limit is spent at that rate; None where it is spent or nothing is being spent."""
        if not self.per_hour or self.spent >= limit:
            return None
        return (limit - self.spent) / self.per_hour * 3600


def window(now: float, per: Per, zone: tzinfo | None) -> tuple[float, float]:
    """When the hour or the day of `now` began and ends (epoch seconds), by the clock of `zone` (None: of this host)."""
    local = datetime.fromtimestamp(now, zone)
    if per == "hour":
        began = now - (local.minute * 60 + local.second + local.microsecond / 1e6)
        return began, began + 3600
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return midnight.timestamp(), (midnight + timedelta(days=1)).timestamp()


def follow(before: State | None, key: str, value: float, now: float, began: float) -> State:
    """The state after a check at `now` that saw `value`, in the window that began at `began`."""
    if before is None or before.key != key:
        return State(key, now, value, began, now, 0.0)
    risen, set_back = max(0.0, value - before.value), max(0.0, before.at - now)
    spent, past = before.spent + risen, before.past_spent + risen
    since = before.since - set_back  # so that the rate stays what it was
    if _same(began, before.window):
        return before._replace(at=now, value=value, since=since, spent=spent, past_spent=past)
    if _same(began, before.past_window):
        counted = max(past, spent) if set_back else past
        return State(key, now, value, began, min(now, before.past_since), counted, before.window, before.since, spent)
    if set_back:
        return State(key, now, value, began, since, spent, before.window, before.since, spent)
    share = (now - began) / (now - before.at) if before.at < began else 1.0
    inside = risen * min(1.0, share)
    return State(key, now, value, began, max(began, before.at), inside, before.window, before.since, spent)


def _same(one: float, other: float) -> bool:
    """Whether two windows are one: an hour begins at a fraction of a second."""
    return abs(one - other) < 1.0


def kept(state: State) -> dict[str, Any]:
    """A state as memory."""
    return state._asdict()


def remembered(memory: Mapping[str, Any]) -> State | None:
    """The state in a memory; None where there is none, or somebody has edited it."""
    numbers = [as_number(memory.get(name, State._field_defaults.get(name))) for name in State._fields[1:]]
    whole = [number for number in numbers if number is not None and math.isfinite(number)]
    return State(str(memory.get("key")), *whole) if len(whole) == len(numbers) else None
