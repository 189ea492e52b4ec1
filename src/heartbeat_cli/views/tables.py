"""Rows as a table for a terminal."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.plain import duration, one_line
from heartbeat_cli.i18n.catalogs import translated
from heartbeat_cli.views.columns import columns
from heartbeat_cli.views.rows import took
from heartbeat_cli.views.wording import blamed, local_time, told, word

_COLORS = {
    "healthy": "green",
    "degraded": "yellow",
    "suspect": "yellow",
    "recovering": "cyan",
    "unknown": "magenta",
    "unobserved": "magenta",
}
_FAILING = ("suspect", "fault", "recovering")
_CELL = 200  # characters of a cell
_LEAST = 12  # columns of a cause that say something
_WORD = re.compile(r"\S+")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A plain aligned table; what a component says cannot steer the terminal."""
    from tabulate import tabulate

    cells = [[one_line(str(cell), _CELL) for cell in row] for row in rows]
    return tabulate(cells, headers=list(heads), tablefmt="simple", disable_numparse=True)


def check_table(rows: Iterable[Mapping[str, Any]], locale: str, timezone: str = "UTC") -> str:
    """What a check saw."""
    heads = [word(key, locale) for key in ("component", "kind", "status", "response")] + [word("cause", locale)]
    return table(
        heads,
        [
            (
                row["component"],
                row["kind"],
                word(row["status"], locale),
                translated(took(row["response_time"]), locale)
                + (f" ({row['attempts']}x)" if row["attempts"] > 1 else ""),
                blamed(told(row["error"] or "", locale, timezone), row["category"] or "", locale),
            )
            for row in rows
        ],
    )


# What a narrow terminal can do without, the least needed first.
_SPARED = ("kind", "response", "name", "status", "last_look")


def status_table(rows: Iterable[Mapping[str, Any]], locale: str, timezone: str, width: int | None = None) -> str:
    """Where every component stands; within `width` columns where that can be had by leaving some out and cutting the
    rest."""
    found = [_told(row, locale, timezone) for row in rows]
    heads = ["component", "name", "kind", "state", "status", "response", "last_look", "cause"]
    if not any(cells["name"] for cells in found):
        heads.remove("name")
    made = _drawn(heads, found, locale)
    for spared in (one for one in _SPARED if one in heads):
        if width is None or columns(made) <= width:
            return made
        heads.remove(spared)
        made = _drawn(heads, found, locale)
    while width is not None and (over := columns(made) - width) > 0 and len(heads) > 1:
        longest = max(columns(cells[heads[-1]]) for cells in found)
        if longest - over < _LEAST:
            heads.pop()
        else:
            found = [{**cells, heads[-1]: fitting(cells[heads[-1]], longest - over)} for cells in found]
        made = _drawn(heads, found, locale)
    return made


def _told(row: Mapping[str, Any], locale: str, timezone: str) -> dict[str, str]:
    """A component's cells by heading."""
    return {
        "component": row["component"],
        "name": "" if row["name"] == row["component"] else row["name"],
        "kind": row["kind"],
        "state": _state(row, locale),
        "status": word(row["status"], locale),
        "response": translated(took(row["response_time"]), locale),
        "last_look": word("never", locale) if row["age"] is None else word("ago", locale, span=duration(row["age"])),
        "cause": word("semicolon", locale).join(
            part
            for part in (*notes(row, locale, timezone), _cause(row, locale, timezone), _since(row, locale, timezone))
            if part
        ),
    }


def _since(row: Mapping[str, Any], locale: str, timezone: str) -> str:
    """When it began to fail; "" where it does not."""
    if row["state"] not in _FAILING or row["unobserved"]:
        return ""
    return word("since_at", locale, since=_moment(row["since"], timezone))


def _cause(row: Mapping[str, Any], locale: str, timezone: str) -> str:
    """The error, and of what several hosts look at, who sees what."""
    failing = [one for one in row.get("votes", ()) if one["status"] in FAILURES]
    colon = word("colon", locale)
    said = word("semicolon", locale).join(
        one["observer"]
        + colon
        + (told(one["error"], locale, timezone) if one["error"] else word(one["status"], locale))
        for one in failing
    )
    cause = blamed(told(row["error"] or "", locale, timezone), row["category"] or "", locale)
    return f"{cause}{colon}{said}" if said else cause


def notes(row: Mapping[str, Any], locale: str, timezone: str) -> list[str]:
    """What a person should know of a component besides its state: who is wanted, who is on it, who is not told."""
    found = [word(key, locale) for key in ("needs_person", "late") if row[key]]
    if row["verified"]:
        found.append(word("verified_since", locale))
    if row["unobserved"] and row["state"] not in ("healthy", "unknown"):
        found.append(word("last_judged", locale, state=word(row["state"], locale)))
    if row["waits_for_you"]:
        found.append(f"{word('waits', locale)}{word('colon', locale)}heartbeat recover --component {row['component']}")
    if row["acked"]:
        found.append(f"{word('acked_by', locale)} {row['acked_by'] or '?'}")
    if quiet := row["quiet"]:
        found.append(word(f"quiet_{quiet['kind']}", locale, until=_moment(quiet["until"], timezone)))
    return found


def _moment(stamp: str, timezone: str) -> str:
    """A moment of a row (ISO 8601), as a person reads it."""
    return local_time(datetime.fromisoformat(stamp).timestamp(), timezone, "%m-%d %H:%M")


def _drawn(heads: Sequence[str], told: Iterable[Mapping[str, str]], locale: str) -> str:
    return table([word(key, locale) for key in heads], [[cells[key] for key in heads] for cells in told])


def fitting(text: str, width: int | None) -> str:
    """As much of a line as fits into so many columns. Names in it come from others, and must not steer a terminal."""
    if not text.isprintable():
        text = one_line(text, 1_000)
    if width is None or columns(text) <= width:
        return text
    while columns(text) >= width:
        text = text[:-1]
    return text + "…"


def _state(row: Mapping[str, Any], locale: str) -> str:
    text = word("unobserved" if row["unobserved"] else "unjudged" if is_unjudged(row) else row["state"], locale)
    if row["fail_count"] and not row["unobserved"]:
        text += f" ({row['fail_count']})"
    return f"{text} {word('held_by', locale)} {row['held_by']}" if row["held_by"] else text


def is_unjudged(row: Mapping[str, Any]) -> bool:
    """Whether a check is stored that detection has not judged: its state is not known, its status is."""
    return bool(row["state"] == "unknown" != row["status"])


def colored(text: str, locale: str) -> str:
    """A finished table with its state and status words in colour (for a terminal only)."""
    import click

    colors = {word(key, locale): color for key, color in _COLORS.items()}
    colors |= {word(key, locale): "red" for key in ("unhealthy", "error", "fault")}
    return _WORD.sub(lambda m: click.style(m[0], fg=colors[m[0]]) if m[0] in colors else m[0], text)
