"""What a plug-in gives, judged: a reading, an outcome, an answer of an action. What comes from its process is data,
and becomes a value of ours only if it is what the contract says.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from heartbeat_cli.domain.category import CATEGORIES, REMEDIES
from heartbeat_cli.domain.checking.result import STATUSES, Metric, Reading
from heartbeat_cli.domain.plain import bounded, one_line
from heartbeat_cli.domain.recovery.outcome import Outcome, Result, Right

_METRICS, _LABELS, _FACTS = 1_000, 20, 20  # of a reading; of a metric; in evidence
_MEMORY = 65_536  # bytes of a reading's memory
_OUTPUT = 4_000  # characters of what an action printed
_NAME = 100  # characters of a metric's name
_ATTEMPTS = 63  # what the store's column holds beside the kind of failure (FAILURE in store/sql/schema.py)
_LEVELS = ("ok", "warn", "bad")


class Nonsense(ValueError):
    """A value that is not what the contract says; the text says what is wrong with it."""


def reading(data: Any) -> Reading:
    """The reading in this data. Raises Nonsense."""
    if not isinstance(data, list) or len(data) != len(Reading._fields):
        raise Nonsense("it gave no Reading")
    status, took, error, metrics, evidence, memory, attempts, certain, category, remedy = data
    _one_of("Reading.status", status, STATUSES)
    if category is not None:
        _one_of("Reading.category", category, CATEGORIES)
    if remedy is not None:
        _one_of("Reading.remedy", remedy, REMEDIES)
    return Reading(
        status,
        None if took is None else _number("Reading.response_time", took),
        None if error is None else _text("Reading.error", error),
        tuple(_metric(one) for one in _list("Reading.metrics", metrics, _METRICS)),
        {one_line(key, 60): _text("Reading.evidence", one) for key, one in _table("evidence", evidence, _FACTS)},
        _memory(memory),
        _attempts(attempts),
        certain is True,
        category,
        remedy,
    )


def outcome(data: Any) -> Outcome:
    """The outcome of a recovery step in this data. Raises Nonsense."""
    if not isinstance(data, list) or len(data) != len(Outcome._fields):
        raise Nonsense("it gave no Outcome")
    result, detail, output = data
    _one_of("Outcome.result", result, get_args(Result))
    detail, output = one_line(_text("Outcome.detail", detail)), bounded(_text("Outcome.output", output), _OUTPUT)
    return Outcome(result, detail, output)


def right(data: Any) -> Right:
    """Whether a step may be taken, in this data. Raises Nonsense."""
    if not isinstance(data, list) or len(data) != len(Right._fields):
        raise Nonsense("it gave no Right")
    level, text, advice = data
    _one_of("Right.level", level, _LEVELS)
    return Right(level, one_line(_text("Right.text", text)), one_line(_text("Right.advice", advice)))


def line(data: Any) -> str | None:
    """One line, or None. Raises Nonsense."""
    return None if data is None else one_line(_text("the text", data))


def number(data: Any) -> float | None:
    """A number, or None. Raises Nonsense."""
    return None if data is None else _number("the number", data)


def truth(data: Any) -> bool | None:
    """True, False or None. Raises Nonsense."""
    if data is None or isinstance(data, bool):
        return data
    raise Nonsense(f"it gave {_shown(data)}; expected True, False or None")


def pairs(data: Any) -> list[tuple[str, str]]:
    """What is wrong with settings: key and text. Raises Nonsense."""
    found = _list("problems", data, 100)
    if not all(isinstance(one, list) and len(one) == 2 for one in found):
        raise Nonsense("problems gave no list of (key, text)")
    return [(one_line(_text("a key", key), 100), one_line(_text("a text", text))) for key, text in found]


def _metric(data: Any) -> Metric:
    if not isinstance(data, list) or len(data) != len(Metric._fields):
        raise Nonsense("Reading.metrics holds what is no Metric")
    name, value, type_, metadata = data
    if not (isinstance(name, str) and name.isidentifier() and name.isascii() and len(name) <= _NAME):
        raise Nonsense(f"a Metric is called {_shown(name)}; expected snake_case of at most {_NAME} characters")
    _one_of("Metric.type", type_, ("gauge", "counter"))
    labels = {one_line(key, 60): one_line(_text("Metric", one), 200) for key, one in _table(name, metadata, _LABELS)}
    return Metric(name, _number(f"the Metric {name}", value), type_, labels)


def _memory(data: Any) -> Mapping[str, Any]:
    found = dict(_table("Reading.memory", data, 10_000))
    try:
        size = len(json.dumps(found, allow_nan=False))
    except ValueError:
        raise Nonsense("Reading.memory holds a number that is not finite") from None
    if size > _MEMORY:
        raise Nonsense(f"Reading.memory has {size} bytes; expected at most {_MEMORY}")
    return found


def _number(what: str, value: Any) -> float:
    """NaN, infinite and huge numbers become NaN, and are left out later, as for built-in kinds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) < 1e300 else math.nan
    raise Nonsense(f"{what} is {_shown(value)}; expected a number")


def _attempts(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _ATTEMPTS:
        return value
    raise Nonsense(f"Reading.attempts is {_shown(value)}; expected a whole number from 1 to {_ATTEMPTS}")


def _text(what: str, value: Any) -> str:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()  # half a surrogate pair can be stored nowhere
    raise Nonsense(f"{what} is {_shown(value)}; expected a text")


def _one_of(what: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise Nonsense(f"{what} is {_shown(value)}; expected one of {', '.join(known)}")


def _list(what: str, value: Any, most: int) -> list[Any]:
    if not isinstance(value, list):
        raise Nonsense(f"{what} is {_shown(value)}; expected a list")
    if len(value) > most:
        raise Nonsense(f"{what} has {len(value)} items; expected at most {most}")
    return value


def _table(what: str, value: Any, most: int) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise Nonsense(f"{what} is {_shown(value)}; expected a mapping")
    if len(value) > most:
        raise Nonsense(f"{what} has {len(value)} items; expected at most {most}")
    return list(value.items())


def _shown(value: Any) -> str:
    return one_line(repr(value), 60)
