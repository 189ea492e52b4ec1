"""Which lines of a log are wanted, and how far one check got with judging them. Pure."""

import re
from collections.abc import Sequence

from heartbeat_cli.domain.record import Record

KEPT = 5  # matching lines that are kept of each piece, the last ones
_REPEATS = re.compile(r"[*+?{(]|\\[1-9]")


class Wanted(Record):
    """A line is wanted when it holds the text `contains`, `pattern` is found in it and `ignore` is not. "" is none."""

    contains: str = ""
    pattern: str = ""
    ignore: str = ""

    @property
    def is_fast(self) -> bool:
        """Whether any line is judged in a time that grows with its length alone: nothing in the patterns repeats or
        groups, so that there is one way to match at each place. `(a+)+$` may take years on the right line."""
        return not any(_REPEATS.search(one.removeprefix("(?i)")) for one in (self.pattern, self.ignore))


class Judged(Record):
    """The first `lines` of those that were handed over have been judged. `matches` are wanted, `last` are the places of
    the last of them; at `undecided` a pattern did not come to an end: they count as not wanted."""

    lines: int
    matches: int = 0
    undecided: int = 0
    last: tuple[int, ...] = ()


def problems(wanted: Wanted) -> list[tuple[str, str]]:
    """What is wrong with the patterns, as (key, text)."""
    found = []
    for key in ("pattern", "ignore"):
        text = getattr(wanted, key)
        try:
            re.compile(text)
        except (re.error, RecursionError, OverflowError) as error:
            found.append((key, f"is not a regular expression: {error}"))
        if "\0" in text:
            found.append((key, "holds a NUL character"))
    if not wanted.contains and not wanted.pattern:
        found.append(("pattern", "is required, or contains"))
    return found


def candidates(wanted: Wanted, lines: Sequence[str]) -> list[int]:
    """The places of the lines that hold the text; of all where none is given."""
    if not wanted.contains:
        return list(range(len(lines)))
    return [place for place, line in enumerate(lines) if wanted.contains in line]


def judged(wanted: Wanted, lines: Sequence[str]) -> Judged:
    """The verdict on lines where `wanted.is_fast`."""
    search, ignore = re.compile(wanted.pattern).search, re.compile(wanted.ignore).search
    places = candidates(wanted, lines)
    found = [one for one in places if search(lines[one]) and not (wanted.ignore and ignore(lines[one]))]
    return Judged(len(lines), len(found), 0, tuple(found[-KEPT:]))
