"""A text as it reads once the escapes in it are undone, with the place of every character: for `redact.py`.

Each language escapes other signs and leaves others as they are (JavaScript's `encodeURIComponent` a parenthesis,
Python's `ascii` all but an umlaut), so the forms of a secret cannot all be listed. What is escaped can be undone.
"""

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import NamedTuple

_DEPTH = 3  # an escaped text in an escaped text in another
_SIGNS = "%\\&"
_ESCAPES = re.compile(
    r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)|(?P<hex>(?:\\x[0-9A-Fa-f]{2})+)|(?P<octal>(?:\\[0-3][0-7]{2})+)"
    r"|(?P<utf16>(?:\\u[0-9A-Fa-f]{4})+)|(?P<html>&#?[0-9A-Za-z]{1,31};)|(?P<sign>\\[^\w\s])"
)
_PRINTABLE = re.compile(r"(?P<percent>(?:=[0-9A-F]{2})+)")  # as mails are
_BYTES = {"percent": (1, 16), "hex": (2, 16), "octal": (1, 8)}  # what stands before the digits, and their base


class Reading(NamedTuple):
    """`begins` and `ends` are, for every character, where it stands in the text as it was."""

    text: str
    begins: list[int]
    ends: list[int]

    def places(self, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Those of spans of this reading in the text as it was."""
        return ((self.begins[first], self.ends[last - 1]) for first, last in spans)


def readings(text: str) -> Iterator[Reading]:
    """Every other way to read `text`; none where nothing in it is escaped."""
    if any(sign in text for sign in _SIGNS):
        reading = Reading(text, list(range(len(text))), list(range(1, len(text) + 1)))
        for _ in range(_DEPTH):
            if not _ESCAPES.search(reading.text):
                break
            reading = _undone(reading, _ESCAPES)
            yield reading
    if "=" in text and _PRINTABLE.search(text):
        yield _undone(Reading(text, list(range(len(text))), list(range(1, len(text) + 1))), _PRINTABLE)


def _undone(before: Reading, escapes: re.Pattern[str]) -> Reading:
    parts: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    done = 0
    for match in escapes.finditer(before.text):
        at = match.start()
        parts.append(before.text[done:at])
        begins += before.begins[done:at]
        ends += before.ends[done:at]
        for char, length in _meant(match):
            parts.append(char)
            begins.append(before.begins[at])
            at += length
            ends.append(before.ends[at - 1])
        done = match.end()
    parts.append(before.text[done:])
    return Reading("".join(parts), begins + before.begins[done:], ends + before.ends[done:])


def _meant(match: re.Match[str]) -> Iterable[tuple[str, int]]:
    """The characters that a run of escapes stands for, each with the length of its own."""
    kind, run = str(match.lastgroup), match[0]
    if kind == "html":
        meant = unescape(run)
        return [(meant, len(run))] if len(meant) == 1 else zip(run, [1] * len(run), strict=True)
    if kind == "sign":
        return [(run[1], 2)]
    if kind == "utf16":
        text = bytes.fromhex(run.replace("\\u", "")).decode("utf-16-be", "surrogatepass")
        return [(char, 12 if ord(char) > 0xFFFF else 6) for char in text]
    skip, base = _BYTES[kind]
    unit = skip + (2 if base == 16 else 3)
    data = bytes(int(run[at + skip : at + unit], base) for at in range(0, len(run), unit))
    try:
        return [(char, unit * len(char.encode())) for char in data.decode()]
    except UnicodeDecodeError:
        return [(char, unit) for char in data.decode("latin-1")]
