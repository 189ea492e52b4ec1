"""Files that a job writes, such as backups: whether they are there, their age, size and number.

healthy    there is one, and every limit holds
degraded   the newest is much smaller than the one before it (`shrink_warn`)
unhealthy  there is none, or fewer than `min_count`; another limit is broken
unknown    a folder may not be read, and what is in it could decide; there is too much to look through; or the disk or
           mount does not answer

Without any limit the file only has to exist. `path` may be a glob; age and size are those of the newest match. No file
is opened, so the files may belong to anybody. A file that was written less than `settle` seconds ago may not be
complete: `min_size` and `shrink_warn` then judge the one before it.

A restart does not write a backup. So a failure is of category dependency (the job has failed), and a person has to mend
it. If a script can, set `category = "process"`: then recovery runs restart_<id>.sh, if there is one.

A file that is dated in the future is as old as its last change of owner, mode or content; if that is in the future too,
its age is 0.

    [components.backup]
    kind = "file"
    path = "/var/backups/db-*.dump"
    max_age = 93_600                     # 26 hours
    min_size = "1MB"
    min_count = 3
    shrink_warn = 50
"""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading, Status
from heartbeat_cli.domain.kinds import file_limits
from heartbeat_cli.domain.kinds.file_limits import Limits, Seen
from heartbeat_cli.domain.kinds.sizes import Size, size_in_bytes, size_problems
from heartbeat_cli.domain.plain import duration, one_line, size, system_words
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.text import Text, joined, listed, stacked
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.system import file_search

_SHARE = 0.8  # of the timeout: for reading the folders
_FAR = 60.0  # seconds in the future from which a date is worth a line: two clocks may differ by less
_SHOWN = 5  # files, or folders, in the evidence
_SIZES = ("min_size", "max_size", "total_max_size")

LADDER: tuple[Mapping[str, Any], ...] = ({"action": "script", "name": "restart_{id}.sh"},)


class Settings(Record):
    """
    path: absolute path of a file, or a glob: *, ? and [...] within a name, ** for any number of folders; at most
        10,000 entries are looked through
    max_age: seconds since the newest file was written, above which it is unhealthy; 0: off
    min_age: the same, below which it is unhealthy (a file that should not change); 0: off
    min_size: size of the newest file below which it is unhealthy, in bytes or as "512MB"; 0: off
    max_size: the same, above which it is unhealthy
    min_count: how many files there must be; 0: the file may be missing
    max_count: how many there may be; 0 with min_count = 0: there must be none; default: any number
    total_max_size: size of all of them together above which it is unhealthy
    shrink_warn: degraded if the newest file is smaller than this percentage of the one before it; 0: off
    settle: seconds after which a file counts as complete; min_size and shrink_warn judge the newest complete one
    category: kind of failure that it is: process, starting, draining, dependency, provider, credentials, quota,
        configuration, resource or network; default: dependency, and a person has to mend it
    """

    path: str
    max_age: Seconds | None = None
    min_age: Seconds | None = None
    min_size: Size | None = None
    max_size: Size | None = None
    min_count: int = 1
    max_count: int | None = None
    total_max_size: Size | None = None
    shrink_warn: float | None = None
    settle: Seconds = 60
    category: Category | None = None


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    found = []
    if settings.path[:1] != "/" or settings.path.endswith("/"):
        found.append(("path", f"expected the absolute path of a file, or a glob of files, got {settings.path!r}"))
    sizes = size_problems(settings, _SIZES)
    return found + sizes + ([] if sizes else file_limits.problems(_limits(settings)))


def probe(settings: Settings, context: CheckContext) -> Reading:
    """Read the state of the files and judge it. Raises Unobservable where that cannot be read."""
    started = time.monotonic()
    found = _find(settings.path, started + context.timeout * _SHARE)
    files = [(file_limits.age(context.now, one.modified, one.changed), one) for one in found.files]
    files.sort(key=lambda pair: (pair[0], -pair[1].modified, pair[1].path))
    seen = [Seen(_name(one.path), float(one.size), old) for old, one in files]
    findings = file_limits.judge(_limits(settings), seen, one_line(settings.path, 120))
    unsure = findings or not seen or file_limits.may_hide(_limits(settings))
    if found.unread and unsure and not any(one.sure for one in findings):
        raise Unobservable(_unread(found.unread))
    note, memory = _future(found.files, context)
    status: Status = "healthy"
    if findings:
        status = "unhealthy" if any(one.critical for one in findings) else "degraded"
    return Reading(
        status,
        time.monotonic() - started,
        joined([one.text for one in findings]) or None,
        _metrics(seen),
        {**(_evidence(seen, found.unread) if findings else {}), **note},
        memory,
        category=settings.category or "dependency",
        remedy=None if settings.category else "person",
    )


def _find(path: str, until: float) -> file_search.Found:
    shown = one_line(path, 120)
    try:
        found = file_search.find(path, until)
    except file_search.TooMany as error:
        raise Unobservable(Text("{path}: {why}", path=shown, why=str(error))) from None
    except OSError as error:
        why = system_words((error.strerror or str(error)).lower())
        raise Unobservable(Text("{path}: {why}", path=shown, why=one_line(why))) from None
    if found.folder:
        raise Unobservable(Text("{path} is a folder; its files are {path}/*", path=shown))
    return found


def _limits(settings: Settings) -> Limits:
    s = settings
    least, most, total = (size_in_bytes(one) for one in (s.min_size, s.max_size, s.total_max_size))
    ages = s.min_age, s.max_age
    return Limits(s.min_count, s.max_count, *ages, least, most, total, s.shrink_warn, s.settle)


def _name(path: str) -> str:
    return one_line(os.path.basename(path), 80)


def _unread(places: Sequence[str]) -> str:
    why = system_words("permission denied")
    return Text("{path}: {why}", path=listed([one_line(place, 100) for place in sorted(places)[:_SHOWN]]), why=why)


def _future(files: Sequence[file_search.File], context: CheckContext) -> tuple[dict[str, str], dict[str, Any]]:
    """A line on the file that is dated furthest in the future, said once for each date; and the memory of it."""
    last = max(files, key=lambda one: one.modified, default=None)
    if last is None or last.modified - context.now <= _FAR:
        return {}, {}
    memory = {"future": last.modified}
    if context.memory.get("future") == last.modified:
        return {}, memory
    text = Text("{file} is dated {span} in the future: its date was set, or the clock of this host was set back")
    line = text.with_values(file=_name(last.path), span=duration(last.modified - context.now))
    return {Text("clock"): line}, memory


def _metrics(seen: Sequence[Seen]) -> tuple[Metric, ...]:
    found = [Metric("count", len(seen)), Metric("total_bytes", sum(one.size for one in seen))]
    if seen:
        found += [Metric("age_seconds", seen[0].age), Metric("size_bytes", seen[0].size)]
    return tuple(found)


def _evidence(seen: Sequence[Seen], unread: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if seen:
        text = Text("{name}: {size}, {age} old")
        lines = [text.with_values(name=one.name, size=size(one.size), age=duration(one.age)) for one in seen[:_SHOWN]]
        found[Text("newest files")] = stacked(lines)
    if unread:
        found[Text("not read")] = _unread(unread)
    return found
