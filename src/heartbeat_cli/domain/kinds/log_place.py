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
_PACKED = r"\.(?:gz|xz|bz2|zst)"
_STAMP = r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[-T_.]?[0-9]{2,14})?"
_SAID = 3  # checks in which a gap is said
_MOST = 200  # places that are remembered


class Place(NamedTuple):
    """How far one file has been read. `name`: the name it has, or had before it was rotated, in the folder of the
    configured path. The lines in the first `offset` bytes have been read. The file had `mark` bytes then; `before` is
    the checksum of the last `WINDOW` of them. `left`: when it was first seen without its name (epoch seconds), None
    while it has it."""

    name: str
    inode: int
    offset: int
    mark: int
    before: int
    left: float | None = None


class State(NamedTuple):
    """What one check leaves for the next: `key` of the settings it belongs to, its time (epoch seconds), the places,
    for how many checks in a row there has been no file, and for how many it has not come to the end."""

    key: str
    at: float
    places: tuple[Place, ...] = ()
    missing: int = 0
    behind: int = 0


def checksum(window: bytes) -> int:
    """What `Place.before` holds of the bytes before a place."""
    return crc32(window[-WINDOW:])


def gaps(stored: object, lost: Sequence[str], vanished: Sequence[str]) -> dict[str, Any]:
    """Files with lines that may be missing: those of this check, else those of the last one that found some, until they
    have been said in as many checks as make a fault. `stored` is what this gave at the check before."""
    if lost or vanished:
        return {"lost": list(lost), "vanished": list(vanished), "checks": 1}
    if isinstance(stored, Mapping) and isinstance(stored.get("checks"), int) and stored["checks"] < _SAID:
        names = {kind: _names(stored.get(kind)) for kind in ("lost", "vanished")}
        return {**names, "checks": stored["checks"] + 1}
    return {"lost": [], "vanished": [], "checks": _SAID}


def _names(stored: object) -> list[str]:
    return [one for one in stored if isinstance(one, str)] if isinstance(stored, list) else []


def unread(name: str, inode: int, left: float | None = None) -> Place:
    """The place at the beginning of a file."""
    return Place(name, inode, 0, 0, checksum(b""), left)


def kept(state: State) -> dict[str, Any]:
    """A state as memory."""
    return {**state._asdict(), "places": [list(one) for one in state.places[:_MOST]]}


def remembered(memory: Mapping[str, Any], key: str) -> State | None:
    """The state in a memory; None where there is none, it is of other settings, or somebody has edited it."""
    at, places = memory.get("at"), memory.get("places")
    if memory.get("key") != key or not isinstance(at, int | float) or not isinstance(places, list):
        return None
    counts = [one if isinstance(one, int) else 0 for one in (memory.get("missing"), memory.get("behind"))]
    found = [_place(one) for one in places]
    return State(key, float(at), tuple(one for one in found if one is not None), *counts)


def _place(stored: object) -> Place | None:
    if not isinstance(stored, list) or len(stored) != len(Place._fields):
        return None
    name, inode, offset, mark, before, left = stored
    if not isinstance(name, str) or not all(isinstance(one, int) and one >= 0 for one in (inode, offset, mark, before)):
        return None
    return Place(name, inode, offset, mark, before, float(left) if isinstance(left, int | float) else None)


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
