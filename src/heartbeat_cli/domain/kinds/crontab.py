"""The crontab lines of heartbeat as text: how often cron must start it, one job line for each start, the merge into a
crontab that holds other people's lines too. Pure; `cron.py` talks to the `crontab` program.

Each line carries its environment itself, through env(1): an assignment on a line of its own would hold for every later
line of the crontab, and those are not ours. Nothing in a line needs expanding, because cron expands nothing.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from heartbeat_cli.domain.plain import lines_of
from heartbeat_cli.domain.record import Record

BEGIN = "# heartbeat begin"
END = "# heartbeat end"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

TICKS = (10, 12, 15, 20, 30, 60)  # what a minute can be divided into evenly; cron starts nothing more often
_LONGEST = 990  # cron refuses or cuts a command of 1,000 characters

_NOTHING: Mapping[str, str] = {}


class Job(Record):
    """What cron starts: the program with its leading arguments, the configuration file (None: found by heartbeat
    itself) and what must be set for it besides PATH."""

    program: Sequence[str]
    config: str | None = None
    environment: Mapping[str, str] = _NOTHING


def tick(interval: float, own: Iterable[float] = ()) -> int:
    """Seconds between two starts: the shortest interval wanted, rounded down to what divides a minute, 10 at least."""
    shortest = min((interval, *own))
    return max((one for one in TICKS if one <= shortest), default=TICKS[0])


def block(job: Job, every: int, offset: int = 0) -> str:
    """The lines for a start each `every` seconds, `offset` seconds late. Raises ValueError for what a crontab cannot
    hold."""
    command = _command(job)
    delays = [delay + offset for delay in range(0, 60, every)]
    lines = [f"* * * * * {f'sleep {delay}; ' if delay else ''}{command}" for delay in delays]
    remark = f"# every {every} s; made by `heartbeat crontab`, which replaces these lines"
    return "\n".join([BEGIN, remark, *lines, END, ""])


def _command(job: Job) -> str:
    words = ["/usr/bin/env", f"PATH={PATH}", *(f"{name}={value}" for name, value in job.environment.items())]
    words += [*job.program, *(("--config", job.config) if job.config else ()), "run"]
    for word in words:
        if "\\" in word or not word.isprintable():
            raise ValueError(f"{word!r} cannot stand in a crontab: a backslash or a control character is in it")
    command = shlex.join(words).replace("%", "\\%")
    if len(command) > _LONGEST:
        raise ValueError(f"the line would have {len(command)} characters; cron takes {_LONGEST}")
    return command


def offset(host: str, jitter: float, every: int) -> int:
    """A start delay of up to `jitter` seconds: the same at each start of one host, another on the next host."""
    import zlib

    most = max(0, min(int(jitter), every - 1))
    return zlib.crc32(host.encode()) % (most + 1)


def merged(crontab: bytes, lines: str | None) -> bytes:
    """A crontab with our lines in it (None: without), in the old place or at the end; all else stays byte for byte.
    Raises ValueError when our markers do not pair, because then nobody can tell whose lines are whose."""
    kept: list[bytes] = []
    place, inside = -1, False
    for line in crontab.splitlines(keepends=True):
        mark = line.strip()
        if mark == (END if inside else BEGIN).encode():
            place = len(kept) if not inside and place < 0 else place
            inside = not inside
        elif mark in (BEGIN.encode(), END.encode()):
            raise ValueError(f"`{mark.decode()}` without its partner")
        elif not inside:
            kept.append(line)
    if inside:
        raise ValueError(f"`{BEGIN}` without `{END}`")
    if lines is None:
        return b"".join(kept)
    if place < 0:
        place = len(kept)
    if place and not kept[place - 1].endswith(b"\n"):
        kept[place - 1] += b"\n"
    return b"".join([*kept[:place], lines.encode(), *kept[place:]])


def jobs(crontab: bytes) -> list[str]:
    """The job lines between our markers, as they stand in a crontab."""
    found, inside = [], False
    for line in lines_of(crontab.decode("utf-8", "replace")):
        if line.strip() in (BEGIN, END):
            inside = line.strip() == BEGIN
        elif inside and line.strip() and not line.lstrip().startswith("#"):
            found.append(line)
    return found


def system_command(line: str) -> list[str]:
    """The words of the command in a line of a system crontab, which names a user before it; empty for a line that is
    no job."""
    line = line.strip()
    if not line or line.startswith("#") or re.match(r"\w+\s*=", line):
        return []
    fields = line.split(None, 2 if line.startswith("@") else 6)
    if len(fields) != (3 if line.startswith("@") else 7):
        return []
    try:
        return shlex.split(fields[-1].replace("\\%", "%"), posix=True)
    except ValueError:  # a quote without its partner
        return fields[-1].split()


def named_configuration(words: Sequence[str]) -> str | None:
    """The configuration file that a command which starts heartbeat names, "" where it names none; None for a command
    that does not start heartbeat."""
    place = next((number for number, word in enumerate(words) if _is_heartbeat(words, number)), None)
    if place is None or not any(word.rstrip(";") in ("run", "check") for word in words[place + 1 :]):
        return None
    for number, word in enumerate(words):
        name, _, value = word.partition("=")
        if name in ("HEARTBEAT_CONFIG", "--config") and value:
            return value
        if word == "--config" and number > place:
            return next(iter(words[number + 1 : number + 2]), "")
    return ""


def _is_heartbeat(words: Sequence[str], number: int) -> bool:
    word = words[number]
    if word == "heartbeat_cli":
        return words[number - 1 : number] == ["-m"]
    return word.rpartition("/")[2] == "heartbeat" and "://" not in word
