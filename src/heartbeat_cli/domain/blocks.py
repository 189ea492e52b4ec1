"""A block of the configuration of which nothing is known just now, and the names that mean it.

The names of its components are not known either: a name that somebody gives may mean one of them, or all of them.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from heartbeat_cli.domain.record import Record

_SOME, _ANY = "?*", "*"
_KEY = "stands_for"  # in the memory of a check


class Block(Record):
    """`id` as it is written, with placeholders; with `finds` its components are `<id>/<name>`, else of that id."""

    id: str
    finds: bool

    @property
    def memory(self) -> Mapping[str, str]:
        """What the checks of the component that stands for it remember (`stood_for` reads it)."""
        return {_KEY: self.id}

    def may_have(self, name: str) -> bool:
        """Whether an id or a glob fits a component that the block may have."""
        pattern = re.sub(r"\{[^{}]*\}", _SOME, self.id) + ("/" + _SOME if self.finds else "")
        return meet(pattern, re.sub(r"\[[^\]]+\]", "?", name))

    def is_all_of(self, name: str) -> bool:
        """Whether a glob fits every component that the block may have: `<id>/*`, or `worker-*` of `worker-{n}`."""
        if fnmatchcase(self.id, name):
            return True
        head, slash, rest = name.partition("/")
        return self.finds and bool(slash and rest) and not rest.strip("*") and fnmatchcase(self.id, head)


def stood_for(memory: Mapping[str, Any]) -> str | None:
    """The id of the block that a component stood for when its last check left this memory; None if for none."""
    block = memory.get(_KEY)
    return block if isinstance(block, str) else None


def meet(one: str, other: str) -> bool:
    """Whether there is a text that fits both globs, of letters, `?` and `*`."""
    places = _past_stars(other, {0})
    for sign in one:
        if sign == _ANY:
            places = set(range(min(places, default=len(other) + 1), len(other) + 1))
        else:
            places = _past_stars(other, {to for at in places for to in _steps(sign, other, at)})
    return len(other) in places


def _steps(sign: str, other: str, at: int) -> tuple[int, ...]:
    """The places in the other glob after one more sign."""
    if at == len(other):
        return ()
    if other[at] == _ANY:
        return (at,)
    return (at + 1,) if "?" in (sign, other[at]) or sign == other[at] else ()


def _past_stars(glob: str, places: set[int]) -> set[int]:
    """The places, and those behind the asterisks that may stand for nothing."""
    found = set(places)
    for at in sorted(places):
        while at < len(glob) and glob[at] == _ANY:
            at += 1
            found.add(at)
    return found
