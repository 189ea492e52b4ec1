"""Holds what was seen of files to their limits: backups, exports, anything that a job writes. Pure."""

from collections.abc import Sequence

from heartbeat_cli.domain.plain import duration, size
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text


class Limits(Record):
    """As the settings have them: seconds, bytes, percent; None, and 0 but for the counts, is no limit."""

    min_count: int = 1
    max_count: int | None = None
    min_age: float | None = None
    max_age: float | None = None
    min_size: float | None = None
    max_size: float | None = None
    total_max_size: float | None = None
    shrink_warn: float | None = None
    settle: float = 60


class Seen(Record):
    """A file: its name as it is shown, its size in bytes, and its age in seconds."""

    name: str
    size: float
    age: float


class Finding(Record):
    """One limit that does not hold. `sure`: whatever other files there are, which could not be read."""

    critical: bool
    text: str
    sure: bool = False


def age(now: float, modified: float, changed: float) -> float:
    """Seconds since a file was written. One that is dated in the future is as old as the last change of its state, and
    of age 0 where that is in the future too: the clock has been set back."""
    return now - next((moment for moment in (modified, changed) if moment <= now), now)


def problems(limits: Limits) -> list[tuple[str, str]]:
    """What is wrong with the limits, as (key, text)."""
    found = [
        (key, f"expected 0 or more, got {value:g}")
        for key, value in limits._asdict().items()
        if value is not None and value < 0
    ]
    for low, high in (("min_count", "max_count"), ("min_age", "max_age"), ("min_size", "max_size")):
        least, most = getattr(limits, low), getattr(limits, high)
        if least and most is not None and (most or low == "min_count") and least > most:
            found.append((low, f"is above {high} ({least:g} > {most:g})"))
    if limits.shrink_warn is not None and limits.shrink_warn > 100:
        found.append(("shrink_warn", f"expected 0 (off) to 100 percent, got {limits.shrink_warn:g}"))
    return found


def judge(limits: Limits, files: Sequence[Seen], path: str) -> list[Finding]:
    """The limits that do not hold of the files at `path` (as it is shown), the newest of them first; what is unhealthy
    first."""
    found = [_count(limits, files, path)]
    if files:
        settled = [one for one in files if one.age >= limits.settle]
        found += [*_ages(limits, files[0]), *_sizes(limits, files, settled), _shrunk(limits, settled)]
    return sorted((one for one in found if one is not None), key=lambda one: not one.critical)


def may_hide(limits: Limits) -> bool:
    """Whether another file, which could not be read, may break a limit that holds of all that were seen. It may not
    make them too few, or the newest too old."""
    of_newest = limits.min_age, limits.min_size, limits.max_size, limits.shrink_warn
    return limits.max_count is not None or any(of_newest) or bool(limits.total_max_size)


def _count(limits: Limits, files: Sequence[Seen], path: str) -> Finding | None:
    number = len(files)
    if number < limits.min_count:
        if not number:
            return Finding(True, Text("there is no {path}", path=path))
        return Finding(True, Text("there are {n} of {count} files", n=number, count=limits.min_count))
    if limits.max_count is not None and number > limits.max_count:
        line = Text.counted(number, "{n} file", "{n} files")
        return Finding(True, Text("{line} (limit {limit}){rest}", line=line, limit=limits.max_count, rest=""), True)
    return None


def _ages(limits: Limits, newest: Seen) -> list[Finding | None]:
    span = duration(newest.age)
    if limits.max_age and newest.age > limits.max_age:
        text = Text("{file} is {span} old (limit {limit})")
        return [Finding(True, text.with_values(file=newest.name, span=span, limit=duration(limits.max_age)))]
    if limits.min_age and newest.age < limits.min_age:
        text = Text("{file} was written {span} ago (limit {limit})")
        return [Finding(True, text.with_values(file=newest.name, span=span, limit=duration(limits.min_age)), True)]
    return []


def _sizes(limits: Limits, files: Sequence[Seen], settled: Sequence[Seen]) -> list[Finding | None]:
    """What is still being written may be too small, and is not judged for that."""
    found: list[Finding | None] = []
    text = Text("{file} has {size} (limit {limit})")
    if limits.min_size and settled and settled[0].size < limits.min_size:
        values = {"file": settled[0].name, "size": size(settled[0].size), "limit": size(limits.min_size)}
        found.append(Finding(True, text.with_values(**values)))
    if limits.max_size and files[0].size > limits.max_size:
        values = {"file": files[0].name, "size": size(files[0].size), "limit": size(limits.max_size)}
        found.append(Finding(True, text.with_values(**values)))
    total = sum(one.size for one in files)
    if limits.total_max_size and total > limits.total_max_size:
        text = Text("all files together have {size} (limit {limit})")
        values = {"size": size(total), "limit": size(limits.total_max_size)}
        found.append(Finding(True, text.with_values(**values), True))
    return found


def _shrunk(limits: Limits, settled: Sequence[Seen]) -> Finding | None:
    """A backup that was cut off is much smaller than the one before it."""
    if not limits.shrink_warn or len(settled) < 2 or not settled[1].size:
        return None
    newest, before = settled[:2]
    share = 100 * newest.size / before.size
    if share >= limits.shrink_warn:
        return None
    return Finding(
        False,
        Text(
            "{file} has {size}, {share:.0f} % of the one before it (limit {limit:g} %)",
            file=newest.name,
            size=size(newest.size),
            share=share,
            limit=limits.shrink_warn,
        ),
    )
