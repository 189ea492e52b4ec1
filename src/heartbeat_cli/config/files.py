"""Reads the configuration file and those that it includes, and puts them together.

`[heartbeat] include` names files, as globs relative to the file it stands in; they are read in sorted order. Each may
hold components, channels, maintenance, and sections that no other file has. What stands twice is a mistake.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from heartbeat_cli.domain.record import Record
from heartbeat_cli.errors import ConfigError
from heartbeat_cli.system import trusted

MAX_BYTES = 4_000_000  # bytes of a configuration file: whatever is bigger is something else
_MAX_FILES = 1_000
_BY_ID = ("components", "channels", "maintenance", "defaults")  # sections that several files may share


Known = Callable[[str, bytes], Mapping[str, Any] | None]


class File(Record):
    """One file: its path as messages name it, its bytes, and its tables as TOML gives them; `prepared`: they were
    known, and the file was not parsed."""

    path: str
    data: bytes
    tables: Mapping[str, Any]
    prepared: bool = False

    @property
    def text(self) -> str:
        """Its text. Raises UnicodeDecodeError."""
        return self.data.decode("utf-8-sig").replace("\r\n", "\n")


def read(path: Path, prepare: Callable[[Path, bytes], Known]) -> tuple[Mapping[str, Any], tuple[File, ...], list[str]]:
    """The tables of a configuration, those of included files among them, the files that they come from, the file itself
    first, and what is wrong with their being together. Raises ConfigError with every problem in reading them.
    `prepare` gives, for the file and its bytes, what knows the tables of files that need not be parsed."""
    data = _bytes(path)
    known = prepare(path, data)
    main = _file(path, data, known)
    if not main.tables.keys() & {"heartbeat", "components"}:  # neither a store nor a target: an editor may be at it
        advice = "is it empty, or half written? restore it, or write a new one: heartbeat init"
        raise ConfigError([f"{path}: has neither [heartbeat] nor [components]: {advice}"])
    heartbeat = main.tables.get("heartbeat")
    included = heartbeat.get("include") if isinstance(heartbeat, Mapping) else None
    if included is None:
        return main.tables, (main,), []
    if not isinstance(included, list) or not all(isinstance(one, str) and one for one in included):
        raise ConfigError([f'{path}: heartbeat.include: expected a list of paths, as in ["conf.d/*.toml"]'])
    files = [main]
    places, wrong = _included(main, included)
    for place in places:
        try:
            files.append(_file(place, _bytes(place), known))
        except ConfigError as error:
            wrong += error.problems
    if len(files) > _MAX_FILES:
        wrong.append(f"{path}: heartbeat.include: more than {_MAX_FILES:,} files")
    tables, twice = _together(files)
    if wrong:
        raise ConfigError([*wrong, *twice])
    return tables, tuple(files), twice


def unmatched(source: str, patterns: Sequence[str]) -> list[int]:
    """The places, among the patterns of a configuration's `include`, of those that match no file."""
    from heartbeat_cli.config import included

    return [place for place, pattern in enumerate(patterns) if not included.matches(Path(source), pattern)]


def _included(main: File, patterns: list[str]) -> tuple[list[Path], list[str]]:
    """The files that are included, each once, and what is wrong with the folders that they lie in."""
    from heartbeat_cli.config import included  # few configurations have such files

    path, found, wrong = Path(main.path), dict[str, None](), list[str]()
    for place, pattern in enumerate(patterns):
        try:
            found |= dict.fromkeys(included.matches(path, pattern))
        except ConfigError as error:
            where = _place(main, ("heartbeat", "include", str(place)))
            wrong += [f"{where}: heartbeat.include[{place}]: {problem}" for problem in error.problems]
    own = os.path.realpath(path)
    return [_shown(Path(one), path) for one in found if os.path.realpath(one) != own], wrong


def _shown(place: Path, beside: Path) -> Path:
    """As the main file is named: relative to where we are when that is."""
    if beside.is_absolute():
        return place
    return Path(os.path.relpath(place))


def _bytes(path: Path) -> bytes:
    try:
        data = trusted.read(path, MAX_BYTES)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    if len(data) > MAX_BYTES:
        raise ConfigError([f"{path}: is larger than {MAX_BYTES // 1_000_000} MB: that is no configuration"])
    return data


def _file(path: Path, data: bytes, known: Known) -> File:
    if (tables := known(str(path), data)) is not None:
        return File(str(path), data, tables, prepared=True)
    import tomllib  # most runs need none

    found = File(str(path), data, {})
    try:
        return found._replace(tables=tomllib.loads(found.text))
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not UTF-8 text (byte {error.start})"]) from error
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError too
        raise ConfigError([f"{path}: is not valid TOML: {error}"]) from error


def _together(files: list[File]) -> tuple[dict[str, Any], list[str]]:
    """The tables of all files, and what stands in two of them."""
    tables: dict[str, Any] = {}
    owners: dict[tuple[str, ...], File] = {}
    twice = []
    for file in files:
        for keys, value in _parts(file.tables):
            if keys in owners:
                here, there = _place(file, keys), _place(owners[keys], keys)
                twice.append(f"{here}: {'.'.join(keys)}: is given twice, also in {there}")
                continue
            owners[keys] = file
            if len(keys) == 1:
                tables[keys[0]] = value
            else:
                tables.setdefault(keys[0], {})[keys[1]] = value
    return tables, twice


def _place(file: File, keys: tuple[str, ...]) -> str:
    from heartbeat_cli.config import lines  # only a mistake needs it

    return f"{file.path}:{lines.line(lines.of(file.text), keys)}"


def _parts(tables: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Sections whole, and those that several files may share by the ids in them."""
    for name, table in tables.items():
        if name in _BY_ID and isinstance(table, Mapping):
            yield from (((name, key), value) for key, value in table.items())
        else:
            yield (name,), table
