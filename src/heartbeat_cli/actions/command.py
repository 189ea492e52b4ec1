"""Run a program of your own.

It is started without a shell, from a small environment (without heartbeat's secrets). Exit code 0 is `done`, any
other `failed`. What it starts in the background lives on when it has ended; let such a process write its output to a
file, not to the pipe it inherits. At the timeout all of it is killed.

    [components.main.recovery]
    ladder = [{ action = "command", command = ["/usr/bin/supervisorctl", "restart", "main"] }]
"""

import os
import time

from heartbeat_cli.actions import _program
from heartbeat_cli.domain import plain
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.outcome import Outcome, Right
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import offspring, process

_NOTHING: dict[str, str] = {}


class Settings(Record):
    """What to run.

    command: the program and its arguments, as a list; no shell reads it
    cwd: folder to run it in; default: where heartbeat runs
    env: environment variables for it, besides PATH, HOME, USER, TZ and LC_ALL=C.UTF-8
    """

    command: tuple[str, ...]
    cwd: str | None = None
    env: dict[str, str] = _NOTHING


def needs(settings: Settings) -> Needs:
    return Needs(programs=True, lives_on=True)


def problems(settings: Settings) -> list[tuple[str, str]]:
    if not settings.command or not settings.command[0]:
        return [("command", 'is empty; expected a program and its arguments, as ["/usr/bin/thing", "restart"]')]
    return []


def rights(settings: Settings, *, timeout: float) -> Right:
    """Found as `run` finds it: a bare name on the $PATH that the program gets, a path from `cwd`. Its arguments may be
    secrets and are not named."""
    import shutil

    name, env = settings.command[0], process.minimal_env(settings.env)
    if settings.cwd is not None and not os.path.isdir(settings.cwd):
        return Right(
            "bad",
            Text("cwd {cwd}: no such folder", cwd=plain.one_line(settings.cwd, 200)),
            Text("mend `cwd` of this step"),
        )
    wanted = os.path.join(settings.cwd or "", name) if "/" in name else name
    shown = plain.one_line(name, 200)
    if "\0" in name or not (os.path.exists(wanted) or shutil.which(wanted, path=env["PATH"])):
        return Right(
            "bad", Text("{shown}: no such program", shown=shown), Text("install it, or mend `command` of this step")
        )
    if shutil.which(wanted, path=env["PATH"]) is None:
        return Right(
            "bad",
            Text("{shown} may not be run by this user", shown=shown),
            Text("make it executable for heartbeat's user (chmod)"),
        )
    return Right("ok", Text("{shown} may be run", shown=shown))


def run(settings: Settings, *, timeout: float) -> Outcome:
    label = plain.one_line(settings.command[0].rpartition("/")[2], 60)
    return _program.run(settings.command, label=label, timeout=timeout, env=settings.env, cwd=settings.cwd)


def left_behind(settings: Settings, *, timeout: float) -> float | None:
    return offspring.started_by(offspring.step_mark(settings.command, settings.cwd), time.monotonic() + timeout)
