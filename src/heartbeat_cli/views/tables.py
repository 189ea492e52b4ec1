"""Rows as a table for a terminal."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.plain import duration, one_line
from heartbeat_cli.views.rows import took
from heartbeat_cli.views.wording import word

_COLORS = {
    "healthy": "green",
    "degraded": "yellow",
    "suspect": "yellow",
    "recovering": "cyan",
    "unknown": "magenta",
}
_WORD = re.compile(r"\S+")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A plain aligned table; what a component says cannot steer the terminal."""
    from tabulate import tabulate

    cells = [[one_line(str(cell), 100) for cell in row] for row in rows]
    return tabulate(cells, headers=list(heads), tablefmt="simple", disable_numparse=True)


def check_table(rows: Iterable[Mapping[str, Any]], locale: str) -> str:
    """What a check saw."""
    heads = [word(key, locale) for key in ("component", "kind", "status", "response")] + [word("cause", locale)]
    return table(
        heads,
        [
            (
                row["component"],
                row["kind"],
                word(row["status"], locale),
                took(row["response_time"]) + (f" ({row['attempts']}x)" if row["attempts"] > 1 else ""),
                row["error"] or "",
            )
            for row in rows
        ],
    )


def status_table(rows: Iterable[Mapping[str, Any]], locale: str) -> str:
    """Where every component stands."""
    heads = [word(key, locale) for key in ("component", "kind", "state", "status", "response", "last_look", "cause")]
    return table(
        heads,
        [
            (
                row["component"],
                row["kind"],
                _state(row, locale),
                word(row["status"], locale),
                took(row["response_time"]),
                word("never", locale) if row["age"] is None else word("ago", locale, span=duration(row["age"])),
                "; ".join(part for part in (word("late", locale) if row["late"] else "", row["error"]) if part),
            )
            for row in rows
        ],
    )


def _state(row: Mapping[str, Any], locale: str) -> str:
    text = word(row["state"], locale)
    if row["fail_count"]:
        text += f" ({row['fail_count']})"
    return f"{text} {word('held_by', locale)} {row['held_by']}" if row["held_by"] else text


def colored(text: str, locale: str) -> str:
    """A finished table with its state and status words in colour (for a terminal only)."""
    import click

    colors = {word(key, locale): color for key, color in _COLORS.items()}
    colors |= {word(key, locale): "red" for key in ("unhealthy", "error", "fault")}
    return _WORD.sub(lambda m: click.style(m[0], fg=colors[m[0]]) if m[0] in colors else m[0], text)
