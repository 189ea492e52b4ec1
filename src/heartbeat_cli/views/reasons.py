"""heartbeat's own lines (causes, reasons, outcomes) in the reader's language.

They are decided and stored in English, in many modules; a catalogue of patterns turns them into another language where
they are shown. What a component itself says matches no pattern, or stands in a pattern's placeholder, and stays.

    "{n} failing looks in a row (threshold {n2})"  →  "連續 {n} 次檢查失敗（門檻 {n2} 次）"

The placeholders n, n2 … stand for a number, t … for a length of time (`2 h 5 min`), w … for one word without spaces;
any other for any text, which is translated in its turn.
"""

import importlib
import re
from functools import lru_cache
from typing import NamedTuple

_LONGEST = 1_000  # characters that are translated; a longer text is no line of ours
_DEEPEST = 5
_PLACE = re.compile(r"\{(\w+)\}")
_TYPES = {"n": r"-?\d[\d,]*(?:\.\d+)?", "t": r"\d+(?:\.\d+)? (?:s|min|h|d)(?: \d+ (?:min|h))?", "w": r"\S+"}


class _Pattern(NamedTuple):
    """`head` is what a text must begin with at all, so that nearly every pattern is passed over at once."""

    head: str
    expression: re.Pattern[str]
    text: str


def translated(text: str, locale: str) -> str:
    """A line of heartbeat's own in the language of `locale`; unchanged where the catalogue does not know it."""
    if locale == "en" or not text or len(text) > _LONGEST:
        return text
    return _whole(text, locale, _DEEPEST)


def _whole(text: str, locale: str, depth: int) -> str:
    if not depth or not text.strip():
        return text
    for pattern in _patterns(locale):
        if text.startswith(pattern.head) and (match := pattern.expression.fullmatch(text)):
            return _filled(pattern.text, match, locale, depth - 1)
    parts = text.split("; ")
    shown = [_whole(part, locale, depth - 1) for part in parts] if len(parts) > 1 else parts
    return text if shown == parts else "；".join(shown)


def _filled(pattern: str, match: re.Match[str], locale: str, depth: int) -> str:
    def value(place: re.Match[str]) -> str:
        name = place[1]
        said = match[name]
        if name[0] == "t" and _is_typed(name):
            return _span(said, locale)
        return said if _is_typed(name) else _whole(said, locale, depth)

    return _PLACE.sub(value, pattern)


def _is_typed(name: str) -> bool:
    return name.rstrip("0123456789") in _TYPES


def _span(said: str, locale: str) -> str:
    from heartbeat_cli.views.wording import word

    return " ".join(word(f"unit_{part}", locale) if part.isalpha() else part for part in said.split())


@lru_cache
def _patterns(locale: str) -> list[_Pattern]:
    name = locale.lower().replace("-", "_")
    decisions = importlib.import_module(f"heartbeat_cli.views.reasons_{name}").REASONS
    looks = importlib.import_module(f"heartbeat_cli.views.causes_{name}").CAUSES
    return [_pattern(english, text) for english, text in (decisions | looks).items()]


def _pattern(english: str, text: str) -> _Pattern:
    pieces, names = _PLACE.split(english)[::2], _PLACE.findall(english)
    expression = re.escape(pieces[0])
    for name, piece in zip(names, pieces[1:], strict=True):
        kind = _TYPES[name[0]] if _is_typed(name) else ".+?"
        expression += f"(?P<{name}>{kind}){re.escape(piece)}"
    return _Pattern(pieces[0], re.compile(expression, re.S), text)
