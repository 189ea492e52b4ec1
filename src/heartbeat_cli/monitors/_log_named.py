"""The files that the path of a log means, and the folders in which their rotated files may lie."""

import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from fnmatch import fnmatchcase

from heartbeat_cli.domain.kinds.log_names import between, is_next, is_rotated, plain, related, shape
from heartbeat_cli.domain.kinds.log_place import Place
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._log_content import Content, opened
from heartbeat_cli.monitors._log_folder import number
from heartbeat_cli.system import foreign_file
from heartbeat_cli.system.foreign_file import Spot

_MOST_FILES = 50  # that a glob may match
_MOST_NAMES = 10_000  # in the folder
_MOST_FOLDERS = 30  # of one row
GLOB = frozenset("*?[")


class Named(Record):
    """A file that the configured path means, None as content where it is not there."""

    spot: Spot
    content: Content | None


def named(path: str, places: Sequence[Place], stack: ExitStack, deadline: float) -> dict[str, Named]:
    """What the path means, by name; a file that has several names once. The name of a glob itself stands for a folder
    without any. The contents are closed by `stack`. Raises OSError, or Unobservable where there are too many."""
    folder, _, last = path.rpartition("/")
    try:
        names = _matching(path, last, places) if GLOB & set(last) else [last]
        if len(names) > _MOST_FILES:
            text = Text("{path} matches {n} files, more than {most}", path=path, n=len(names), most=_MOST_FILES)
            raise Unobservable(text)
        found = {name: _opened(os.path.join(folder, name), stack, deadline) for name in names}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    first: dict[tuple[int, int], str] = {}
    for name in sorted(found, key=lambda name: found[name].spot.name != name):
        if content := found[name].content:
            first.setdefault(content.identity[:2], name)
    return {name: one for name, one in found.items() if not one.content or first[one.content.identity[:2]] == name}


def _matching(path: str, last: str, places: Sequence[Place]) -> list[str]:
    """The names that a glob means. Where all look rotated, and nothing that they were rotated from is known, they are
    meant themselves, as with access_log.20261128."""
    with foreign_file.spot(path) as spot:
        matching = sorted(name for name in spot.entries(_MOST_NAMES) if fnmatchcase(name, last))
    names = [name for name in matching if not is_rotated(name)]
    if not names and not any(related({one.name for one in places}, matching).values()):
        names = [name for name in matching if plain(name) == name]
    return names or [last]


def _opened(path: str, stack: ExitStack, deadline: float) -> Named:
    spot = stack.enter_context(foreign_file.spot(path))
    try:
        content = opened(spot.open(), "", deadline)
    except FileNotFoundError:
        return Named(spot, None)
    stack.callback(content.close)
    return Named(spot, content)


def own_places(path: str, places: Sequence[Place], targets: Sequence[str]) -> tuple[Place, ...]:
    """The places whose name is one that the path means, or differs in numbers only from one of those that it leads to
    by links (`targets`). A store that others may write could hold any name, and have that file read."""
    last, shapes = path.rpartition("/")[2], set(map(shape, targets))

    is_glob = bool(GLOB & set(last))
    fitting = {one.name for one in places if one.name == last or (is_glob and fnmatchcase(one.name, last))}
    return tuple(one for one in places if one.name in fitting or shape(one.name) in shapes)


def rotated_from(names: Sequence[str]) -> dict[str, str]:
    """Those of the names that rotation may have given to a file with another one of them, with that one."""
    return {name: base for base, each in related(names, names).items() for name in each if name != base}


def spots(
    path: str, olddir: str | None, spot: Spot, mine: Sequence[Place], since: float, stack: ExitStack
) -> list[Spot]:
    """The folders in which rotated files may lie, that of the log first. `since`: about the time of the last check."""
    folders = [os.path.join(os.path.dirname(path), olddir)] if olddir else []
    for place in mine:
        if place.folder.startswith("/") and place.folder != spot.shown and is_next(place.folder, spot.shown):
            folders.append(place.folder)
            folders += _row(place.folder, spot.shown, since) if place.left is None else []
    found = {number(spot): spot}
    for folder in dict.fromkeys(folders):
        with suppress(FileNotFoundError, NotADirectoryError):
            one = stack.enter_context(foreign_file.spot(os.path.join(folder, spot.name)))
            found.setdefault(number(one), one)
    return list(found.values())


def _row(old: str, new: str, since: float) -> list[str]:
    """The folders between two ones whose paths differ in a number, as far as they changed after `since`."""
    parts = between(old, new)
    if parts is None:
        return []
    above, name, below = parts
    found: list[tuple[float, str]] = []
    with suppress(OSError), foreign_file.spot(os.path.join(above, name)) as spot:
        for other in spot.entries(_MOST_NAMES):
            folder = os.path.join(above, other, below).rstrip("/")
            if shape(other) == shape(name) and folder not in (old, new):
                with suppress(OSError):
                    found.append((os.stat(os.path.join(other, below), dir_fd=spot.folder).st_mtime, folder))
    return [folder for changed, folder in sorted(found)[-_MOST_FOLDERS:] if changed > since]
