"""What single values of an answer must be: limits on a path of a JSON body or on a metric. Pure.

`evaluate` judges a list of checks with a function that finds a check's values. A check whose value cannot be judged
(NaN, or `absent = "unknown"`) outweighs a degraded one, since nobody knows whether all is well, but not an unhealthy
one.
"""

import math
from binascii import crc32
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.result import Metric, Status
from heartbeat_cli.domain.kinds.check_keys import Agg, Check, Limit, Op
from heartbeat_cli.domain.kinds.health_body import as_text
from heartbeat_cli.domain.kinds.json_path import MISSING
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, joined

RANKS: Mapping[Status, int] = {"healthy": 0, "degraded": 1, "unknown": 2, "unhealthy": 3, "error": 4}
_WHOLE = 1e15  # below it every whole number is shown with all its digits
_SHOWN = 80  # characters of a foreign text


class Outcome(Record):
    """What the checks of one answer amount to. `rates` is kept for the next check: by selection, the time (epoch
    seconds) and the value of a counter."""

    status: Status
    error: str | None = None
    category: Category | None = None
    metrics: tuple[Metric, ...] = ()
    rates: Mapping[str, Any] = {}


class _Finding(Record):
    status: Status
    text: str
    category: Category | None


def evaluate(checks: Iterable[Check], find: Callable[[Check], Any], before: Mapping[str, Any], now: float) -> Outcome:
    """Judge every check. `find` gives a check's value, a list of its values, or MISSING; `before` is the `rates` of the
    last check, and `now` is in epoch seconds."""
    findings: list[_Finding] = []
    metrics: dict[str, Metric] = {}
    rates: dict[str, Any] = {}
    for check in checks:
        value = _value(check, find(check))
        if check.rate:
            value = _rate(check, value, before, now, rates)
        number = as_number(value)
        if number is not None and math.isfinite(number):
            metrics[check.figure] = Metric(check.figure, number, metadata=check.labels)
        if value is not None and (found := _judge(check, value)):
            findings.append(found)
    if not findings:
        return Outcome("healthy", metrics=tuple(metrics.values()), rates=rates)
    findings.sort(key=lambda one: -RANKS[one.status])
    worst = findings[0].status
    category = next((one.category for one in findings if one.status == worst and one.category), None)
    error = joined(dict.fromkeys(one.text for one in findings))
    return Outcome(worst, error, category, tuple(metrics.values()), rates)


def _value(check: Check, raw: Any) -> Any:
    """The one value that is judged: several become one, unless they are searched or compared as they are."""
    as_they_are = check.op == "contains" or any(isinstance(one, str | bool) for one in check.limits)
    if raw is None or raw is MISSING:
        return MISSING
    if check.agg is None and (as_they_are or not isinstance(raw, list)):
        return raw
    return aggregated(raw if isinstance(raw, list) else [raw], check.agg or "sum")


def aggregated(values: list[Any], agg: Agg) -> float | object:
    """One number for several values, of which those that are no numbers are left out; MISSING where none is left."""
    if agg == "count":
        return float(len(values))
    numbers = [number for one in values if (number := as_number(one)) is not None]
    if not numbers or any(map(math.isnan, numbers)):
        return math.nan if numbers else MISSING
    if agg in ("min", "max"):
        return min(numbers) if agg == "min" else max(numbers)
    return sum(numbers) / (len(numbers) if agg == "avg" else 1)


def as_number(value: Any) -> float | None:
    """A JSON number or boolean as a number; None for anything else."""
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _rate(check: Check, value: Any, before: Mapping[str, Any], now: float, rates: dict[str, Any]) -> Any:
    """The increase per second since the last check; None where there is none to judge: at the first check, after a
    reset, and after a clock that was set back. What cannot be a counter is returned as it is."""
    key = f"{crc32(repr(check.selection).encode()):08x}"
    kept = before.get(key)
    past = [as_number(one) for one in kept] if isinstance(kept, list | tuple) else []
    number = as_number(value)
    if number is None or not math.isfinite(number):
        if kept is not None:
            rates[key] = kept
        return value
    rates[key] = [now, number]
    if len(past) != 2 or past[0] is None or past[1] is None or not past[0] < now or not past[1] <= number:
        return None
    return (number - past[1]) / (now - past[0])


def _judge(check: Check, value: Any) -> _Finding | None:
    name = one_line(check.shown, _SHOWN)
    if value is MISSING:
        return _absent(check, Text("{name} is missing", name=name))
    number = as_number(value)
    if number is not None and math.isnan(number):
        return _Finding("unknown", Text("{name} is not a number (NaN)", name=name), None)
    if number is None and check.op in (">=", "<=", "<", ">"):
        return _absent(check, Text("{name} is {value}, not a number", name=name, value=shown(value)))
    statuses: tuple[tuple[Status, Limit | None], ...] = (("unhealthy", check.critical), ("degraded", check.warn))
    for status, limit in statuses:
        if limit is not None and not holds(check.op, value, limit):
            return _Finding(status, _broken(check, name, value, limit), check.category)
    return None


def _absent(check: Check, text: str) -> _Finding | None:
    return None if check.absent == "healthy" else _Finding(check.absent, text, check.category)


def _broken(check: Check, name: str, value: Any, limit: Limit) -> str:
    if check.op == "contains":
        return Text("{name} does not contain {value}", name=name, value=shown(limit))
    said = shown(value)
    if check.rate:
        said = Text("{value} per second", value=said)
    return Text("{name} is {value}, needs {op} {limit}", name=name, value=said, op=check.op, limit=shown(limit))


def holds(op: Op, value: Any, limit: Limit) -> bool:
    """Whether the comparison holds. A limit that is a text is compared with the value as text, as are true and false;
    `contains` is an element of a list, a key of an object, or a part of a text."""
    if op == "contains":
        wanted = as_text(limit)
        if isinstance(value, list | dict):
            return any(as_text(one) == wanted for one in value)
        return isinstance(value, str) and wanted in value
    if op in ("==", "!="):
        same = as_text(value) == as_text(limit) if isinstance(limit, str | bool) else as_number(value) == limit
        return same is (op == "==")
    number, bound = as_number(value), as_number(limit)
    if number is None or bound is None:
        return False
    return {">=": number >= bound, "<=": number <= bound, ">": number > bound, "<": number < bound}[op]


def shown(value: Any) -> str:
    """A value in a message: a number with the digits that matter, a text in quotation marks."""
    number = None if isinstance(value, bool) else as_number(value)
    if number is None:
        text = one_line(as_text(value), _SHOWN)
        return f'"{text}"' if isinstance(value, str) else text
    return f"{number:.0f}" if abs(number) < _WHOLE and number == int(number) else f"{number:.6g}"
