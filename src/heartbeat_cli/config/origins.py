"""Where an effective key of the configuration is written: which file and line, and under which name. For people only,
once something is wrong or is to be shown."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from heartbeat_cli.config import lines
from heartbeat_cli.config.expand import origin
from heartbeat_cli.config.files import File
from heartbeat_cli.config.problems import Problem
from heartbeat_cli.domain.record import Record

_PART = r"\[([0-9]+)\]|\.?([^.\[]+)"


class Origin(Record):
    """Where a key is written: its `key` there (`defaults.agent.timeout`), the `file`, and the `line` from 1, None where
    neither the key nor a table around it stands in a file."""

    key: str
    file: str
    line: int | None

    @property
    def place(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


class Origins:
    """Of a configuration that was read from `files`; `blocks` names the block of each component that one made."""

    def __init__(self, files: Sequence[File], blocks: Mapping[str, str]) -> None:
        self._files, self._blocks = files, blocks
        self._sections: dict[str, Mapping[str, Any]] = {}

    @cached_property
    def _lines(self) -> list[dict[lines.Path, int]]:
        return [lines.of(file.text) for file in self._files]

    def of(self, key: str) -> Origin:
        """Where a key (`components.web.port`, as problems name it) is written."""
        section, id_, rest = self._parsed(key)
        if section == "components":
            block = self._blocks.get(id_, id_)
            first = rest[0] if rest else ""
            if (usual := self._usual(block, first)) is not None:
                return self._found(".".join((usual, *rest)), (*usual.split("."), *rest))
            shown = key if block == id_ else ".".join((section, block, *rest))
            return self._found(shown, (section, block, *rest))
        return self._found(key, (section, id_, *rest) if id_ else (section, *rest))

    def _usual(self, block: str, key: str) -> str | None:
        """`defaults` or `defaults.<kind>`, where a component's key comes from there."""
        written = self._section("components").get(block)
        return origin(key, written, self._section("defaults")) if key else None

    def _found(self, shown: str, path: Sequence[str]) -> Origin:
        """In the file that has the most of it."""
        for length in range(len(path), 0, -1):
            for file, known in zip(self._files, self._lines, strict=True):
                if (place := tuple(path[:length])) in known:
                    return Origin(shown, file.path, known[place])
        return Origin(shown, self._files[0].path, None)

    def _parsed(self, key: str) -> tuple[str, str, tuple[str, ...]]:
        """Section, id (which may hold dots) and the keys below it."""
        section, _, below = key.partition(".")
        ids = [*self._section(section), *(self._blocks if section == "components" else ())]
        id_ = max((one for one in ids if below == one or below.startswith((f"{one}.", f"{one}["))), key=len, default="")
        rest = below[len(id_) :] if id_ else below
        return section, id_, tuple(number or name for number, name in re.findall(_PART, rest))

    def _section(self, name: str) -> Mapping[str, Any]:
        if name not in self._sections:
            found: dict[str, Any] = {}
            for file in self._files:
                table = file.tables.get(name)
                found |= table if isinstance(table, Mapping) else {}
            self._sections[name] = found
        return self._sections[name]


def located(problems: Iterable[str], origins: Origins) -> list[str]:
    """The problems, each once, with file and line: what is written once may be wrong in fifty components."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in problems:
        if isinstance(one, Problem):
            at = origins.of(one.key) if one.key else Origin("", one.source, None)
            words = f"{at.key}: {one.text}" if at.key else one.text
            found.setdefault((at.place, words), []).append(one)
        else:
            found.setdefault(("", one), []).append(one)
    return list(_lines(found))


def _lines(found: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[str]:
    for (place, text), same in found.items():
        many = f" ({len(same)} components)" if len(same) > 1 else ""
        yield f"{place}: {text}{many}" if place else text
