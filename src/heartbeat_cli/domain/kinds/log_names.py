"""The names that rotation gives to the files of a log. Pure.

The times of two rotated files say which is the older one: names say it in too many ways.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial

UNREADABLE = (".xz", ".bz2", ".zst", ".lz4", ".lzo", ".br", ".zip", ".Z", ".7z")
_PACKED = re.compile(r"\.(?:gz|xz|bz2|zst|lz4|lzo|br|zip|Z|7z)$")
_STAMP = r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[-T_.]?[0-9]{2,14})?(?:[-:.][0-9]{2,6}){0,3}Z?"
_IS_ROTATED = re.compile(rf"(?:\.[0-9]{{1,5}}|[._-]{_STAMP}|\.old|\.bak|{_PACKED.pattern[:-1]})$")
# A number, a date, or both, however they are written: 1, 20261128, 2026-11-28T19:49:49.123+08:00, 11-28-2026-1.
_NUMBERS = r"[._-]{1,2}[0-9](?:[0-9T:_.+-]{0,60}[0-9])?Z?"
_WORD = r"\.(?:old|bak|prev|previous|last|save)"
_BEHIND = re.compile(rf"(?:{_NUMBERS}(?:\.(?!bak$|old$|orig$|tmp$|lock$)[A-Za-z]{{1,8}})?|{_WORD})")
_BETWEEN = re.compile(_NUMBERS)
_NUMBER = 5  # digits at most of a number that counts the rotated files
_TAI = re.compile(r"@[0-9a-f]{24}\.[su]")
_SEPARATORS = re.compile("[._-]")


def plain(name: str) -> str:
    """The name without what compression adds to it."""
    return _PACKED.sub("", name)


def is_rotated(name: str) -> bool:
    """Whether a name looks like one that rotation has given, so that a glob does not mean it: `app.log.1`,
    `app.log-20261128.gz`, `app.log.old`."""
    return _IS_ROTATED.search(name) is not None


def is_backup(name: str) -> bool:
    """Whether an editor has left the file as it was before it was edited."""
    return name.endswith("~")


def related(bases: Iterable[str], names: Iterable[str]) -> dict[str, list[str]]:
    """Which of the names rotation may give to each of the files `bases`: app.log.1, app.log-20261128, app.log.old,
    app.1.log, app-20261128.log and others of their kind, the same compressed, and app.log.gz. Those of the smallest
    number or the latest date come last."""
    stems: dict[str, list[tuple[str, str]]] = {}
    found: dict[str, list[str]] = {base: [] for base in bases}
    for base in found:
        stem, dot, extension = base.rpartition(".")
        if dot and stem:
            stems.setdefault(stem, []).append((base, dot + extension))
    starts = tuple({*found, *stems})
    for name in names:
        if starts and name.startswith(starts):
            for base in _bases(plain(name), found, stems):
                found[base].append(name)
            if name != plain(name) in found:
                found[plain(name)].append(name)
    return {base: sorted(each, key=partial(_age, base)) for base, each in found.items()}


def _bases(name: str, bases: dict[str, list[str]], stems: dict[str, list[tuple[str, str]]]) -> Iterator[str]:
    seen = set()
    for match in _SEPARATORS.finditer(name):
        at = match.start()
        start = name[:at]
        if start in bases and start not in seen and _BEHIND.fullmatch(name, at):
            seen.add(start)
            yield start
        for base, extension in stems.get(start, ()):
            if (
                base not in seen
                and name.endswith(extension)
                and _BETWEEN.fullmatch(name, at, len(name) - len(extension))
            ):
                seen.add(base)
                yield base


def _age(base: str, name: str) -> tuple[int, str]:
    """By it the older name comes first: dates rise, numbers fall."""
    digits = re.sub("[^0-9]", "", plain(name)[len(base.rpartition(".")[0] or base) :])
    if len(digits) > _NUMBER:
        return 0, digits
    return 1, f"{10**_NUMBER - int(digits or 0):06}"


def shape(name: str) -> str:
    """The name without its numbers: two files of one shape are of one row, as app@4000000067.s and app@4000000068.s."""
    return re.sub("[0-9a-f]{16,}|[0-9]+", "0", plain(name))


def may_be_own(name: str, base: str) -> bool:
    """Whether a file of this name beside the log `base` is one of it, by its name alone: the name begins with that of
    the log, differs from it in numbers only, or is one that multilog, svlogd and s6-log give."""
    begins = name.startswith(base) and name[len(base) : len(base) + 1] in {".", "_", "-"}
    return begins or shape(name) == shape(base) or _TAI.fullmatch(plain(name)) is not None


def is_next(folder: str, other: str) -> bool:
    """Whether the paths of two folders differ in numbers only, as those of a folder a day or a folder a release do."""
    return re.sub("[0-9]+", "0", folder) == re.sub("[0-9]+", "0", other)


def between(folder: str, other: str) -> tuple[str, str, str] | None:
    """Where the folders of the same row lie: the path above, the name that changes, and the path below it. None where
    the paths differ in more than one name."""
    parts, others = folder.split("/"), other.split("/")
    places = [number for number, pair in enumerate(zip(parts, others, strict=False)) if pair[0] != pair[1]]
    if len(parts) != len(others) or len(places) != 1:
        return None
    at = places[0]
    return "/".join(parts[:at]) or "/", parts[at], "/".join(parts[at + 1 :])
