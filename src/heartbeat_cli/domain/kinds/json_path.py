"""Values in a JSON document by dotted path: `status`, `checks.0.state`, `items.length()`, `endpoints.*.model`.

A name of the document always comes first: an object with a key `*` or `length()` gives what stands under it.
"""

from collections.abc import Iterator
from typing import Any

from heartbeat_cli.domain.plain import whole

ALL, LENGTH = "*", "length()"
MISSING = object()
_DEEPEST = 20  # steps of a path


def at_path(value: Any, path: str) -> Any:
    """The value at a path; MISSING where the path leads nowhere.

    `*` stands for all elements of a list, or all values of an object: the result is then a list of what the rest of
    the path finds in each, without those in which it finds nothing. `length()` is the number of elements of a list, of
    keys of an object, or of characters of a text. Steps beyond the twentieth are passed over."""
    found, many = [value], False
    for step in path.split(".")[:_DEEPEST]:
        if step == ALL and any(_has_elements(one) for one in found):
            found, many = [inner for one in found for inner in _elements(one)], True
            continue
        found = [inner for one in found if (inner := _step(one, step)) is not MISSING]
        if not found and not many:
            return MISSING
    return found if many else found[0]


def _has_elements(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and ALL not in value)


def _elements(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values() if ALL not in value else (value[ALL],)
    elif isinstance(value, list):
        yield from value


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict) and step in value:
        return value[step]
    if step == LENGTH and isinstance(value, dict | list | str):
        return len(value)
    if isinstance(value, list) and (place := whole(step, len(value) - 1)) is not None:
        return value[place]
    return MISSING


def path_problem(path: str) -> str | None:
    """What is wrong with a dotted path, None when it can be followed."""
    steps = path.split(".")
    if not all(steps):
        return "has an empty step; expected names or list positions joined by dots, like checks.0.state"
    if len(steps) > _DEEPEST:
        return f"has more than {_DEEPEST} steps"
    return None
