"""What our sentences were made of, by their English line: so a line that was stored can be shown in another language.

Tables hold sentences as English lines, which people query and decisions are made from. Beside them `heartbeat_texts`
holds, once a line, its template and values as JSON: `[template, {name: value}]`, or with the template's plural as a
third item; a value that is a sentence is such a list itself. `Database` hands every `Text` that is written to `keep`,
at the end of the transaction. A line that is not there (an earlier version wrote it) is shown as it is.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from heartbeat_cli.domain.text import Text, plain, strings
from heartbeat_cli.store.sql.text import as_json, storable

T = TypeVar("T")
ENGLISH = "en"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:")
_LONGEST = 600  # characters: PostgreSQL's index takes 2,700 bytes of a key
_STEP = 500  # lines asked for at a time
_ROUNDS = 4  # of asking for the stored lines that stored sentences are made of
_DEEPEST = 24  # sentences within sentences: a list of lines is one
_LONGEST_SOURCE = 10_000  # characters: what a line is made of has a few times its length
_PIECES, _PIECES_OF_ALL = 300, 50_000  # values that one sentence, and all of a view, are made of
_DAY = 86_400
# What may stand in a stored template: whoever shares the store could ask for a width of a gigabyte, or an attribute.
_PLACES = re.compile(r"\{\{|\}\}|\{[a-z_]\w*(?::,?(?:\.\d)?[a-z%]?)?\}")


class Store(Protocol):
    """What is needed of a database."""

    said: list[Text]

    def rows(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]: ...

    def insert(self, head: str, row: str, rows: Any, tail: str = "") -> None: ...


def keep(db: Store) -> None:
    """Keep what was said in this transaction; once a day for a line that is said again. In the order of the lines, so
    that two hosts that say the same do not wait for each other in a circle."""
    said, db.said = db.said, []
    today = int(time.time() // _DAY)
    rows = {
        storable(plain(one)): as_json(_source(one)) for one in said if one.isprintable() and 0 < len(one) <= _LONGEST
    }
    db.insert(
        "INSERT INTO heartbeat_texts (line, source, day)",
        "(?, ?, ?)",
        [(line, source, today) for line, source in sorted(rows.items())],
        "ON CONFLICT (line) DO UPDATE SET day = excluded.day WHERE heartbeat_texts.day < excluded.day",
    )


def known(db: Store, value: T, locale: str) -> T:
    """The same (named) tuples, lists and tables with the stored lines in them as the sentences they are. In English
    only those with a moment in them, which is shown in the reader's time zone."""
    wanted = _lines(value) if locale != ENGLISH else (one for one in _lines(value) if _MOMENT.search(one))
    found, left = sources(db, wanted), _PIECES_OF_ALL
    texts: dict[str, Text] = {}
    for line, source in found.items():
        making = _Making(found, min(_PIECES, left))
        text = making.text(line, _parsed(source), _DEEPEST)
        left -= making.made
        if text is not None and not making.is_too_much:
            texts[line] = text
    return _with(value, texts) if texts else value


def _lines(value: Any) -> Iterator[str]:
    """The lines in a tree, those that sentences in it are made of included."""
    for one in strings(value):
        yield one
        if isinstance(one, Text):
            yield from _lines(list(one.values.values()))


def sources(db: Store, among: Iterable[str]) -> dict[str, str]:
    """The JSON of those of the lines that are known, and of the stored lines that they are made of."""
    found: dict[str, str] = {}
    wanted = {line for line in among if line and len(line) <= _LONGEST and "\0" not in line}
    for _ in range(_ROUNDS):
        asked = sorted(wanted - found.keys())
        new: dict[str, str] = {}
        for start in range(0, len(asked), _STEP):
            part = asked[start : start + _STEP]
            sql = f"SELECT line, source FROM heartbeat_texts WHERE line IN ({', '.join('?' for _ in part)})"
            new |= {row[0]: row[1] for row in db.rows(f"{sql} AND length(source) <= {_LONGEST_SOURCE}", part)}
        found |= new
        wanted = {line for source in new.values() for line in _stored_before(_parsed(source))}
        if not wanted - found.keys():
            break
    return found


def rows(db: Store, among: Iterable[str]) -> list[tuple[str, str, int]]:
    """The rows of `heartbeat_texts` for those of the lines that are known."""
    today = int(time.time() // _DAY)
    return [(line, source, today) for line, source in sorted(sources(db, among).items())]


@lru_cache(256)
def _parsed(source: str) -> Any:
    try:
        return json.loads(source)
    except (ValueError, RecursionError):  # of somebody else's making
        return None


def _source(text: Text) -> list[Any]:
    values = {
        name: _source(one) if isinstance(one, Text) else one if isinstance(one, int | float | str) else str(one)
        for name, one in text.values.items()
    }
    return [text.template, values, text.many] if text.many else [text.template, values]


def _stored_before(source: Any) -> Iterator[str]:
    """The lines in a source that are themselves sentences of an earlier time: a template without values."""
    match source:
        case [str(template), dict(values), *_]:
            if not values:
                yield template
            for one in values.values():
                yield from _stored_before(one)


class _Making:
    """The sentence of one line, of `most` pieces. Whoever shares the store could have a line made of a hundred others,
    each of them of a hundred others: no piece is longer than a line, and what has too many is no sentence."""

    def __init__(self, found: Mapping[str, str], most: int) -> None:
        self._found, self._most = found, most
        self.made, self.is_too_much = 0, False

    def text(self, line: str, source: Any, depth: int) -> Text | None:
        match source:
            case [str(template), dict(values), *many] if depth and all(map(_is_fit, [template, *many])):
                made = {name: self._value(one, depth - 1) for name, one in values.items()}
                return Text.known(line, template, made, many[0] if many else "")
        return None

    def _value(self, value: Any, depth: int) -> str | int | float:
        self.made += 1
        self.is_too_much = self.is_too_much or self.made > self._most
        if self.is_too_much:
            return ""
        match value:
            case [str(template), dict(values), *_]:
                if not values and template in self._found:
                    value = _parsed(self._found[template])
                made = self.text("", value, depth)
                if made is None:
                    return template[:_LONGEST]
                return Text.known(_filled(made)[:_LONGEST], made.template, made.values, made.many)
            case int() | float():
                return value
        return str(value)[:_LONGEST]


def _is_fit(template: Any) -> bool:
    """Whether it is a template whose places ask for nothing but a value, with a few digits."""
    return isinstance(template, str) and len(template) <= _LONGEST and not {"{", "}"} & set(_PLACES.sub("", template))


def _filled(text: Text) -> str:
    """The English line of a sentence whose values are known."""
    template = text.many if text.many and text.values.get("n") != 1 else text.template
    try:
        return template.format(**text.values) if text.values else template
    except (LookupError, ValueError, TypeError, AttributeError):
        return template


def _with(value: Any, texts: Mapping[str, Text]) -> Any:
    if isinstance(value, Text):
        if not value.values and plain(value) in texts:
            return texts[plain(value)]
        values = _with(dict(value.values), texts)
        same = all(values[name] is one for name, one in value.values.items())
        return value if same else Text.known(plain(value), value.template, values, value.many)
    if isinstance(value, str):
        return texts.get(value, value)
    if isinstance(value, dict):
        items = {key: _with(item, texts) for key, item in value.items()}
        return items if any(items[key] is not item for key, item in value.items()) else value
    if isinstance(value, list | tuple):
        found = [_with(item, texts) for item in value]
        if all(new is old for new, old in zip(found, value, strict=True)):
            return value
        return value._make(found) if hasattr(value, "_make") else type(value)(found)
    return value
