"""A `Text` as JSON, for what outlives a process: `[template, {name: value}]`, or with the template's plural as a third
item; a value that is a Text is such a list itself. What comes back may be of somebody else's making, and is bounded."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from heartbeat_cli.domain.text import Text

LONGEST_LINE = 600  # characters: PostgreSQL's index takes 2,700 bytes of a key
LONGEST_TEXT = 2_000  # characters of several lines: as many as a piece of evidence has
_DEEPEST = 24  # sentences within sentences: a list of lines is one
_PIECES = 300  # values that one sentence is made of
# What may stand in a stored template: whoever shares the store could ask for a width of a gigabyte, or an attribute.
_PLACES = re.compile(r"\{\{|\}\}|\{[a-z_]\w*(?::,?(?:\.\d)?[a-z%]?)?\}")


def source(text: str) -> Any:
    """A text as JSON; one that is no Text is itself."""
    if not isinstance(text, Text):
        return text
    values = {
        name: source(one) if isinstance(one, str) else one if isinstance(one, int | float) else str(one)
        for name, one in text.values.items()
    }
    return [text.template, values, text.many] if text.many else [text.template, values]


def is_fit(text: Text) -> bool:
    """Whether it comes back as it was: printable, and none of its values too long."""
    if not all(line.isprintable() for line in text.split("\n")):
        return False
    if "\n" not in text:
        return len(text) <= LONGEST_LINE
    return all(is_fit(one) if isinstance(one, Text) else len(str(one)) <= LONGEST_LINE for one in text.values.values())


def made(value: Any) -> str:
    """The text that `source` was given; "" for what is none."""
    if isinstance(value, str):
        return value
    making = Making(lambda _: None, _PIECES)
    text = making.text(None, value)
    return "" if text is None or making.is_too_much else text


class Making:
    """The sentence of one source, of `most` pieces. Whoever shares the store could have a line made of a hundred
    others, each of them of a hundred others: no piece is longer than a line, and what has too many is no sentence.
    `known` gives the source of a line that is a sentence of an earlier time, None for any other."""

    def __init__(self, known: Callable[[str], Any], most: int) -> None:
        self._known, self._most = known, most
        self.made, self.is_too_much = 0, False

    def text(self, line: str | None, source: Any, depth: int = _DEEPEST) -> Text | None:
        """The sentence with this English line, or (None) with the line that its source gives."""
        match source:
            case [str(template), dict(values), *many] if depth and all(map(_may_stand, [template, *many])):
                found = {name: self._value(one, depth - 1) for name, one in values.items()}
                more = many[0] if many else ""
                longest = LONGEST_TEXT if depth == _DEEPEST else LONGEST_LINE
                shown = _filled(template, found, more)[:longest] if line is None else line
                return Text.known(shown, template, found, more)
        return None

    def _value(self, value: Any, depth: int) -> str | int | float:
        self.made += 1
        self.is_too_much = self.is_too_much or self.made > self._most
        if self.is_too_much:
            return ""
        match value:
            case [str(template), dict(values), *_]:
                if not values and (before := self._known(template)) is not None:
                    value = before
                text = self.text(None, value, depth)
                return template[:LONGEST_LINE] if text is None else text
            case int() | float():
                return value
        return str(value)[:LONGEST_LINE]


def _may_stand(template: Any) -> bool:
    """Whether it is a template whose places ask for nothing but a value, with a few digits."""
    if not isinstance(template, str) or len(template) > LONGEST_LINE:
        return False
    return not {"{", "}"} & set(_PLACES.sub("", template))


def _filled(template: str, values: Mapping[str, Any], many: str) -> str:
    """The English line of a sentence whose values are known."""
    template = many if many and values.get("n") != 1 else template
    try:
        return template.format(**values) if values else template
    except (LookupError, ValueError, TypeError, AttributeError):
        return template
