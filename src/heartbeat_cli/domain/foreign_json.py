"""JSON from outside: a value within limits, or `NotJson` and nothing else.

What is nested without end makes any later recursion over it fail as well (writing it out, comparing, describing it), so
depth has a limit of its own: the parser's depends on the version of Python and on how deep its caller is.
"""

import json
from typing import Any

DEEPEST = 100  # levels


class NotJson(ValueError):
    """The text is no usable JSON; the message says why: `is not JSON: …` or `is nested too deeply`."""


def parse(text: str | bytes) -> Any:
    """The value that `text` holds. Raises NotJson for anything else, and for more than `DEEPEST` levels of nesting."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise NotJson("is nested too deeply") from None
    except ValueError as error:
        raise NotJson(f"is not JSON: {getattr(error, 'msg', error)}") from None
    # Nearly everything is known to be flat enough by two counts, which cost next to nothing.
    opened = text.count("[") + text.count("{") if isinstance(text, str) else text.count(b"[") + text.count(b"{")
    if opened > DEEPEST and _is_deeper(value):
        raise NotJson("is nested too deeply")
    return value


def values(text: bytes) -> int:
    """About how many values a text of JSON (or lines of it) holds, at the most: an empty object takes two bytes of it
    and seventy of memory, so that a limit in bytes is none in memory."""
    return sum(map(text.count, (b"{", b"[", b",", b"\n")))


def _is_deeper(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict | list):
                inner.extend(one.values() if isinstance(one, dict) else one)
        if not inner:
            return False
        level = inner
    return True
