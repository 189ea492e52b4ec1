"""Processes of a soak: started one after the other under a clock of their own, measured, killed if wanted, and what
they leave behind."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from tests.parts.postgres import moved_clock

HEARTBEAT = str(Path(sys.executable).with_name("heartbeat"))

# A clock that starts at $SOAK_CLOCK, for Python alone: a preloaded library would cost time of its own, and libfaketime
# 0.9.10 makes a sleep of Python 3.11 (clock_nanosleep until a monotonic moment) fail.
_CLOCK = """
import os, time
real, shift = time.time, float(os.environ["SOAK_CLOCK"]) - time.time()
time.time = lambda: real() + shift
"""

# Small, so that peak memory is the measured one's own; it inherits whatever a dead process leaves running.
_LAUNCHER = """
import ctypes, json, os, select, signal, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
own = f"/proc/self/task/{os.getpid()}/children"
def count(folder):
    try:
        return len(os.listdir(folder))
    except OSError:
        return 0
def left():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
    return [int(word) for word in open(own).read().split()]
for line in sys.stdin:
    argv, env, out, seconds = json.loads(line)
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    actions += [(os.POSIX_SPAWN_OPEN, n, out + end, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                for n, end in ((1, ".out"), (2, ".err"))]
    begun = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=actions, setsid=True)
    handle, files, threads, killed = os.pidfd_open(pid), 0, 0, False
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    while True:
        wait = 0.02 if seconds is None else max(0.0, min(0.02, begun + seconds - time.perf_counter()))
        if poll.poll(wait * 1000):
            break
        if seconds is not None and time.perf_counter() >= begun + seconds:
            os.kill(pid, signal.SIGKILL)
            seconds, killed = None, True
        files, threads = max(files, count(f"/proc/{pid}/fd")), max(threads, count(f"/proc/{pid}/task"))
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begun
    os.close(handle)
    ends = time.perf_counter() + 2
    while (orphans := left()) and time.perf_counter() < ends:
        time.sleep(0.005)
    for one in orphans:
        os.kill(one, signal.SIGKILL)
    print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, wall,
                      usage.ru_maxrss * 1024 / 1e6, files, threads, len(orphans), killed]), flush=True)
"""


class Run(NamedTuple):
    """One process: seconds of CPU and wall time, peak megabytes (1e6 bytes), most files and threads seen, processes
    that were still running two seconds after it, and what it said."""

    code: int
    cpu: float
    wall: float
    memory: float
    files: int
    threads: int
    orphans: int
    killed: bool
    out: str
    err: str


class Processes:
    """A context manager. All of them have `home` for their home and `temporary` for their temporary folder."""

    def __init__(self, folder: Path, config: Path) -> None:
        self.home, self.temporary = folder / "home", folder / "tmp"
        self.home.mkdir()
        self.temporary.mkdir()
        self._said = folder / "said"
        self._config = config
        self._clock = folder / "clock"
        self._clock.mkdir()
        (self._clock / "sitecustomize.py").write_text(_CLOCK)

    def __enter__(self) -> "Processes":
        argv = [sys.executable, "-I", "-S", "-c", _LAUNCHER]
        self._launcher = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._launcher.stdin and self._launcher.stdout
        self._launcher.stdin.close()
        self._launcher.wait(30)
        self._launcher.stdout.close()

    def heartbeat(self, *words: str, at: float, kill: float | None = None, config: Path | None = None) -> Run:
        """`heartbeat` at a moment (epoch seconds), killed after so many seconds if it is still there then."""
        assert self._launcher.stdin and self._launcher.stdout
        argv = [HEARTBEAT, "--config", str(config or self._config), *words]
        asked = [argv, self._environment(at), str(self._said), kill]
        self._launcher.stdin.write(json.dumps(asked) + "\n")
        self._launcher.stdin.flush()
        found: list[Any] = json.loads(self._launcher.stdout.readline())
        said = [Path(f"{self._said}.{end}").read_text(errors="replace") for end in ("out", "err")]
        return Run(*found, *said)

    def _environment(self, at: float) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": str(self._clock),
            "SOAK_CLOCK": str(at),
            **moved_clock(at - time.time()),
        }
