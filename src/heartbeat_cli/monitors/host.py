"""The machine heartbeat runs on: CPU, load, memory, swap, disks, inodes, traffic.

Above a warning limit the host is `degraded`, above a critical one `unhealthy`. By default CPU, load and swap never
make it unhealthy, because being busy is not a fault. CPU and traffic are means since the last check, so the first
check after a boot has none. While CPU, load or memory is over a limit, the five biggest processes are shown.

Disks: every real, local, writable filesystem, once. Network mounts are left out, because reading one whose server
is gone can hang; name them in `mounts` to include them. All are judged; more than 32 have figures for those that were
mounted first only.

    [components.host]
    kind = "host"
    disk_critical = 97
    mounts = ["/", "/srv/nas"]          # default: found automatically
"""

import os
import time
from collections.abc import Mapping
from typing import Any

from heartbeat_cli.domain import plain
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading, Status
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _host_disks
from heartbeat_cli.monitors._host_disks import Finding, FullDisk, over
from heartbeat_cli.system import mounts, procfs, rates

_EVIDENCE_SECONDS = 1.0
_DISKS_SHARE, _ALL_SHARE = 0.6, 0.9  # of the timeout: for network mounts to answer, and for everything
_FULL = "full"  # in memory: what fills the filesystems that are over a limit


class Settings(Record):
    """Limits, in percent where nothing else is said; 0 turns one off.

    cpu_warn: CPU busy, of all CPUs together, mean since the last check
    cpu_critical: the same, unhealthy from there
    load_warn: 5-minute load average per CPU
    load_critical: the same, unhealthy from there
    memory_warn: memory that is not available to programs (caches count as available)
    memory_critical: the same, unhealthy from there
    swap_warn: swap used
    swap_critical: the same, unhealthy from there
    disk_warn: space used of each filesystem, as df shows it
    disk_critical: the same, unhealthy from there
    inodes_warn: inodes used of each filesystem
    inodes_critical: the same, unhealthy from there
    oom_warn: degraded when the kernel has killed a process for want of memory since the last check
    mounts: mount points to watch, network ones too; default: every real local filesystem
    ignore_mounts: mount points (globs) to leave out of those found automatically, as "/media/*"
    """

    cpu_warn: float | None = 90
    cpu_critical: float | None = None
    load_warn: float | None = 2
    load_critical: float | None = None
    memory_warn: float | None = 90
    memory_critical: float | None = 97
    swap_warn: float | None = 80
    swap_critical: float | None = None
    disk_warn: float | None = 85
    disk_critical: float | None = 95
    inodes_warn: float | None = 85
    inodes_critical: float | None = 95
    oom_warn: bool = True
    mounts: tuple[str, ...] = ()
    ignore_mounts: tuple[str, ...] = ()


def needs(settings: Settings) -> Needs:
    return Needs(filesystems=True)  # one that a sandbox mounts read-only would not be among those that can fill up


def problems(settings: Settings) -> list[tuple[str, str]]:
    found = []
    for name in ("cpu", "load", "memory", "swap", "disk", "inodes"):
        warn, critical = getattr(settings, f"{name}_warn"), getattr(settings, f"{name}_critical")
        for key, limit in ((f"{name}_warn", warn), (f"{name}_critical", critical)):
            if limit is not None and (limit < 0 or (limit > 100 and name != "load")):
                expected = "0 (off) or more" if name == "load" else "0 (off) to 100 percent"
                found.append((key, f"expected {expected}, got {limit:g}"))
        if warn and critical and warn > critical:
            found.append((f"{name}_warn", f"is above {name}_critical ({warn:g} > {critical:g})"))
    found += [("mounts", f"expected absolute paths, got {p!r}") for p in settings.mounts if p[:1] != "/"]
    return found


def _counters() -> tuple[procfs.Snapshot, list[mounts.Mount]]:
    """This host's counters and mounts. Raises OSError, ValueError, KeyError or IndexError where it does not tell."""
    if os.path.exists("/proc/stat"):
        return procfs.take(), mounts.read()
    from heartbeat_cli.system import portable

    return portable.take(), portable.mounts()


def probe(settings: Settings, context: CheckContext) -> Reading:
    started = time.monotonic()
    try:
        snapshot, table = _counters()
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise Unobservable(
            Text("cannot read this host's counters: {error}", error=plain.system_words(plain.one_line(str(error))))
        ) from None
    past = rates.recall(context.memory)
    since = rates.between(past, snapshot) if past else None
    disks, findings, full = _host_disks.judge(settings, table, started + context.timeout * _DISKS_SHARE)
    elapsed = time.monotonic() - started
    findings = sorted(judge(settings, snapshot, since) + findings, key=lambda finding: not finding.critical)
    memory = context.memory if past and rates.too_soon(past, snapshot) else rates.remember(snapshot)
    evidence = _evidence(findings, min(_EVIDENCE_SECONDS, context.timeout * 0.2))
    if full:
        fills, found = _what_fills(full, table, context, started + context.timeout * _ALL_SHARE)
        evidence = {**fills, **evidence} if findings[0].about in ("space", "inodes") else {**evidence, **fills}
        memory = {**memory, _FULL: found}
    return Reading(
        _status(findings),
        elapsed,
        joined([finding.text for finding in findings]) or None,
        (*_metrics(snapshot, since), *disks),
        evidence,
        memory,
        category="resource",
    )


def _status(findings: list[Finding]) -> Status:
    if any(finding.critical for finding in findings):
        return "unhealthy"
    return "degraded" if findings else "healthy"


def judge(settings: Settings, now: procfs.Snapshot, since: rates.Rates | None) -> list[Finding]:
    """Hold the levels and rates to the limits; filesystems have a place of their own."""
    s = settings
    found: list[Finding | None] = []
    if since is not None and since.cpu_percent is not None:
        text = Text("CPU {share:.0f} % busy", share=since.cpu_percent)
        found.append(over(since.cpu_percent, s.cpu_warn, s.cpu_critical, text, " %", about="cpu"))
    each = now.load[1] / now.cpus
    text = Text("load {load:.1f} on {n} CPUs, {each:.1f} each", load=now.load[1], n=now.cpus, each=each)
    found.append(over(each, s.load_warn, s.load_critical, text, "", about="cpu"))
    used = _memory_percent(now)
    rest = Text(", {size} available", size=plain.size(now.memory_available))
    text = Text("memory {share:.0f} % used", share=used)
    found.append(over(used, s.memory_warn, s.memory_critical, text, " %", rest, "memory"))
    if (swap := _swap_percent(now)) is not None:
        text = Text("swap {share:.0f} % used", share=swap)
        found.append(over(swap, s.swap_warn, s.swap_critical, text, " %", "", "swap"))
    if since is not None and since.oom_kills > 0 and s.oom_warn:
        text = Text("the kernel killed {oom_kills:.0f} process(es) for want of memory", oom_kills=since.oom_kills)
        found.append(Finding(False, text, "memory"))
    return [finding for finding in found if finding is not None]


def _memory_percent(now: procfs.Snapshot) -> float:
    return 100 * (1 - now.memory_available / now.memory_total) if now.memory_total else 0.0


def _swap_percent(now: procfs.Snapshot) -> float | None:
    return 100 * (1 - now.swap_free / now.swap_total) if now.swap_total else None


def _metrics(now: procfs.Snapshot, since: rates.Rates | None) -> list[Metric]:
    figures = {
        "load1": now.load[0],
        "load5": now.load[1],
        "load15": now.load[2],
        "memory_used_percent": _memory_percent(now),
        "memory_available_bytes": now.memory_available,
        "swap_used_percent": _swap_percent(now),
        "uptime_seconds": now.uptime,
    }
    if since is not None:
        figures |= {
            "cpu_percent": since.cpu_percent,
            "network_receive_bytes_per_second": since.received,
            "network_transmit_bytes_per_second": since.transmitted,
            "disk_read_bytes_per_second": since.read,
            "disk_write_bytes_per_second": since.written,
        }
    return [Metric(name, value) for name, value in figures.items() if value is not None]


def _evidence(findings: list[Finding], seconds: float) -> dict[str, str]:
    """The processes that use what there is too little of. Only a host in trouble pays for psutil."""
    short_of = {finding.about for finding in findings}
    if short_of.isdisjoint(("cpu", "memory", "swap")):
        return {}
    from heartbeat_cli.monitors import _host_evidence

    return _host_evidence.processes(short_of, seconds)


def _what_fills(
    full: list[FullDisk], table: list[mounts.Mount], context: CheckContext, until: float
) -> tuple[dict[str, str], Mapping[str, Any]]:
    """What fills the filesystems over a limit, as evidence, and what the next check is given of that."""
    from heartbeat_cli.monitors import _full_disks  # most disks have room, and every pass pays for imports

    return _full_disks.evidence(map(_full_disks.Full._make, full), table, context.memory.get(_FULL), context.now, until)
