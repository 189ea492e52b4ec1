"""Makes foreign text fit for both databases, so that nothing a component, a program or a person says can break a pass.

PostgreSQL takes no NUL character and neither takes half of a surrogate pair; both occur in the output of programs and
in file names of another encoding. Text that fits is returned as it is.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from heartbeat_cli.domain.text import Text

T = TypeVar("T")

_SMALL, _MOST_VALUES = 100_000, 400_000  # characters; values of a tree: an empty list takes twenty times its text
_LATEST = 253_370_764_800.0  # seconds since the epoch: the year 9999


def _encoder() -> Callable[[Any], str]:
    """`json.dumps`, which refuses NaN and infinity. The standard library makes its encoder in C anew for every text,
    which takes half of the time: here there is one, where the library has it."""
    usual = json.JSONEncoder(allow_nan=False)
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return usual.encode
    escape: Any = json.encoder.encode_basestring_ascii
    encode = make(None, usual.default, escape, None, ": ", ", ", False, False, False)
    return lambda value: "".join(encode(value, 0))


_encode = _encoder()


@overload
def storable(text: str) -> str: ...
@overload
def storable(text: None) -> None: ...
@overload
def storable(text: str | None) -> str | None: ...
def storable(text: str | None) -> str | None:
    """The text without NUL characters, lone surrogates as `?`."""
    if text is None or (text.isascii() and "\0" not in text):
        return text
    if isinstance(text, Text):
        return text.mapped(storable)
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def as_json(value: Any) -> str:
    """A tree as JSON that both databases take: NaN and infinity become null, an object of unknown type its text."""
    if value == {}:  # most checks have no memory
        return "{}"
    try:
        text = _encode(value)
    except (TypeError, ValueError):
        return json.dumps(_plain(value))
    # An emoji comes here too, which costs it a second walk, and nothing else.
    return text if "\\u0000" not in text and "\\ud" not in text else json.dumps(_plain(value))


def understood(text: str | None, read: Callable[[Any], T]) -> T | None:
    """What `read` makes of the JSON that `text` holds, None where there is none, or none that it understands. Whoever
    may write into a store that several share may write anything: that must stop no pass of theirs."""
    if not text or (len(text) > _SMALL and sum(map(text.count, "[{,")) > _MOST_VALUES):
        return None
    try:
        return read(json.loads(text))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
        return None


def number(value: Any) -> float:
    """Raises ValueError or TypeError for what is no ordinary number."""
    found = float(value)
    if not math.isfinite(found):
        raise ValueError(value)
    return found


def moment(value: Any) -> float:
    """Raises ValueError or TypeError for what is no moment (epoch seconds) of a year that calendars have."""
    found = float(value)
    if not 0 <= found <= _LATEST:
        raise ValueError(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int) else storable(str(value))
