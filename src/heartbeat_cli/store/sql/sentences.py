"""What our sentences were made of, by their English line: so a line that was stored can be shown in another language.

Tables hold sentences as English lines, which people query and decisions are made from. Beside them `heartbeat_texts`
holds, once a line, its template and values as JSON: `[template, {name: value}]`, or with the template's plural as a
third item; a value that is a sentence is such a list itself. `Database` hands every `Text` that is written to `keep`,
at the end of the transaction. A line that is not there (an earlier version wrote it) is shown as it is.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from heartbeat_cli.domain.text import Text, plain, strings
from heartbeat_cli.domain.text_source import LONGEST_LINE, LONGEST_TEXT, Making, is_fit, source
from heartbeat_cli.store.sql.text import as_json, storable

T = TypeVar("T")
ENGLISH = "en"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:")
_STEP = 500  # lines asked for at a time
_ROUNDS = 4  # of asking for the stored lines that stored sentences are made of
_LONGEST_SOURCE = 20_000  # characters: what a text is made of has a few times its length
_PIECES, _PIECES_OF_ALL = 300, 50_000  # values that one sentence, and all of a view, are made of
_DAY = 86_400


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
    rows = {key: as_json(source(one)) for one in said if is_fit(one) and (key := _key(storable(plain(one))))}
    db.insert(
        "INSERT INTO heartbeat_texts (line, source, day)",
        "(?, ?, ?)",
        [(key, made_of, today) for key, made_of in sorted(rows.items())],
        "ON CONFLICT (line) DO UPDATE SET day = excluded.day WHERE heartbeat_texts.day < excluded.day",
    )


def known(db: Store, value: T, locale: str) -> T:
    """The same (named) tuples, lists and tables with the stored lines in them as the sentences they are. In English
    only those with a moment in them, which is shown in the reader's time zone."""
    wanted = _lines(value) if locale != ENGLISH else (one for one in _lines(value) if _MOMENT.search(one))
    found, left = sources(db, wanted), _PIECES_OF_ALL
    texts: dict[str, Text] = {}
    for line, made_of in found.items():
        making = Making(lambda line: _parsed(found[line]) if line in found else None, min(_PIECES, left))
        text = making.text(line, _parsed(made_of))
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
    wanted = {line for line in among if _key(line)}
    for _ in range(_ROUNDS):
        asked = sorted(wanted - found.keys())
        new: dict[str, str] = {}
        for start in range(0, len(asked), _STEP):
            part = {_key(line): line for line in asked[start : start + _STEP]}
            sql = f"SELECT line, source FROM heartbeat_texts WHERE line IN ({', '.join('?' for _ in part)})"
            rows = db.rows(f"{sql} AND length(source) <= {_LONGEST_SOURCE}", list(part))
            new |= {part[key]: made_of for key, made_of in rows}
        found |= new
        wanted = {line for made_of in new.values() for line in _stored_before(_parsed(made_of)) if _key(line)}
        if not wanted - found.keys():
            break
    return found


def rows(db: Store, among: Iterable[str]) -> list[tuple[str, str, int]]:
    """The rows of `heartbeat_texts` for those of the lines that are known."""
    today = int(time.time() // _DAY)
    return sorted((_key(line), made_of, today) for line, made_of in sources(db, among).items())


@lru_cache(256)
def _parsed(source: str) -> Any:
    try:
        return json.loads(source)
    except (ValueError, RecursionError):  # of somebody else's making
        return None


def _key(text: str) -> str:
    """What a text is found by; "" for one that is not kept. Of one of several lines, or a long one, it is a checksum
    behind a line break, so that no text of one line is taken for it."""
    if "\0" in text or not 0 < len(text) <= LONGEST_TEXT:
        return ""
    if "\n" not in text and len(text) <= LONGEST_LINE:
        return text
    from hashlib import sha256  # most passes say nothing of several lines

    return f"\n{sha256(text.encode('utf-8', 'replace')).hexdigest()}"


def _stored_before(made_of: Any) -> Iterator[str]:
    """The lines in a source that are themselves sentences of an earlier time: a template without values."""
    match made_of:
        case [str(template), dict(values), *_]:
            if not values:
                yield template
            for one in values.values():
                yield from _stored_before(one)


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


def as_said(db: Store, lines: Sequence[str]) -> Sequence[str]:
    """Stored lines as the sentences they are. Those of this pass are sentences still, and cost no statement."""
    if all(not one or isinstance(one, Text) for one in lines):
        return lines
    return known(db, lines, "")
