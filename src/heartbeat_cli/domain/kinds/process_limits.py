"""Holds what was seen of a component's processes to its limits. Pure: what was seen comes from the monitor."""

from heartbeat_cli.domain.plain import duration, percent, size
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text


class Limits(Record):
    """As the settings have them, sizes in bytes; 0 turns one off, but for the counts."""

    least: int = 1
    most: int | None = None
    cpu_warn: float | None = None
    cpu_critical: float | None = None
    memory_warn: float | None = None
    memory_critical: float | None = None
    min_age: float | None = None
    max_age: float | None = None


class Seen(Record):
    """Of the processes that run: how many, percent of one CPU (None: not known yet), bytes of memory, seconds that the
    oldest of them has run (None: none runs). `missing` says what is not running; `partial`: the figures of some of them
    could not be read, so that only the count is whole. `others` run that are not counted; `aside` says why."""

    number: int
    zombies: int
    cpu: float | None
    memory: float
    oldest: float | None
    missing: str
    partial: bool = False
    others: int = 0
    aside: str = ""


class Finding(Record):
    """One limit that does not hold."""

    critical: bool
    text: str


def limit_problems(limits: Limits) -> list[tuple[str, str]]:
    """What is wrong with the limits, as (key, text)."""
    found = []
    if limits.least < 0:
        found.append(("count", f"expected 0 or more, got {limits.least}"))
    if limits.most is not None and limits.most < max(0, limits.least):
        found.append(("max_count", f"expected count ({limits.least}) or more, got {limits.most}"))
    for name in ("cpu", "memory"):
        warn, critical = getattr(limits, f"{name}_warn"), getattr(limits, f"{name}_critical")
        for key, limit in ((f"{name}_warn", warn), (f"{name}_critical", critical)):
            if limit is not None and limit < 0:
                found.append((key, f"expected 0 (off) or more, got {limit:g}"))
        if warn and critical and warn > critical:
            found.append((f"{name}_warn", f"is above {name}_critical ({warn:g} > {critical:g})"))
    for key in ("min_age", "max_age"):
        limit = getattr(limits, key)
        if limit is not None and limit < 0:
            found.append((key, f"expected 0 (off) seconds or more, got {limit:g}"))
    if limits.min_age and limits.max_age and limits.min_age > limits.max_age:
        found.append(("min_age", f"is above max_age ({limits.min_age:g} > {limits.max_age:g})"))
    return found


def judge(limits: Limits, seen: Seen) -> list[Finding]:
    """The limits that do not hold, what is unhealthy first."""
    found = [_count(limits, seen), *_figures(limits, seen), *_ages(limits, seen)]
    return sorted((one for one in found if one is not None), key=lambda one: not one.critical)


def _count(limits: Limits, seen: Seen) -> Finding | None:
    few = _too_few(limits, seen)
    if few is not None:
        return Finding(True, Text("{missing}, but {why}", missing=few, why=seen.aside) if seen.aside else few)
    if limits.most is None or seen.number + seen.others <= limits.most:
        return None
    if seen.number <= limits.most:  # whoever runs the others is not to cause a restart, and not to be overlooked
        return Finding(False, Text("at most {limit} may run, but {why}", limit=limits.most, why=seen.aside))
    line = Text.counted(seen.number, "{n} process runs", "{n} processes run")
    return Finding(True, Text("{line} (limit {limit}){rest}", line=line, limit=limits.most, rest=""))


def _too_few(limits: Limits, seen: Seen) -> str | None:
    if seen.number >= limits.least:
        return None
    if seen.number:
        return Text("{n} of {count} processes run", n=seen.number, count=limits.least)
    if seen.zombies:
        ended = Text.counted(seen.zombies, "{n} zombie is left of it", "{n} zombies are left of it")
        return Text("not running: {missing}", missing=ended)
    return Text("not running: {missing}", missing=seen.missing)


def _figures(limits: Limits, seen: Seen) -> list[Finding | None]:
    found = []
    if seen.cpu is not None:
        line = Text("{share:.0f} % of one CPU used", share=seen.cpu)
        warn, critical = (
            None if one is None else (one, percent(one)) for one in (limits.cpu_warn, limits.cpu_critical)
        )
        found.append(_over(seen.cpu, line, warn, critical))
    line = Text("{size} of memory used", size=size(seen.memory))
    both = (limits.memory_warn, limits.memory_critical)
    warn, critical = (None if one is None else (one, size(one)) for one in both)
    return [*found, _over(seen.memory, line, warn, critical)]


def _over(
    value: float, line: str, warn: tuple[float, str] | None, critical: tuple[float, str] | None
) -> Finding | None:
    """A limit is its value and how it is shown."""
    for limit, is_critical in ((critical, True), (warn, False)):
        if limit is not None and limit[0] and value >= limit[0]:
            return Finding(is_critical, Text("{line} (limit {limit}){rest}", line=line, limit=limit[1], rest=""))
    return None


def _ages(limits: Limits, seen: Seen) -> list[Finding | None]:
    if seen.oldest is None:
        return []
    found: list[Finding | None] = []
    shown = duration(seen.oldest)
    if limits.max_age and seen.oldest > limits.max_age:
        text = Text("has run for {span} (limit {limit})", span=shown, limit=duration(limits.max_age))
        found.append(Finding(True, text))
    if limits.min_age and seen.oldest < limits.min_age and not seen.partial:
        text = Text("restarted lately: it began {span} ago (limit {limit})", span=shown, limit=duration(limits.min_age))
        found.append(Finding(False, text))
    return found
