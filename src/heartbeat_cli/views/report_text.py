"""A report as text: 80 columns wide, whatever the script, for a terminal, a mail and a chat.

Widths are counted as terminals show them: a Chinese character takes two columns. Lines may break at spaces and on
either side of such a character, but never before what closes a phrase.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from heartbeat_cli.views.columns import columns
from heartbeat_cli.views.report_parts import Fact, Item, Part, Report, Table

WIDTH = 80
_LABEL = 15  # columns of a figure's name, at most
_NAME = 19  # of a name in a table
_HAN = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60"
_UNIT = r"(?:(?<=\d) (?:%|ms|min|s|h|d)(?![A-Za-z])[^\s{han}]*)?"  # a figure and its unit stay together
_PIECES = re.compile(
    r"\s+|[（「]*(?:[^\s{han}]+{unit}|[{han}])[，。、；：）」！？]*|.".replace("{unit}", _UNIT).replace("{han}", _HAN)
)
_MARKS = {"bad": "!", "warn": "-", "ok": "-", "dim": ""}


def wrapped(text: str, first: str = "", then: str = "", width: int = WIDTH) -> list[str]:
    """Lines of at most `width` columns, the first beginning with `first`, the others with `then`; a word that is
    longer than a line is broken."""
    lines, line = [], first
    for piece in _pieces(text, width - max(columns(first), columns(then))):
        if line.strip() and columns(line) + columns(piece.rstrip()) > width and line not in (first, then):
            lines.append(line.rstrip())
            line = then
        line += piece.lstrip() if line in (first, then) else piece
    return [*lines, line.rstrip()]


def _pieces(text: str, most: int) -> Iterator[str]:
    """Words with the space before them, cut where one alone would not fit."""
    space = ""
    for piece in _PIECES.findall(text):
        if piece.isspace():
            space = " "
            continue
        while columns(piece) > most:
            cut = piece[: max(1, most // 2 if columns(piece[:most]) > most else most)]
            yield space + cut
            piece, space = piece[len(cut) :], ""
        yield space + piece
        space = ""


def padded(text: str, width: int) -> str:
    """A text in so many columns, cut with `…` where it is wider."""
    while columns(text) > width:
        text = text[: -2 if text.endswith("…") else -1] + "…"
    return text + " " * (width - columns(text))


def text(report: Report) -> str:
    """The whole of it."""
    return "\n".join([*wrapped(f"{report.title} · {report.about}"), *body(report)])


def body(report: Report) -> list[str]:
    """Everything but the title: what a message says whose subject the title is."""
    lines = [*wrapped(report.notice), ""] if report.notice else []
    lines += wrapped(report.verdict)
    for block in blocks(report.brief):
        lines += ["", *block]
    return lines


def fitting(report: Report, room: int, rest: str) -> str:
    """As many lines of the body, from its begin on, as `room` allows (UTF-16 units), and then `rest`."""
    from heartbeat_cli.domain.alerting.telegram_text import units

    whole = "\n".join(body(report))
    if units(whole) <= room:
        return whole
    kept: list[str] = []
    left = room - units(rest) - 2
    for line in body(report):
        left -= units(line) + 1
        if left < 0:
            break
        kept.append(line)
    return "\n".join([*kept, "", rest])


def blocks(parts: Iterable[Part]) -> Iterator[list[str]]:
    """The lines of each part that has any."""
    for part in parts:
        lines = list(_part(part))
        if lines:
            yield lines


def _part(part: Part) -> Iterator[str]:
    if part.heading and (part.items or part.table):
        yield part.heading
    for item in part.items:
        yield from _item(item)
    yield from _facts(part.facts)
    if part.table is not None:
        yield from _table(part.table)
    if part.note:
        yield from wrapped(part.note, "  " if part.items else "", "  ")


def _item(item: Item) -> Iterator[str]:
    mark = _MARKS[item.level]
    first = f"{mark} " if mark else "  "
    facts = f" · {item.facts}" if item.facts else ""
    yield from wrapped(item.head + facts, first, "    ")
    for line in item.lines:
        yield from wrapped(line, "    ", "      ")


def _facts(facts: Sequence[Fact]) -> Iterator[str]:
    wide = min(_LABEL, max((columns(fact.label) for fact in facts), default=0)) + 2
    for fact in facts:
        for number, line in enumerate(fact.lines):
            yield from wrapped(line, padded("" if number else fact.label, wide), " " * wide)


def _table(table: Table) -> list[str]:
    """Its lines; the first column is cut where all would not fit."""
    from tabulate import tabulate

    rows = [table.heads, *table.rows]
    others = [max(columns(row[n]) for row in rows) + 2 for n in range(1, len(table.heads))]
    most = max(_NAME, WIDTH - sum(others))
    cells = [[name if columns(name) <= most else padded(name, most), *rest] for name, *rest in rows]
    align = ["right" if n >= table.numbers else "left" for n in range(len(table.heads))]
    return tabulate(cells, tablefmt="plain", colalign=align, disable_numparse=True).splitlines()
