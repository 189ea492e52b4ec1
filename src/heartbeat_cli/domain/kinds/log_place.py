"""How far the files of a log have been read, and the names that rotation gives to them. Pure.

A file is known by its inode and by the bytes before its place, not by its name: rotation renames it, a truncated file
keeps its inode, and a new file may be given the inode of one that was removed. The device does not count: its number
may be another one after a reboot.
"""

import re
from binascii import crc32
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

LONGEST = 65_536  # bytes of one line; a longer one is read in pieces
WINDOW = 1_024  # bytes before a place that tell one file from another
_SHORTEST = 64  # bytes that are enough to know what is left of a trimmed file
_MOST_TAILS = 64
_PACKED = r"\.(?:gz|xz|bz2|zst)"
_STAMP = r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[-T_.]?[0-9]{2,14})?"
_SAID = 3  # checks in which a gap is said
_MOST = 200  # places that are remembered
_FIELDS_BEFORE = 6  # of a place as version 0.1.0 stored it


class Place(NamedTuple):
    """How far one file has been read. `name`: the name it has, or had before it was rotated, in the folder of the
    configured path. The lines in the first `offset` bytes have been read. The file had `mark` bytes then; `before` is
    the checksum of the last `WINDOW` of them. `left`: when it was first seen without its name (epoch seconds), None
    while it has it. `folder`: the path of the folder it was found in. `tails`: the last lines before the mark, from
    several of them on, each as (bytes, checksum); `rest`: how many of those bytes stand behind the last line end."""

    name: str
    inode: int
    offset: int
    mark: int
    before: int
    left: float | None = None
    folder: str = ""
    rest: int = 0
    tails: tuple[tuple[int, int], ...] = ()

    def marked(self, offset: int, mark: int, window: bytes) -> "Place":
        """The place after `offset` bytes have been read of a file that has `mark` bytes, `window` the last of them."""
        rest = len(window) - 1 - window.rfind(b"\n")
        return self._replace(offset=offset, mark=mark, before=checksum(window), rest=rest, tails=_tails(window, mark))


class State(NamedTuple):
    """What one check leaves for the next: `key` of the settings it belongs to, its time (epoch seconds), the places,
    for how many checks in a row there has been no file, and for how many it has not come to the end."""

    key: str
    at: float
    places: tuple[Place, ...] = ()
    missing: int = 0
    behind: int = 0


def _tails(window: bytes, mark: int) -> tuple[tuple[int, int], ...]:
    starts = [at for at in range(1, len(window) - _SHORTEST + 1) if window[at - 1] == 10]
    if mark == len(window) >= _SHORTEST:
        starts.insert(0, 0)
    return tuple((len(window) - at, crc32(window[at:])) for at in starts[-_MOST_TAILS:])


def checksum(window: bytes) -> int:
    """What `Place.before` holds of the bytes before a place."""
    return crc32(window[-WINDOW:])


def gaps(stored: object, found: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Names of files with lines that may be missing, by what has become of them: those of this check, else those of the
    last one that found some, until they have been said in as many checks as make a fault. `stored` is what this gave
    at the check before."""
    if any(found.values()):
        return {**{what: list(names) for what, names in found.items()}, "checks": 1}
    if isinstance(stored, Mapping) and isinstance(stored.get("checks"), int) and stored["checks"] < _SAID:
        return {**{what: _names(stored.get(what)) for what in found}, "checks": stored["checks"] + 1}
    return {**{what: [] for what in found}, "checks": _SAID}


def _names(stored: object) -> list[str]:
    return [one for one in stored if isinstance(one, str)] if isinstance(stored, list) else []


def unread(name: str, inode: int, left: float | None = None) -> Place:
    """The place at the beginning of a file."""
    return Place(name, inode, 0, 0, checksum(b""), left)


def kept(state: State) -> dict[str, Any]:
    """A state as memory."""
    places = [[*one[:-1], [list(tail) for tail in one.tails]] for one in state.places[:_MOST]]
    return {**state._asdict(), "places": places}


def remembered(memory: Mapping[str, Any], key: str) -> State | None:
    """The state in a memory; None where there is none, it is of other settings, or somebody has edited it."""
    at, places = memory.get("at"), memory.get("places")
    if memory.get("key") != key or not isinstance(at, int | float) or not isinstance(places, list):
        return None
    counts = [one if isinstance(one, int) else 0 for one in (memory.get("missing"), memory.get("behind"))]
    found = [_place(one) for one in places]
    return State(key, float(at), tuple(one for one in found if one is not None), *counts)


def _place(stored: object) -> Place | None:
    if not isinstance(stored, list) or len(stored) not in (_FIELDS_BEFORE, len(Place._fields)):
        return None
    name, inode, offset, mark, before, left, folder, rest, tails = [*stored, "", 0, []][: len(Place._fields)]
    numbers = (inode, offset, mark, before, rest)
    if not isinstance(name, str) or not all(isinstance(one, int) and one >= 0 for one in numbers):
        return None
    place = Place(name, inode, offset, mark, before, float(left) if isinstance(left, int | float) else None)
    if not isinstance(folder, str) or not isinstance(tails, list):
        return place
    return place._replace(folder=folder, rest=rest, tails=tuple(one for one in map(_tail, tails) if one is not None))


def _tail(stored: object) -> tuple[int, int] | None:
    if not isinstance(stored, list) or len(stored) != 2 or not all(isinstance(one, int) for one in stored):
        return None
    return (stored[0], stored[1]) if 0 < stored[0] <= WINDOW else None


def is_next(folder: str, other: str) -> bool:
    """Whether the paths of two folders differ in numbers only, as those of a folder a day or a folder a release do."""
    return re.sub("[0-9]+", "0", folder) == re.sub("[0-9]+", "0", other)


def lines_in(data: bytes, complete: bool) -> list[bytes]:
    """The whole lines at the beginning of `data`, each with its line end; a longer one than `LONGEST` in pieces. What
    is left at the end counts as a line where the data is `complete`."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        end = data.find(b"\n", at, at + LONGEST) + 1 or at + LONGEST
        if end > len(data):
            if complete:
                found.append(data[at:])
            break
        found.append(data[at:end])
        at = end
    return found


def text_of(line: bytes) -> str:
    """A line as text, without its end."""
    return line.decode("utf-8", "replace").replace("\n", "").rstrip("\r")


def is_rotated(name: str) -> bool:
    """Whether a name looks like one that rotation has given, so that a glob does not mean it: `app.log.1`,
    `app.log-20261128.gz`, `app.log.old`."""
    return re.search(rf"(?:\.[0-9]{{1,5}}|[.-]{_STAMP}|\.old|\.bak|{_PACKED})$", name) is not None


def rotated(base: str, names: Sequence[str]) -> list[str]:
    """Which of the names rotation gives to the file `base`, oldest first: app.log.1, app.log-20261128, app.log.old,
    app.1.log, app-20261128.log, and the same compressed."""
    stem, dot, extension = base.rpartition(".")
    parts = [rf"{re.escape(base)}(?:\.(?P<n>[0-9]{{1,5}})|[.-](?P<d>{_STAMP})|\.(?P<o>old|bak))"]
    if dot and stem:
        parts.append(rf"{re.escape(stem)}(?:\.(?P<n2>[0-9]{{1,5}})|[.-](?P<d2>{_STAMP}))\.{re.escape(extension)}")
    pattern = re.compile(rf"(?:{'|'.join(parts)})(?:{_PACKED})?")
    found = [match for match in map(pattern.fullmatch, names) if match is not None]
    return [match[0] for match in sorted(found, key=_age)]


def _age(match: re.Match[str]) -> tuple[int, str]:
    """By it the older name comes first: dates rise, numbers fall."""
    groups = match.groupdict()
    if date := groups.get("d") or groups.get("d2"):
        return 0, re.sub("[^0-9]", "", date)
    number = groups.get("n") or groups.get("n2") or "0"
    return 1, f"{99_999 - int(number):05}"
