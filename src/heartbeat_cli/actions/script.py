"""Run a script from the folder that `[recovery] scripts` names, such as `restart_main.sh`.

A step can only name a file in that folder. It must be a regular, executable file; it and every folder above it must
belong to root or to the user heartbeat runs as, and be writable for nobody else. Otherwise the step is `refused`, and
the reason says what to change. The script is started without a shell or arguments, from a small environment; exit
code 0 is `done`. What it starts in the background lives on when it has ended; let such a process write its output to
a file, not to the pipe it inherits.

    [recovery]
    scripts = "/etc/heartbeat/scripts"

    [components.main.recovery]
    ladder = [{ action = "script", name = "restart_main.sh" }]
"""

import os
import re
import stat
import time
from typing import Literal

from heartbeat_cli.actions import _program
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.outcome import Outcome, Right
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import offspring, trusted
from heartbeat_cli.system.trusted import Untrusted

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}")


class _Trouble(Record):
    """Why the script cannot or must not be run; `missing`: there is none of that name."""

    outcome: Outcome
    missing: bool = False


class Settings(Record):
    """Which script.

    name: file name in the folder, without any path
    folder: folder of the scripts; default: `scripts` of `[recovery]`
    preferred: file name of the script that is run in place of name, where there is one
    """

    name: str
    folder: str | None = None
    preferred: str | None = None


def needs(settings: Settings) -> Needs:
    return Needs(programs=True, lives_on=True)


def problems(settings: Settings) -> list[tuple[str, str]]:
    if _NAME.fullmatch(settings.name):
        return []
    return [("name", f"expected a bare file name as restart_main.sh, got {settings.name[:60]!r}")]


def run(settings: Settings, *, timeout: float) -> Outcome:
    trouble = _trouble(settings)
    if trouble is not None:
        return trouble.outcome
    folder, path = _place(settings)
    return _program.run([path], label=os.path.basename(path), timeout=timeout, env={}, cwd=folder)


def left_behind(settings: Settings, *, timeout: float) -> float | None:
    folder, path = _place(settings)
    return offspring.started_by(offspring.step_mark([path], folder), time.monotonic() + timeout)


def rights(settings: Settings, *, timeout: float) -> Right:
    trouble = _trouble(settings)
    if trouble is None:
        return Right("ok", Text("{place} may be run", place=_place(settings)[1]))
    # A script that is missing is passed over: a ladder may well do without.
    level: Literal["warn", "bad"] = "warn" if trouble.missing else "bad"
    return Right(level, trouble.outcome.detail, Text("mend that, or leave this step out of the ladder"))


def _trouble(settings: Settings) -> _Trouble | None:
    """None when the script may be run."""
    if not _NAME.fullmatch(settings.name):
        return _Trouble(Outcome("refused", Text("the script's name is not a bare file name")))
    if not settings.folder:
        return _Trouble(Outcome("refused", Text("no folder for {name}: set scripts in [recovery]", name=settings.name)))
    folder, path = _place(settings)
    try:
        reason = refusal(folder, path)
    except FileNotFoundError as error:
        return _Trouble(Outcome("refused", Text("no such script: {file}", file=str(error.filename))), missing=True)
    except (OSError, ValueError) as error:
        words = ((error.strerror if isinstance(error, OSError) else None) or str(error)).lower()
        text = Text(
            "cannot look at {path}: {words}; this user must be able to reach and read it", path=path, words=words
        )
        return _Trouble(Outcome("denied", text))
    return _Trouble(Outcome("refused", reason)) if reason is not None else None


def _place(settings: Settings) -> tuple[str, str]:
    """The folder and the script's path."""
    folder = os.path.abspath(settings.folder or "")
    if settings.preferred and _NAME.fullmatch(settings.preferred):
        preferred = os.path.join(folder, settings.preferred)
        if os.path.lexists(preferred):
            return folder, preferred
    return folder, os.path.join(folder, settings.name)


def refusal(folder: str, path: str) -> str | None:
    """Why `path` must not be run, None when it may. Who may write a folder on the way could exchange the file."""
    script = os.lstat(path)
    if not stat.S_ISDIR(os.stat(folder).st_mode):
        return Text("{folder} is not a folder", folder=folder)
    if not stat.S_ISREG(script.st_mode):
        return Text("{path} is not a regular file (links are not followed)", path=path)
    try:
        trusted.check(path)
    except Untrusted as error:
        return error.strerror
    if not os.access(path, os.X_OK):
        return Text("{path} is not executable; run chmod +x on it", path=path)
    return None
