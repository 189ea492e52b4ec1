"""Lines of a file or journal that match a pattern, each reported once.

healthy    fewer matching lines than `warn` and `critical` were found within `hold`
degraded   `warn` of them; or it cannot keep up with the file, or some of it could not be judged
unhealthy  `critical` of them (one, by default); or there is no such file, at the first check or at two in a row, or no
           such unit
unknown    it cannot be read, or another user decides which file the path leads to

A line counts for `hold` seconds after the check that found it, and the message says how long ago that was. So one line
fails enough checks in a row to be reported, and the fault ends by itself. `hold` must be several intervals long; after
a recovery step the next one waits for as long.

The first check notes where the log ends and reports nothing. From then on each line is read once: a rotated file is
read to its end, also where it was copied and truncated or compressed with gzip. A line without a line end waits for
one check. A check reads `max_bytes` at most and goes on from there the next time. A line of more than 64 kB is judged
in pieces. `contains` is the fastest; a `pattern` with repeats or groups runs in a process of its own, for a bounded
time. A line that makes it run for long counts as not matching, and the component as degraded.

A file is read whoever owns it. It is refused where users other than its owner may change its folder or the way to it:
with a link in its place they could have any file shown.

    [components.app-log]
    kind = "log"
    path = "/var/log/app/app.log"
    pattern = "ERROR|CRITICAL"
    ignore = "client disconnected"
"""

import os
import time
from binascii import crc32
from collections.abc import Mapping
from typing import Any

from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading, Status
from heartbeat_cli.domain.kinds import log_matches, log_pattern, log_place, systemd
from heartbeat_cli.domain.kinds.log_matches import Recent
from heartbeat_cli.domain.kinds.log_pattern import Wanted
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.plain import bounded, duration, one_line, size
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.text import Text, joined, listed
from heartbeat_cli.monitors import _log_files, _log_journal, _log_named
from heartbeat_cli.monitors._log_tally import Tally

_SHARE = 0.7  # of the check's time, in which lines are read
_LEAST_BYTES = 100_000
_INTERVALS = 3.0  # that `hold` has at least: a fault takes three failures in a row
_PATIENCE = 3  # checks in a row that it may not come to the end of the log
_LINE = 160  # characters of a line in the error

IDENTITY = frozenset({"place"})

LADDER: tuple[Mapping[str, Any], ...] = (
    {"action": "systemd", "unit": "{unit}", "user": "{user}"},
    {"action": "script", "name": "restart_{id}.sh"},
)


class Settings(Record):
    """Where the lines are, and which of them are reported.

    path: absolute path of the file; *, ? and [] in its last part stand for several files, rotated ones left out
    olddir: folder that rotation moves the files of path to, where it is not their own, as in logrotate; a path that
        does not begin with / counts from the folder of path
    unit: systemd unit whose journal is read, in place of path; its recovery restarts the unit
    user: true: that is a unit of the user heartbeat runs as
    pattern: regular expression that a line must match somewhere
    contains: text that a line must hold; with pattern both are needed
    ignore: regular expression of lines that do not count
    warn: matching lines within hold from which it is degraded; 0: never
    critical: matching lines within hold from which it is unhealthy; 0: never
    hold: seconds for which a matching line counts after the check that found it
    missing_ok: true: that there is no such file is healthy, and that another one takes its place
    max_bytes: how much is read in one check
    category: kind of failure that a matching line shows: process, starting, draining, dependency, provider,
        credentials, quota, configuration, resource or network
    journalctl: the program, with a prefix where one is needed, as ["docker", "exec", "box", "journalctl"]
    """

    path: str | None = None
    olddir: str | None = None
    unit: str | None = None
    user: bool = False
    pattern: str = ""
    contains: str = ""
    ignore: str = ""
    warn: int = 0
    critical: int = 1
    hold: Seconds = 600
    missing_ok: bool = False
    max_bytes: int = 4_000_000
    category: Category = "process"
    journalctl: tuple[str, ...] = ("journalctl",)


class _Read(Record):
    """What one check has read: `place` for the next one, and what is wrong with the reading of it, each with the
    status and the category that it has. `behind`: bytes not read yet, None where that is not known."""

    place: Mapping[str, Any]
    troubles: tuple[tuple[Status, Category, str], ...]
    behind: int | None


def needs(settings: Settings) -> Needs:
    return Needs(programs=settings.journalctl != ("journalctl",))


def grace(settings: Settings) -> float:
    """Seconds for which it may go on failing after a step that helped: the lines from before it still count."""
    return settings.hold


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    found = [*log_pattern.problems(_wanted(settings)), *_place_problems(settings)]
    if settings.warn < 0 or settings.critical < 0 or settings.warn == settings.critical == 0:
        found.append(("critical", "expected 1 or more for critical or warn, and 0 (never) or more for the other"))
    elif settings.critical and settings.warn >= settings.critical:
        found.append(("warn", f"must be below critical ({settings.critical}), got {settings.warn}"))
    if settings.hold <= 0:
        found.append(("hold", f"must be above 0 seconds, got {settings.hold:g}"))
    if settings.max_bytes < _LEAST_BYTES:
        found.append(("max_bytes", f"expected {_LEAST_BYTES} or more, got {settings.max_bytes}"))
    return found


def _place_problems(settings: Settings) -> list[tuple[str, str]]:
    found = []
    if (settings.path is None) == (settings.unit is None):
        found.append(("path", "expected one of path and unit"))
    if settings.path is not None:
        folder, _, name = settings.path.rpartition("/")
        if not os.path.isabs(settings.path) or not name or "\0" in settings.path:
            found.append(("path", "expected the absolute path of a file"))
        elif _log_named.GLOB & set(folder):
            found.append(("path", "*, ? and [] may stand in its last part only"))
    if settings.olddir is not None and (settings.path is None or not settings.olddir or "\0" in settings.olddir):
        found.append(("olddir", "expected a folder, beside path"))
    if settings.unit is not None:
        for key, text in systemd.problems(settings.unit, settings.journalctl):
            found.append((key.replace("systemctl", "journalctl"), text.replace("systemctl", "journalctl")))
    elif settings.user:
        found.append(("user", "works only with unit"))
    return found


def interval_problems(settings: Settings, interval: float) -> list[tuple[str, str]]:
    """What is wrong with the settings of a component that is checked every `interval` seconds, as (key, text)."""
    if settings.hold >= _INTERVALS * interval:
        return []
    text = Text(
        "must be several times the interval ({interval:g} s), at least {least:g}; got {given:g}",
        interval=interval,
        least=_INTERVALS,
        given=settings.hold,
    )
    return [("hold", text)]


def probe(settings: Settings, context: CheckContext) -> Reading:
    """Read what was written since the last check and judge it. Raises Unobservable when it cannot be read."""
    started = time.monotonic()
    tally = Tally(_wanted(settings), settings.max_bytes, started + context.timeout * _SHARE)
    stored = context.memory.get("place")
    place: Mapping[str, Any] = stored if isinstance(stored, Mapping) else {}
    read = (_read_file if settings.unit is None else _read_journal)(settings, place, context.now, tally)
    before = log_matches.remembered(context.memory.get("matches"))
    recent = log_matches.follow(before, tally.matches, tally.last, context.now, settings.hold)
    evidence: dict[str, str] = {Text("log"): _said(tally, first=not place)}
    if recent.lines:
        evidence[Text("matching lines")] = bounded("\n".join(line for _, line in recent.lines))
    troubles = [*_matching(settings, recent, context.now), *read.troubles, *_undecided(tally)]
    reading = Reading(
        "healthy",
        time.monotonic() - started,
        metrics=_metrics(tally, read.behind),
        evidence=evidence,
        memory={"place": dict(read.place), "matches": log_matches.kept(recent)},
    )
    if not troubles:
        return reading
    troubles.sort(key=lambda one: one[0] != "unhealthy")
    status, category, _ = troubles[0]
    return reading._replace(status=status, category=category, error=joined(text for _, _, text in troubles))


def _wanted(settings: Settings) -> Wanted:
    return Wanted(settings.contains, settings.pattern, settings.ignore)


def _key(settings: Settings) -> str:
    """Which log a memory is of."""
    return f"{crc32(repr((settings.path, settings.unit, settings.user, settings.journalctl)).encode()):08x}"


def _read_file(settings: Settings, place: Mapping[str, Any], now: float, tally: Tally) -> _Read:
    path, key = settings.path or "", _key(settings)
    before = log_place.remembered(place, key)
    followed = _log_files.follow(path, before, key, now, tally, settings.olddir)
    state, behind = followed.state, followed.behind
    found = {
        "lost": followed.lost,
        "vanished": followed.vanished,
        "moved": () if settings.missing_ok else followed.moved,
        "many": followed.many,
        "unexplained": followed.unexplained,
    }
    gaps = log_place.gaps(place.get("gaps") if before else None, found)
    troubles: list[tuple[Status, Category, str]] = []
    if state.missing > 1 and not settings.missing_ok:
        troubles.append(("unhealthy", "configuration", Text("no such file: {path}", path=one_line(path))))
    troubles += [("degraded", "configuration", text) for text in _gaps(gaps)]
    if state.behind >= _PATIENCE:
        troubles.append(("degraded", "resource", _slow(Text("{size} behind", size=size(behind)), settings)))
    return _Read({**log_place.kept(state), "gaps": gaps}, tuple(troubles), behind)


def _gaps(gaps: Mapping[str, Any]) -> list[str]:
    """What to say of lines that may be missing."""
    texts = {
        "lost": Text("lines may be missing, since this cannot be read: {names}"),
        "vanished": Text("lines may be missing: what had not been read of {names} is no longer found"),
        "moved": Text(
            "lines may be missing: {names} was moved away; if that was rotation, olddir must name the folder"
        ),
        "many": Text("lines may be missing: {names} was rotated too often since the last check"),
        "unexplained": Text("lines may be missing: {names} was rotated, and names of older files are not recognised"),
    }
    return [text.with_values(names=listed(map(one_line, gaps[what][:3]))) for what, text in texts.items() if gaps[what]]


def _read_journal(settings: Settings, place: Mapping[str, Any], now: float, tally: Tally) -> _Read:
    unit = settings.unit or ""
    journal = _log_journal.Journal(unit, settings.user, settings.journalctl)
    followed = _log_journal.follow(journal, place, _key(settings), now, tally)
    troubles: list[tuple[Status, Category, str]] = []
    if not followed.exists:
        text = Text("no such unit: {full_name}", full_name=systemd.full_name(unit))
        troubles.append(("unhealthy", "configuration", text))
    if followed.memory["behind"] >= _PATIENCE:
        troubles.append(("degraded", "resource", _slow(Text("behind the end of the journal"), settings)))
    return _Read(followed.memory, tuple(troubles), None)


def _slow(behind: str, settings: Settings) -> str:
    text = Text("{behind}: more is written than is read, {most} a check (max_bytes) in {share:.0%} of its timeout")
    return text.with_values(behind=behind, most=size(settings.max_bytes), share=_SHARE)


def _matching(settings: Settings, recent: Recent, now: float) -> list[tuple[Status, Category, str]]:
    status = recent.status(settings.warn, settings.critical)
    if status == "healthy":
        return []
    n, span, age = recent.total, duration(settings.hold), now - recent.newest
    line = one_line(recent.lines[-1][1], _LINE) if recent.lines else ""
    if age < 1:
        text = Text.counted(
            n, "{n} matching line in {span}: {line}", "{n} matching lines in {span}: {line}", span=span, line=line
        )
        return [(status, settings.category, text)]
    text = Text.counted(
        n,
        "{n} matching line in {span}, the last {age} ago: {line}",
        "{n} matching lines in {span}, the last {age} ago: {line}",
        **{"span": span, "age": duration(age), "line": line},
    )
    return [(status, settings.category, text)]


def _undecided(tally: Tally) -> list[tuple[Status, Category, str]]:
    if not tally.undecided:
        return []
    text = Text.counted(
        tally.undecided,
        "the pattern takes too long on {n} line; use a simpler one, or contains",
        "the pattern takes too long on {n} lines; use a simpler one, or contains",
    )
    return [("degraded", "configuration", text)]


def _said(tally: Tally, *, first: bool) -> str:
    if first:
        return Text("first check: it goes on from the present end of the log")
    n, matches = tally.lines, tally.matches
    return Text.counted(n, "{n} new line, {matches} matching", "{n} new lines, {matches} matching", matches=matches)


def _metrics(tally: Tally, behind: int | None) -> tuple[Metric, ...]:
    found = [Metric("matches", float(tally.matches)), Metric("lines", float(tally.lines))]
    if behind is not None:
        found.append(Metric("behind_bytes", float(behind), metadata={"unit": "B"}))
    return tuple(found)
