"""The filesystems of a host, held to their limits, for `host.py`: all that are watched are judged, and so many of them
named and measured that a pool of a thousand fills no message and no store.
"""

from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from heartbeat_cli.domain import plain
from heartbeat_cli.domain.checking.result import Metric
from heartbeat_cli.domain.kinds.host_limits import MORE
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import mounts

_MOST = 32  # filesystems with figures, in the order of mounting, and lines


class Finding(Record):
    """Something over its limit; `about` is what it is about, for the evidence."""

    critical: bool
    text: str
    about: str = ""


FullDisk = tuple[mounts.Mount, str, mounts.Usage, frozenset[str]]  # as `_full_disks.Full`


def over(
    value: float, warn: float | None, critical: float | None, text: str, unit: str, rest: str = "", about: str = ""
) -> Finding | None:
    for limit, is_critical in ((critical, True), (warn, False)):
        if limit and value >= limit:
            shown = plain.percent(limit) if unit == " %" else f"{limit:g}{unit}"
            line = Text("{line} (limit {limit}){rest}", line=text, limit=shown, rest=rest)
            return Finding(is_critical, line, about)
    return None


def judge(
    settings: Any, table: list[mounts.Mount], deadline: float
) -> tuple[list[Metric], list[Finding], list[FullDisk]]:
    """Room of every filesystem that is watched, by these settings of `host`. A network mount gets until `deadline` to
    answer."""
    chosen, findings = _chosen(settings, table)
    answers: dict[str, mounts.Usage | Exception | None] = {}
    answers |= {mount.point: _usage(mount.point) for mount in chosen if not mount.remote}
    if remote := {mount.point: partial(_usage, mount.point) for mount in chosen if mount.remote}:
        from heartbeat_cli.system import in_threads  # few hosts have a network mount, and every pass pays for imports

        answers |= in_threads.results(remote, deadline)
    metrics: list[Metric] = []
    full: list[FullDisk] = []
    measured = _first(chosen, table)
    for mount in chosen:
        shown = plain.one_line(mount.point, 100)
        if mount.point not in answers:
            findings.append(Finding(True, Text("disk {shown} does not answer", shown=shown)))
        elif isinstance(answer := answers[mount.point], OSError):
            reason = plain.system_words((answer.strerror or str(answer)).lower())
            # What only root may enter can still be fine; the configuration had better leave it out.
            findings.append(
                Finding(
                    not isinstance(answer, PermissionError), Text("disk {shown}: {reason}", shown=shown, reason=reason)
                )
            )
        elif isinstance(answer, mounts.Usage):
            metrics += _disk_metrics(shown, answer) if mount.point in measured else ()
            if over := _judge_disk(settings, shown, answer):
                findings += over
                full.append((mount, shown, answer, frozenset(finding.about for finding in over)))
    return metrics, _bounded(findings), full


def _first(chosen: list[mounts.Mount], table: list[mounts.Mount]) -> set[str]:
    """The mount points with figures: those that were mounted first, so that what a user mounts displaces none."""
    if len(chosen) <= _MOST:
        return {mount.point for mount in chosen}
    places = {mount.point: place for place, mount in reversed([*enumerate(table)])}
    return set(sorted((mount.point for mount in chosen), key=lambda point: places[point])[:_MOST])


def _bounded(findings: list[Finding]) -> list[Finding]:
    """The worst ones, and how many more there are."""
    if len(findings) <= _MOST:
        return findings
    findings = sorted(findings, key=lambda one: not one.critical)
    left = findings[_MOST:]
    return [*findings[:_MOST], Finding(any(one.critical for one in left), MORE.with_values(n=len(left)))]


def _chosen(settings: Any, table: list[mounts.Mount]) -> tuple[list[mounts.Mount], list[Finding]]:
    """The mounts to watch; one that was asked for and is not mounted is as bad as a full one."""
    if not settings.mounts:
        found = mounts.worth_watching(table)
        ignored = settings.ignore_mounts
        return [m for m in found if not any(fnmatchcase(m.point, glob) for glob in ignored)], []
    mounted = {mount.point: mount for mount in table}
    wanted = [point.rstrip("/") or "/" for point in settings.mounts]
    missing = [Finding(True, Text("{point} is not mounted", point=point)) for point in wanted if point not in mounted]
    return [mounted[point] for point in dict.fromkeys(wanted) if point in mounted], missing


def _usage(point: str) -> mounts.Usage | OSError | None:
    try:
        return mounts.usage(point)
    except OSError as error:
        return error


def _disk_metrics(point: str, usage: mounts.Usage) -> list[Metric]:
    where = {"mount": point}
    found = [
        Metric("disk_used_percent", usage.used_percent, metadata=where),
        Metric("disk_free_bytes", usage.free, metadata=where),
    ]
    if usage.inodes_used_percent is not None:
        found.append(Metric("inodes_used_percent", usage.inodes_used_percent, metadata=where))
    return found


def _judge_disk(settings: Any, point: str, usage: mounts.Usage) -> list[Finding]:
    s, used, inodes = settings, usage.used_percent, usage.inodes_used_percent
    rest = Text(", {size} free", size=plain.size(usage.free))
    text = Text("disk {point} {share:.0f} % full", point=point, share=used)
    found = [over(used, s.disk_warn, s.disk_critical, text, " %", rest, "space")]
    if inodes is not None:
        text = Text("disk {point} {inodes:.0f} % of inodes used", point=point, inodes=inodes)
        found.append(over(inodes, s.inodes_warn, s.inodes_critical, text, " %", "", "inodes"))
    return [finding for finding in found if finding is not None]
