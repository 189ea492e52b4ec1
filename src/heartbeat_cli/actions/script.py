"""script: run a script of the one folder that [recovery] scripts names, as restart_main.sh.

The folder is the list of what may be run: a step names a file in it, nothing else. It must be a regular,
executable file; it and every folder on the way to it must belong to root or to the user heartbeat runs as, and
nobody else, group or all, may write them. Otherwise the step is `refused`,
and the reason says what to change. Started without a shell or arguments, from a small environment; exit code 0 is
`done`. What it starts in the background lives on once it has ended; let such a child write its output to a file, not
to the pipe it inherits.

    [recovery]
    scripts = "/etc/heartbeat/scripts"

    [components.main.recovery]
    ladder = [{ action = "script", name = "restart_main.sh" }]
"""

import os
import re
import stat
from typing import NamedTuple

from heartbeat_cli.actions import _program
from heartbeat_cli.domain.recovery.outcome import Outcome, Right
from heartbeat_cli.system import trusted
from heartbeat_cli.system.trusted import Untrusted

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}")
_MISSING = "no such script"


class Settings(NamedTuple):
    """Which script.

    name: file name in the folder, without any path
    folder: folder of the scripts; default: `scripts` of `[recovery]`
    """

    name: str
    folder: str | None = None


def problems(settings: Settings) -> list[tuple[str, str]]:
    if _NAME.fullmatch(settings.name):
        return []
    return [("name", f"expected a bare file name as restart_main.sh, got {settings.name[:60]!r}")]


def run(settings: Settings, *, timeout: float) -> Outcome:
    trouble = _trouble(settings)
    if trouble is not None:
        return trouble
    folder, path = _place(settings)
    return _program.run([path], label=settings.name, timeout=timeout, env={}, cwd=folder)


def rights(settings: Settings, *, timeout: float) -> Right:
    trouble = _trouble(settings)
    if trouble is None:
        return Right("ok", f"{_place(settings)[1]} may be run")
    missing = trouble.detail.startswith(_MISSING)  # then the step is passed over: a ladder may well do without
    return Right("warn" if missing else "bad", trouble.detail, "mend that, or leave this step out of the ladder")


def _trouble(settings: Settings) -> Outcome | None:
    """Why the script cannot or must not be run, None when it may."""
    if not _NAME.fullmatch(settings.name):
        return Outcome("refused", "the script's name is not a bare file name")
    if not settings.folder:
        return Outcome("refused", f"no folder for {settings.name}: set scripts in [recovery]")
    folder, path = _place(settings)
    try:
        reason = refusal(folder, path)
    except FileNotFoundError as error:
        return Outcome("refused", f"{_MISSING}: {error.filename}")
    except (OSError, ValueError) as error:
        words = ((error.strerror if isinstance(error, OSError) else None) or str(error)).lower()
        return Outcome("denied", f"cannot look at {path}: {words}; this user must be able to reach and read it")
    return Outcome("refused", reason) if reason is not None else None


def _place(settings: Settings) -> tuple[str, str]:
    """The folder and the script's path."""
    folder = os.path.abspath(settings.folder or "")
    return folder, os.path.join(folder, settings.name)


def refusal(folder: str, path: str) -> str | None:
    """Why `path` must not be run, None when it may. Who may write a folder on the way could exchange the file."""
    script = os.lstat(path)
    if not stat.S_ISDIR(os.stat(folder).st_mode):
        return f"{folder} is not a folder"
    if not stat.S_ISREG(script.st_mode):
        return f"{path} is not a regular file (links are not followed)"
    try:
        trusted.check(path)
    except Untrusted as error:
        return error.strerror
    if not os.access(path, os.X_OK):
        return f"{path} is not executable; run chmod +x on it"
    return None
