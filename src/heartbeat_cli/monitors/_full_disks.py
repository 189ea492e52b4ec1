"""What fills the filesystems that are over a limit, as evidence for `host.py`: found by a walk, which is remembered."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from heartbeat_cli.domain import text_source
from heartbeat_cli.domain.plain import duration, one_line, size
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, joined, stacked
from heartbeat_cli.system import deleted_files, folder_sizes, in_threads
from heartbeat_cli.system.deleted_files import Held
from heartbeat_cli.system.folder_sizes import Seen
from heartbeat_cli.system.mounts import Mount, Usage

SECONDS = 2.0  # of a walk
_SLACK = 0.25
_MOST = 3  # filesystems in one check, those with the least room
_FRESH = 3600.0  # seconds that a walk is good for
_RISE = 2.0  # percent points above which it is not
_KEPT = 1_000  # characters of one piece
_PATH = 160  # characters
_LEAST_SHARE = 0.01  # of what is used: a deleted file below is not worth a line
_MISSING_SHARE = 0.1  # of what is used: if that much was not found, something else holds it
_LABELS = {
    "space": Text("largest folders and files"),
    "inodes": Text("folders with the most files"),
    "deleted": Text("deleted files that are still open"),
}


class Full(Record):
    """A filesystem over a limit; `shown` is its mount point as people see it, `of` what it is short of: `space`,
    `inodes`."""

    mount: Mount
    shown: str
    usage: Usage
    of: frozenset[str]


def evidence(
    full: Iterable[Full], table: Sequence[Mount], past: object, now: float, until: float
) -> tuple[dict[str, str], Mapping[str, Any]]:
    """What fills them, by label, and what the next check must be given as `past`. A walk ends at `until`
    (time.monotonic()) and after two seconds."""
    chosen = sorted(full, key=_room)[:_MOST]
    known = {one.shown: found for one in chosen if (found := _known(one, past, now)) is not None}
    if new := [one for one in chosen if one.shown not in known]:
        known |= _found(new, {mount.point for mount in table}, now, min(until, time.monotonic() + SECONDS))
    pieces: dict[str, str] = {}
    for of, label in _LABELS.items():
        texts = [text for one in chosen if (text := _text(known[one.shown], of, now))]
        if texts:
            pieces[label] = stacked(texts, 2 * _KEPT)
    return pieces, known


def _room(one: Full) -> float:
    return 100 - max(one.usage.used_percent, one.usage.inodes_used_percent or 0.0)


def _known(one: Full, past: object, now: float) -> Mapping[str, Any] | None:
    """What an earlier check found, where it still holds."""
    found = past.get(one.shown) if isinstance(past, Mapping) else None
    if not isinstance(found, Mapping) or not one.of <= found.keys():
        return None
    at, percents = found.get("at"), found.get("percents")
    if not isinstance(at, int | float) or not 0 <= now - at < _FRESH:
        return None
    if not isinstance(percents, list) or len(percents) != 2:
        return None
    levels = zip((one.usage.used_percent, one.usage.inodes_used_percent or 0.0), percents, strict=True)
    return found if all(isinstance(old, int | float) and new < old + _RISE for new, old in levels) else None


def _text(found: Mapping[str, Any], of: str, now: float) -> str:
    text, age = text_source.made(found.get(of)), now - found["at"]
    return stacked([text, Text("as of {span} ago", span=duration(age))]) if text and age >= 1 else text


def _found(new: Sequence[Full], points: Collection[str], now: float, until: float) -> dict[str, Mapping[str, Any]]:
    """Walks all at once. One that does not come back is remembered as well: the next would hang, too."""
    calls = {one.shown: partial(_walk, one, points, until) for one in new}
    answers = in_threads.results(calls, until + _SLACK)
    found: dict[str, Mapping[str, Any]] = {}
    for one in new:
        answer = answers.get(one.shown, TimeoutError("no answer"))
        texts = dict.fromkeys(one.of, "") if isinstance(answer, Exception) else answer
        texts = {of: text_source.source(text) for of, text in texts.items()}
        percents = [one.usage.used_percent, one.usage.inodes_used_percent or 0.0]
        found[one.shown] = {"at": now, "percents": percents, **texts}
    return found


def _walk(one: Full, points: Collection[str], until: float) -> dict[str, str]:
    """The texts about one filesystem, by what they are of. Raises OSError where it cannot be read."""
    begun, point = time.monotonic(), one.mount.point
    held = deleted_files.Found([], 0)
    if "space" in one.of:
        held = _deleted(point, points, begun + (until - begun) / 4)
    seen = folder_sizes.walk(point, points, until)
    took = time.monotonic() - begun
    texts = {}
    if "space" in one.of:
        largest = folder_sizes.heaviest(seen.nodes, seen.sizes)
        lines = [_weighed(size(weight), _named(path, largest)) for path, weight in largest]
        texts["space"] = _piece(lines, _space_note(one, seen, took, held))
        texts["deleted"] = _piece([_held_line(file) for file in _worth_a_line(held.files, seen.used)])
    if "inodes" in one.of:
        most = folder_sizes.heaviest(seen.nodes, seen.counts)
        lines = [_weighed(f"{weight:,}", _named(path, most)) for path, weight in most]
        texts["inodes"] = _piece(lines, _inodes_note(one, seen, took))
    return texts


def _deleted(point: str, points: Collection[str], until: float) -> deleted_files.Found:
    try:
        return deleted_files.find(point, points, until)
    except OSError:
        return deleted_files.Found([], 0)


def _piece(lines: Sequence[str], note: str = "") -> str:
    return stacked([*lines, note] if note else lines, _KEPT)


def _weighed(weight: str, name: str) -> str:
    return Text("{size} {path}", size=weight, path=name)


def _shown(path: str) -> str:
    return one_line(path, _PATH)


def _named(path: str, listed: Sequence[tuple[str, int]]) -> str:
    """A folder that holds another one of the list is there with what else it holds."""
    if any(other != path and other.startswith(path) for other, _ in listed):
        return Text("the rest of {path}", path=_shown(path))
    return _shown(path)


def _worth_a_line(files: Sequence[Held], used: int) -> list[Held]:
    return [file for file in files[:5] if file.size >= _LEAST_SHARE * used]


def _held_line(file: Held) -> str:
    return Text(
        "{size} {path}, held open by {process} (pid {pid})",
        size=size(file.size),
        path=_shown(file.path),
        process=one_line(file.process, 40),
        pid=file.pid,
    )


def _space_note(one: Full, seen: Seen, took: float, held: deleted_files.Found) -> str:
    """How much of what is used the walk has seen, and why not all of it."""
    total = sum(seen.sizes)
    notes = [
        Text("searched {seen} of {used} used on {point}", seen=size(total), used=size(seen.used), point=one.shown),
        *_gaps(seen, took),
    ]
    missing = seen.used - total - sum(file.size for file in held.files)
    if held.hidden and seen.complete and missing > _MISSING_SHARE * seen.used:
        notes.append(Text("deleted files that other users' processes hold open cannot be seen"))
    return joined(notes)


def _inodes_note(one: Full, seen: Seen, took: float) -> str:
    count, used = sum(seen.counts), seen.used_entries
    note = Text("searched {seen:,} of {used:,} files on {point}", seen=count, used=used, point=one.shown)
    return joined([note, *_gaps(seen, took)])


def _gaps(seen: Seen, took: float) -> list[Text]:
    notes = []
    if not seen.complete:
        notes.append(Text("the search was ended after {span}", span=duration(took)))
    if seen.unread:
        notes.append(
            Text.counted(
                seen.unread,
                "1 folder could not be read: {path}",
                "{n} folders could not be read, the first of them {path}",
                path=_shown(seen.first_unread),
            )
        )
    return notes
