"""The little HTML of a message (b, i, code, pre, a): read into runs of plain text, made harmless, written again.

Whatever comes in, what goes out is well formed: unknown tags are text, open ones are closed, every text is escaped.
The time it takes grows with the length of the text, and with nothing else.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable

from heartbeat_cli.domain.html_signs import escape, unescape
from heartbeat_cli.domain.record import Record

# In both cases by hand: to compile it for both takes five times as long.
_TAG = re.compile(r"<(/?)([bBiIaA]|[cC][oO][dD][eE]|[pP][rR][eE])((?:\s[^<>]*)?)>")
_HREF = r"""(?i)href\s*=\s*["'](https?://[^"'<>\s]+)["']"""  # compiled for a link, which few messages have
_DEEPEST = 20  # tags around a text that are kept: each text bears its own, so that deeper ones would multiply
_HALF = "[\ud800-\udfff]"
# What steers a terminal or the direction of reading; the joiners that hold an emoji together stay.
_CONTROLS = [*range(9), *range(11, 32), *range(127, 160), 0x061C, 0x200E, 0x200F]
_CONTROLS += [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF]
_HARMLESS: dict[int, str | None] = {**dict.fromkeys(_CONTROLS), 0x2028: "\n", 0x2029: "\n"}


class Run(Record):
    """Plain text, and the tags around it from the outermost inwards, as they are opened: `b`, `a href="…"`."""

    text: str
    tags: tuple[str, ...] = ()


def harmless(text: str) -> str:
    """Text of several lines without control characters, direction marks and half characters."""
    found = text.translate(_HARMLESS)
    try:
        found.encode()
    except UnicodeEncodeError:
        return re.sub(_HALF, "\ufffd", found)
    return found


def parse(html: str) -> list[Run]:
    """The runs of a message's HTML; runs without text are left out, and so are the tags beyond the outermost 20."""
    runs: list[Run] = []
    tags: list[str] = []
    opened: Counter[str] = Counter()
    at = 0
    for token in _TAG.finditer(html):
        runs.append(Run(harmless(unescape(html[at : token.start()])), tuple(tags[:_DEEPEST])))
        at = token.end()
        _turn(tags, opened, token)
    runs.append(Run(harmless(unescape(html[at:])), tuple(tags[:_DEEPEST])))
    return [run for run in runs if run.text]


def _turn(tags: list[str], opened: Counter[str], token: re.Match[str]) -> None:
    """Open or close what a tag opens or closes; what crosses another tag closes that, too. `opened`: how many of each
    name are open."""
    name = token[2].lower()
    if not token[1]:
        link = re.search(_HREF, token[3]) if name == "a" else None
        if link is not None or name != "a":
            tags.append(name if link is None else f'a href="{escape(unescape(link[1]))}"')
            opened[name] += 1
        return
    closed = "" if opened[name] else name
    while closed != name:
        closed = tags.pop().split()[0]
        opened[closed] -= 1


def render(runs: Iterable[Run], text: Callable[[Run], str] = lambda run: escape(run.text, quote=False)) -> str:
    """The HTML of some runs; `text` says how the text of one is written."""
    parts: list[str] = []
    opened: tuple[str, ...] = ()
    for run in [*runs, Run("")]:
        same = 0
        while same < min(len(opened), len(run.tags)) and opened[same] == run.tags[same]:
            same += 1
        parts += [f"</{tag.split()[0]}>" for tag in reversed(opened[same:])]
        parts += [f"<{tag}>" for tag in run.tags[same:]]
        parts.append(text(run))
        opened = run.tags
    return "".join(parts)
