"""A message as Telegram takes it: 4,096 UTF-16 units at most, counted after the markup is taken away.

What is too long is shortened where it hurts least: evidence (`pre`) first, then the longest lines, so that the short
ones, which are the facts, stay whole. Only what has too many lines for that (a report) becomes several messages.
"""

import re
from collections.abc import Callable, Iterable

from heartbeat_cli.domain.alerting.markup import Run, parse, render
from heartbeat_cli.domain.record import Record

LIMIT = 4_096
_SHORTEST = 200  # units that are left of whatever is cut
_MOST_PARTS = 4
_LONGEST = 20_000  # units of one run, and runs, that are read at all
_NUMBER = 10  # units that "(1/4) " may take
_LINES = re.compile(r"[^\n]+|\n+")


class Part(Record):
    """One message to send: with markup, and the same without."""

    html: str
    plain: str


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def cut(text: str, most: int) -> str:
    """At most `most` units of it, never half a character; what is cut ends in `…`."""
    if units(text) <= most:
        return text
    kept = text.encode("utf-16-le")[: 2 * (most - 1)].decode("utf-16-le", "ignore")
    return kept.rstrip("\u200d") + "…"


def fit(html: str, limit: int = LIMIT) -> list[Part]:
    """The message as one part, shortened where needed, or as a few numbered ones."""
    runs = [Run(cut(run.text, _LONGEST), run.tags) for run in parse(html)[:_LONGEST]]
    runs = _capped(runs, limit, lambda run: "pre" in run.tags)
    if _size(runs) > limit:
        runs = _capped(list(_lines(runs)), limit, lambda run: True)
    if _size(runs) <= limit:
        return [_part(runs)]
    pages = _pages(runs, limit - _NUMBER)
    return [_part([Run(f"({n}/{len(pages)}) "), *page]) for n, page in enumerate(pages, 1)]


def _part(runs: list[Run]) -> Part:
    return Part(render(runs), "".join(run.text for run in runs))


def _size(runs: Iterable[Run]) -> int:
    return sum(units(run.text) for run in runs)


def _lines(runs: Iterable[Run]) -> Iterable[Run]:
    for run in runs:
        for piece in _LINES.findall(run.text):
            yield Run(piece[:2] if piece[0] == "\n" else piece, run.tags)


def _capped(runs: list[Run], limit: int, may_be_cut: Callable[[Run], bool]) -> list[Run]:
    """The runs with the longest of those that may be cut made equally long, as long as fits, but never nothing."""
    sizes = [units(run.text) if may_be_cut(run) else 0 for run in runs]
    room = limit - (_size(runs) - sum(sizes))
    low, high = _SHORTEST, max([_SHORTEST, *sizes])
    while low < high:
        middle = (low + high + 1) // 2
        fits = sum(min(size, middle) for size in sizes) <= room
        low, high = (middle, high) if fits else (low, middle - 1)
    return [Run(cut(run.text, low), run.tags) if size > low else run for run, size in zip(runs, sizes, strict=True)]


def _pages(lines: Iterable[Run], room: int) -> list[list[Run]]:
    """Whole lines, page after page; beyond the last page that may be sent an `…` stands for the rest."""
    pages: list[list[Run]] = [[]]
    left = room
    for line in lines:
        size = units(line.text)
        if size > left - 1:
            if len(pages) == _MOST_PARTS:
                pages[-1].append(Run("…"))
                break
            pages.append([])
            left = room
        if pages[-1] or line.text.strip("\n"):
            pages[-1].append(line)
            left -= size
    return pages
