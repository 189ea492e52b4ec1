"""How far the files of a log have been read, and which rotated files were there. Pure.

A file is known by its inode, the generation of that, and the bytes before its place, not by its name: rotation renames
it, a truncated file keeps its inode, and a new file may be given the inode of one that was removed. The generation
tells those two apart; not every file system has one. The device does not count: its number may be another one after a
reboot.
"""

import re
from binascii import crc32
from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.record import Record

LONGEST = 65_536  # bytes of one line; a longer one is read in pieces
WINDOW = 1_024  # bytes before a place that tell one file from another
_SHORTEST = 64  # bytes that are enough to know what is left of a trimmed file
_MOST_TAILS = 64
_SAID = 3  # checks in which a gap is said
MOST = 200  # places that are remembered, and known files
_WITHIN_A_LETTER = bytes(range(0x80, 0xC0))  # the bytes of a letter in UTF-8 that follow the first
_ONE_NAME = re.compile(r"[^/\0]+")
_FIELDS = (6, 9, 13)  # of a place: as version 0.1.0 stored it, as later versions did, and now


class Place(Record):
    """How far one file has been read. `name`: the name it has, or had before it was rotated, in the folder of the
    configured path. The lines in the first `offset` bytes have been read. The file had `mark` bytes then; `before` is
    the checksum of the last `WINDOW` of them. `left`: when it was first seen without its name, or written after that
    (epoch seconds), None while it has it. `folder`: the path of the folder it was found in. `tails`: the last lines
    before the mark, from several of them on, each as (bytes, checksum); `rest`: how many of those bytes stand behind
    the last line end. `generation`: of the inode, None where it is not known. `mtime`: when it had been written last.
    `more`: whether more is known to follow the mark. `unfound`: since when there is no such file, None while there is.
    """

    name: str
    inode: int
    offset: int
    mark: int
    before: int
    left: float | None = None
    folder: str = ""
    rest: int = 0
    tails: tuple[tuple[int, int], ...] = ()
    generation: int | None = None
    mtime: float = 0.0
    more: bool = False
    unfound: float | None = None

    @property
    def is_unread(self) -> bool:
        """Whether there were bytes behind the place, also those of a line without its end."""
        return self.offset < self.mark or self.more

    def marked(self, offset: int, mark: int, window: bytes) -> "Place":
        """The place after `offset` bytes have been read of a file that has `mark` bytes, `window` the last of them."""
        rest = len(window) - 1 - window.rfind(b"\n")
        return self._replace(offset=offset, mark=mark, before=checksum(window), rest=rest, tails=_tails(window, mark))


class Known(Record):
    """A rotated file that has been seen: it is not read when it gets another name or time. `sign`: the generation of
    the inode, or where there is none the checksum of the bytes before its end."""

    inode: int
    size: int
    mtime: float
    sign: int


class State(Record):
    """What one check leaves for the next: `key` of the settings it belongs to, its time (epoch seconds), the places,
    for how many checks in a row there has been no file, and for how many it has not come to the end, and the rotated
    files that were there, None where that is not known."""

    key: str
    at: float
    places: tuple[Place, ...] = ()
    missing: int = 0
    behind: int = 0
    known: tuple[Known, ...] | None = None


def chosen(places: Sequence[Place]) -> tuple[tuple[Place, ...], list[str]]:
    """The places that are remembered where they are too many, and the names of those whose loss may lose lines: what
    has its name or is unread goes before what was read to its end, and that by the time at which it was written."""

    def rank(place: Place) -> tuple[bool, bool, bool, float]:
        has_name, since = place.unfound is None and place.left is None, place.left or place.unfound or 0.0
        return has_name, place.is_unread, place.inode > 0, since

    ordered = sorted(places, key=rank, reverse=True)
    cut = [one for one in ordered[MOST:] if one.inode and (one.left is None or one.is_unread)]
    return tuple(ordered[:MOST]), sorted({one.name for one in cut})


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
    places = [_stored(one._asdict()) for one in state.places[:MOST]]
    known = None if state.known is None else [list(one) for one in state.known[:MOST]]
    return {**state._asdict(), "places": places, "known": known}


def _stored(place: dict[str, Any]) -> list[Any]:
    return list({**place, "tails": [list(tail) for tail in place["tails"]]}.values())


def remembered(memory: Mapping[str, Any], key: str) -> State | None:
    """The state in a memory; None where there is none, it is of other settings, or somebody has edited it."""
    at, places, known = (memory.get(name) for name in ("at", "places", "known"))
    if memory.get("key") != key or not isinstance(at, int | float) or not isinstance(places, list):
        return None
    missing, behind = (one if isinstance(one, int) else 0 for one in (memory.get("missing"), memory.get("behind")))
    found = tuple(one for one in map(_place, places[:MOST]) if one is not None)
    files = tuple(Known(*one) for one in known[:MOST] if _is_known(one)) if isinstance(known, list) else None
    return State(key, float(at), found, missing, behind, files)


def _is_known(stored: object) -> bool:
    return (
        isinstance(stored, list)
        and len(stored) == len(Known._fields)
        and all(isinstance(one, int | float) for one in stored)
    )


def _place(stored: object) -> Place | None:
    if not isinstance(stored, list) or len(stored) not in _FIELDS:
        return None
    name, inode, offset, mark, before, left, *more = stored
    numbers = (inode, offset, mark, before)
    if (
        not isinstance(name, str)
        or not _ONE_NAME.fullmatch(name)
        or not all(isinstance(one, int) and one >= 0 for one in numbers)
    ):
        return None
    place = Place(name, inode, offset, mark, before, _time(left))
    return _with_identity(_with_folder(place, more[:3]), more[3:])


def _with_folder(place: Place, stored: list[Any]) -> Place:
    folder, rest, tails = stored or ("", 0, [])
    if not isinstance(folder, str) or "\0" in folder:
        return place
    if not isinstance(tails, list) or not isinstance(rest, int) or rest < 0:
        return place
    known = tuple(one for one in map(_tail, tails[:_MOST_TAILS]) if one is not None)
    return place._replace(folder=folder, rest=rest, tails=known)


def _with_identity(place: Place, stored: list[Any]) -> Place:
    generation, mtime, more, unfound = stored or (None, 0.0, False, None)
    return place._replace(
        generation=generation if isinstance(generation, int) else None,
        mtime=_time(mtime) or 0.0,
        more=more is True,
        unfound=_time(unfound),
    )


def _time(stored: object) -> float | None:
    return float(stored) if isinstance(stored, int | float) else None


def _tail(stored: object) -> tuple[int, int] | None:
    if not isinstance(stored, list) or len(stored) != 2 or not all(isinstance(one, int) for one in stored):
        return None
    return (stored[0], stored[1]) if 0 < stored[0] <= WINDOW else None


def lines_in(data: bytes, complete: bool, most: int) -> list[bytes]:
    """The first whole lines in `data`, `most` of them at most, each with its line end; a longer one than `LONGEST` in
    pieces. What is left at the end counts as a line where the data is `complete`."""
    found: list[bytes] = []
    at = 0
    while at < len(data) and len(found) < most:
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


def shown(line: bytes, before: bytes) -> str:
    """A line as it is shown. Where it begins or ends within a line, as `before` (what stands before it) and its missing
    end tell, there is a sign, by which half of a secret is known as one."""
    if before and not before.endswith(b"\n"):
        line = "…".encode() + line.lstrip(_WITHIN_A_LETTER)
    return text_of(line) if line.endswith(b"\n") else f"{text_of(line)}…"
