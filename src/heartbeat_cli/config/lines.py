"""Where each key stands in a TOML text: `tomllib` says what it holds, and not where.

Read only once something is wrong. The text has been parsed without an error, so that this reader need not notice any.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence

Path = tuple[str, ...]  # keys and, in lists of tables, places in the list ("0"): ("components", "web", "port")

_BARE = r"[A-Za-z0-9_-]+"
_QUOTED = r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''
_KEY = re.compile(rf"[ \t]*({_BARE}|{_QUOTED})[ \t]*(\.|=|\]{{1,2}}|)")
_STRING = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|\'\'\'(?:[^\']|\'(?!\'\'))*\'{3,5}|' + _QUOTED, re.S)
_PLAIN = re.compile(r"[^\s,\]}#]+(?: \d\d:[^\s,\]}#]+)?")  # a number, a date (with a space before its time), a word
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")


def of(text: str) -> dict[Path, int]:
    """The line (from 1) of every key, and of every table by its header, of a text that is valid TOML: where it stands
    first, by itself or in the name of another."""
    found: dict[Path, int] = {}
    for path, line in _Reader(text).read():
        found.setdefault(path, line)
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self._line, self._counted = 1, 0
        self._lists: dict[Path, int] = {}

    def read(self) -> Iterator[tuple[Path, int]]:
        table: Path = ()
        while self._skip():
            if self.text[self.at] != "[":
                yield from self._pair(table)
                continue
            line, double = self._here(), self.text.startswith("[[", self.at)
            self.at += 2 if double else 1
            table = self._header(double)
            yield from ((table[:number], line) for number in range(1, len(table) + 1))

    def _header(self, double: bool) -> Path:
        """The table that a header names: what it names of a list is the newest table in it."""
        found: Path = ()
        names = self._dotted()
        for number, name in enumerate(names):
            found = (*found, name)
            if double and number == len(names) - 1:
                self._lists[found] = self._lists.get(found, -1) + 1
            if found in self._lists:
                found = (*found, str(self._lists[found]))
        return found

    def _pair(self, table: Path) -> Iterator[tuple[Path, int]]:
        line = self._here()
        names = self._dotted()
        for number in range(1, len(names) + 1):
            yield (*table, *names[:number]), line
        yield from self._value((*table, *names))

    def _dotted(self) -> list[str]:
        """The parts of a key, up to and with what ends it."""
        names = []
        while found := _KEY.match(self.text, self.at):
            self.at = found.end()
            names.append(_unquoted(found[1]))
            if found[2] != ".":
                break
        return names

    def _value(self, path: Path) -> Iterator[tuple[Path, int]]:
        self._skip()
        first = self.text[self.at : self.at + 1]
        if first == "{":
            yield from self._items(path, "}", inline=True)
        elif first == "[":
            yield from self._items(path, "]", inline=False)
        else:
            found = (_STRING if first in "\"'" else _PLAIN).match(self.text, self.at)
            self.at = found.end() if found else self.at + 1

    def _items(self, path: Path, end: str, inline: bool) -> Iterator[tuple[Path, int]]:
        self.at += 1
        number = 0
        while self._skip() and self.text[self.at] != end:
            if self.text[self.at] == ",":
                self.at += 1
            elif inline:
                yield from self._pair(path)
            else:
                place = (*path, str(number))
                yield place, self._here()
                yield from self._value(place)
                number += 1
        self.at += 1

    def _skip(self) -> bool:
        """Go on to what is neither blank nor a comment; whether there is any."""
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at < len(self.text)

    def _here(self) -> int:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line


def _unquoted(key: str) -> str:
    return next(iter(tomllib.loads(f"{key} = 0"))) if key[0] in "\"'" else key


def line(known: dict[Path, int], path: Sequence[str]) -> int | None:
    """The line of a key, or of the nearest table around it that stands there; None where there is neither."""
    return next((known[place] for n in range(len(path), 0, -1) if (place := tuple(path[:n])) in known), None)
