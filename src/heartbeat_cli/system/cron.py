"""The user's crontab, read and written through the `crontab` program, and what a job in it needs to be told.

Cron starts a job with an almost empty environment in the home folder: what the configuration and the state folder were
found by here must therefore stand in the line. Secrets never do: `crontab -l` and `ps` show the line.
"""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from heartbeat_cli.domain.kinds.crontab import Job
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError
from heartbeat_cli.system import process

_SECONDS = 10.0
_NONE_YET = ("no crontab for", "no such file")  # Vixie's and cronie's words; BusyBox's
_CARRIED = (
    *("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"),
    *("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSERVICE", "PGSERVICEFILE", "PGPASSFILE"),
    "SSL_CERT_FILE",
)


def read(user: str | None = None) -> bytes:
    """The user's crontab, or that of another `user` (for root), empty when there is none. Raises HeartbeatError when it
    cannot be read."""
    finished = _crontab(["-l", *(["-u", user] if user else [])])
    if finished.returncode == 0:
        return finished.stdout
    said = finished.stderr.decode("utf-8", "replace")
    if any(words in said.lower() for words in _NONE_YET):
        return b""
    raise HeartbeatError(Text("crontab -l failed: {said}", said=one_line(said) or f"exit {finished.returncode}"))


def write(crontab: bytes) -> None:
    """Make this the user's crontab; an empty one is removed."""
    finished = _crontab(["-"] if crontab else ["-r"], crontab)
    if finished.returncode != 0:
        said = one_line(finished.stderr.decode("utf-8", "replace"))
        raise HeartbeatError(Text("the crontab was not changed: {said}", said=said or f"exit {finished.returncode}"))


def _crontab(words: list[str], given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    program = shutil.which("crontab")
    if program is None:
        raise HeartbeatError(Text("there is no `crontab` program here; install cron, or use `heartbeat timer`"))
    try:
        return subprocess.run(
            [program, *words],
            input=given,
            capture_output=True,
            timeout=_SECONDS,
            env=process.minimal_env({}),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HeartbeatError(
            Text("crontab {option} did not answer within {seconds:g} s", option=words[0], seconds=_SECONDS)
        ) from None
    except OSError as error:
        raise HeartbeatError(Text("crontab cannot be run: {why}", why=str(error.strerror))) from error


def job(path: Path | None, *, state_dir: bool, timezone: bool, own_home: bool = True) -> Job:
    """The job that makes cron use the same configuration and state folder as this process does; `state_dir` and
    `timezone` say whether the configuration names its own. `own_home`: it is a job of this user, with the home folder
    of this process."""
    return Job(program(), str(path.absolute()) if path else None, _environment(state_dir, timezone, own_home))


def program() -> list[str]:
    """How this heartbeat is started, by absolute path."""
    own = Path(sys.argv[0])
    beside = Path(sys.executable).with_name("heartbeat")
    for candidate in (own if own.name == "heartbeat" else beside, beside, Path(shutil.which("heartbeat") or "")):
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return [str(candidate.absolute())]
    # -P: not from the folder it is started in, where another user may have put a package of that name.
    return [sys.executable, "-P", "-m", "heartbeat_cli"]


def _environment(state_dir: bool, timezone: bool, own_home: bool) -> dict[str, str]:
    found = {name: os.environ[name] for name in _CARRIED if os.environ.get(name)}
    home = os.environ.get("HOME", "") if own_home else ""
    if home and home != _login_home():
        found["HOME"] = home
    if os.environ.get("XDG_STATE_HOME") and not state_dir:
        found["XDG_STATE_HOME"] = str(Path(os.environ["XDG_STATE_HOME"]).absolute())
    if os.environ.get("TZ") and not timezone:
        found["TZ"] = os.environ["TZ"]
    return found


def _login_home() -> str:
    """What cron sets HOME to."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def wanted_variables(tables: Mapping[str, Any]) -> list[str]:
    """The variables that a configuration reads with `env:NAME`: cron has none of them."""
    return sorted(set(_references(tables)))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("env:"):
        yield value[4:]
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _references(inner)
