"""What units are made from, as the process of the user they run as answers it to root: JSON, and its judgement.

Root trusts that process as little as it trusts the user. What it answers ends in a unit that runs as that user, and in
lines for a person; nothing else is done with it.
"""

import json
import math
from collections.abc import Callable
from types import NoneType
from typing import Any

from heartbeat_cli.domain.kinds.crontab import TICKS
from heartbeat_cli.domain.kinds.timer_units import checked
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record

_LONGEST = 4_096  # characters of a path
_MOST = 1_000  # folders
_MOST_NAMES = 100  # of variables
_NAME = 200  # characters of a variable's or a language's name
_MOST_SECONDS = 10_000_000.0


class Facts(Record):
    """What a configuration says of the units for it. `config`: the absolute path of its file; None: there is none.
    `every`: seconds between two starts; `limit`: those that a pass may take. `state`: the state folder.
    `own_state_dir`, `own_timezone`: whether the configuration names its own. `variables`: what it reads by `env:NAME`.
    """

    config: str | None
    every: int
    limit: float
    needs: Needs
    state: str
    own_state_dir: bool
    own_timezone: bool
    variables: tuple[str, ...]
    locale: str


def as_json(facts: Facts) -> str:
    """The facts for `from_json`, which takes no more variables than a person would read about."""
    names = [one_line(one, _NAME) for one in facts.variables[:_MOST_NAMES]]
    return json.dumps({**facts._asdict(), "needs": facts.needs._asdict(), "variables": names})


def from_json(text: str) -> Facts:
    """The facts in an answer. Raises ValueError for anything that is not what `as_json` makes. Which file `config` may
    be is for the caller to say."""
    try:
        answer = json.loads(text)
    except RecursionError:
        raise ValueError("no JSON") from None
    found = _fields(answer, Facts._fields)
    needs = _fields(found["needs"], Needs._fields)
    return Facts(
        config=_of("config", found["config"], NoneType if found["config"] is None else str),
        every=_of("every", found["every"], int, lambda value: value in TICKS),
        limit=_of("limit", found["limit"], float, lambda value: math.isfinite(value) and 0 <= value <= _MOST_SECONDS),
        needs=Needs(
            **{name: _of(name, needs[name], bool) for name in Needs._fields if name != "writes"},
            writes=tuple(_path(one, "writes") for one in _list("writes", needs["writes"])),
        ),
        state=_path(found["state"], "state"),
        own_state_dir=_of("own_state_dir", found["own_state_dir"], bool),
        own_timezone=_of("own_timezone", found["own_timezone"], bool),
        variables=tuple(_name(one, "variables") for one in _list("variables", found["variables"])),
        locale=_name(found["locale"], "locale"),
    )


def _fields(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """A table with these keys and no others."""
    if not isinstance(value, dict) or value.keys() != {*names}:
        raise ValueError(f"expected a table of {', '.join(names)}")
    return value


def _of(name: str, value: Any, kind: type, fits: Callable[[Any], bool] = lambda value: True) -> Any:
    if type(value) is not kind or not fits(value):  # not isinstance: True is an int
        raise ValueError(f"{name}: unexpected value")
    return value


def _list(name: str, value: Any) -> list[Any]:
    found: list[Any] = _of(name, value, list, lambda value: len(value) <= _MOST)
    return found


def _path(value: Any, name: str) -> str:
    """An absolute path without a way back, of characters that can stand in a unit."""
    path: str = _of(name, value, str, lambda value: value.startswith("/") and len(value) <= _LONGEST)
    if path != "/" and any(part in ("", ".", "..") for part in path[1:].split("/")):
        raise ValueError(f"{name}: unexpected value")
    try:
        return checked(path)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _name(value: Any, name: str) -> str:
    found: str = _of(name, value, str, lambda value: len(value) <= _NAME and value.isprintable())
    return found
