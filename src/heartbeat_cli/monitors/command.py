"""Any Nagios plugin, or any program of your own that ends with an exit code.

healthy    exit code 0
degraded   exit code 1
unhealthy  exit code 2; with `exit_codes = "plain"` every code but 0
error      it did not finish in time: what makes a check hang is nearly always the thing it checks
unknown    exit code 3, any other code, a signal, or a program that cannot be started

The program is started without a shell, from a small environment, and is killed with everything it started when
`timeout` is over. The first line up to `|` is the error; the performance data after it becomes metrics in base units.

    [components.mailq]
    kind = "command"
    command = ["/usr/lib/nagios/plugins/check_mailq", "-w", "50", "-c", "200"]
"""

import time
from typing import Literal

from heartbeat_cli.domain import plain
from heartbeat_cli.domain.checking.result import CheckContext, Reading, Status
from heartbeat_cli.domain.kinds import perfdata
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.system import process

_STATUS: dict[int, Status] = {0: "healthy", 1: "degraded", 2: "unhealthy"}
_NOTHING: dict[str, str] = {}
_CANNOT_RUN = (126, 127)  # what a shell or env(1) in between says for "not executable" and "not found"


class Settings(Record):
    """What to run and how to understand it.

    command: the program and its arguments, as a list; no shell reads it
    env: environment variables for it, besides PATH, HOME, USER, TZ and LC_ALL=C.UTF-8
    cwd: folder to run it in; default: where heartbeat runs
    exit_codes: `nagios` (0 healthy, 1 degraded, 2 unhealthy, 3 unknown) or `plain` (0 healthy,
        any other unhealthy)
    """

    command: tuple[str, ...]
    env: dict[str, str] = _NOTHING
    cwd: str | None = None
    exit_codes: Literal["nagios", "plain"] = "nagios"


def needs(settings: Settings) -> Needs:
    return Needs(programs=True)


def problems(settings: Settings) -> list[tuple[str, str]]:
    if not settings.command or not settings.command[0]:
        return [("command", 'is empty; expected a program and its arguments, as ["/path/to/check", "-w", "5"]')]
    return []


def probe(settings: Settings, context: CheckContext) -> Reading:
    started = time.monotonic()
    try:
        finished = process.run(
            settings.command, timeout=context.timeout, env=process.minimal_env(settings.env), cwd=settings.cwd
        )
    except (OSError, ValueError) as error:
        # The whole path: a part of what `env:` or `file:` gave would not be known as a secret.
        raise Unobservable(
            Text(
                "cannot run {command}: {why}",
                command=plain.one_line(settings.command[0], 200),
                why=_reason(error, settings),
            )
        ) from None
    return judge(settings, context, finished, time.monotonic() - started)


def judge(settings: Settings, context: CheckContext, finished: process.Finished, elapsed: float) -> Reading:
    """What a run of the program says. Raises Unobservable when it says nothing about its target."""
    output = perfdata.parse_output(finished.stdout)
    evidence = {
        label: plain.bounded(text)
        for label, text in ((Text("output"), output.details), ("stderr", finished.stderr.strip()))
        if text
    }
    if finished.timed_out:
        line = Text(
            "{program} did not finish within {timeout:g} s", program=_program(settings), timeout=context.timeout
        )
        return Reading("error", error=line, evidence=evidence)
    status = _status(settings, finished)
    return Reading(
        status,
        elapsed,
        None if status == "healthy" else _line(output, finished),
        perfdata.to_metrics(output.figures),
        {} if status == "healthy" else evidence,
    )


def _status(settings: Settings, finished: process.Finished) -> Status:
    code = finished.code or 0
    line = _line(perfdata.parse_output(finished.stdout), finished)
    if code in _CANNOT_RUN:
        raise Unobservable(Text("cannot run {command}: {why}", command=_program(settings), why=line))
    if code < 0:
        raise Unobservable(Text("{program} was ended by signal {value}", program=_program(settings), value=-code))
    if code == 0 or settings.exit_codes == "plain":
        return "healthy" if code == 0 else "unhealthy"
    if code not in _STATUS:
        raise Unobservable(
            line
            if code == 3
            else Text("{program} ended with exit code {code}: {line}", program=_program(settings), code=code, line=line)
        )
    return _STATUS[code]


def _line(output: perfdata.Output, finished: process.Finished) -> str:
    """The plugin's own words: its first line, else the last of its stderr, else that it said nothing."""
    errors = finished.stderr.strip().splitlines()
    said = plain.one_line(output.summary) or plain.one_line(errors[-1] if errors else "")
    return said or Text("exit code {code} without a word", code=str(finished.code))


def _program(settings: Settings) -> str:
    """Only the name: arguments may hold a password."""
    return plain.one_line(settings.command[0].rpartition("/")[2], 60)


def _reason(error: OSError | ValueError, settings: Settings) -> str:
    if isinstance(error, ValueError):
        return Text("the command or its environment holds a NUL character")
    other = error.filename not in (None, settings.command[0])  # the folder it should run in
    why = plain.system_words(str(error.strerror or error))
    return Text("{line} ({how})", line=why, how=str(error.filename)) if other else why
