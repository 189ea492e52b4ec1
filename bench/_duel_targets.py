"""What the duel breaks: small real processes, and containers as `bench recovery` has them.

Every contestant has its own. Each says itself what became of it: a process by the lines that it and its restart script
write, a container by Docker's stream of events. No contestant is asked.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.parts.docker import docker
from tests.parts.postgres import free_port
from tests.parts.recovery_faults import Part

_TARGET = Path(__file__).with_name("_duel_target.py")
_ENDED = ("start", "unpause")  # the events of Docker after which a container runs again

# A resident supervisor's child would be its own; here a target belongs to nobody, as with a unit of systemd.
_START = """#!/bin/sh
cd "$1" || exit 1
env -u HEARTBEAT_DUEL setsid PYTHON -I -S TARGET "$1" </dev/null >/dev/null 2>&1 &
echo $! >pid
"""
_STOP = """#!/bin/sh
cd "$1" || exit 1
read -r pid <pid && kill -9 "$pid" 2>/dev/null
exit 0
"""
_RESTART = """#!/bin/sh
cd "$1" || exit 1
echo $$ >script
echo "restart $(date +%s.%N)" >>log
if [ -e fail-once ]; then rm fail-once; exit 1; fi
FOLDER/stop "$1"
if [ -e slow-script ]; then sleep "$(cat slow-script)"; fi
exec FOLDER/start "$1"
"""


def scripts(folder: Path) -> None:
    """Write `start`, `stop` and `restart`, which take a target's folder, into this one."""
    for name, text in (("start", _START), ("stop", _STOP), ("restart", _RESTART)):
        known = {"PYTHON": sys.executable, "TARGET": str(_TARGET), "FOLDER": str(folder)}
        for word, value in known.items():
            text = text.replace(word, value)
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


class Process:
    """A target that is a process: `folder` has what it reads and writes, `scripts` the three programs."""

    def __init__(self, id_: str, folder: Path, scripts: Path) -> None:
        self.id, self.folder, self.port = id_, folder, free_port()
        self._scripts = scripts
        folder.mkdir(parents=True)
        self.mark("port", str(self.port))
        self.mark("log")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/health"

    def start(self) -> None:
        subprocess.run([self._scripts / "start", self.folder], check=True, timeout=60)

    def end(self) -> None:
        subprocess.run([self._scripts / "stop", self.folder], check=False, capture_output=True, timeout=60)

    def mark(self, name: str, text: str = "") -> None:
        (self.folder / name).write_text(text)

    def unmark(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    def signal(self, number: int) -> None:
        os.kill(int((self.folder / "pid").read_text()), number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def asked(self) -> float:
        """When it was last asked, 0 if never."""
        with suppress(FileNotFoundError):
            return (self.folder / "asked").stat().st_mtime
        return 0.0

    def restarts(self, since: float = 0.0) -> list[float]:
        return self._moments("restart", since)

    def served(self, since: float) -> float | None:
        """When it first served again."""
        return next(iter(self._moments("serving", since)), None)

    def _moments(self, word: str, since: float) -> list[float]:
        lines = [line.split() for line in (self.folder / "log").read_text().splitlines()]
        return [float(moment) for what, moment in lines if what == word and float(moment) >= since]


class Container:
    """A target that is a container: a part of `bench recovery`, and how it is broken here if that differs."""

    def __init__(self, id_: str, part: Part, events: "Events", fail: Callable[[str], object] | None = None) -> None:
        self.id, self.part, self._events = id_, part, events
        self._fail = fail

    @property
    def name(self) -> str:
        return self.part.target

    def start(self) -> None:
        self.part.start()

    def end(self) -> None:
        subprocess.run(
            ["docker", "rm", "--force", "--volumes", self.name], capture_output=True, timeout=60, check=False
        )

    def fail(self) -> None:
        if self._fail:
            self._fail(self.name)
        else:
            self.part.fail()

    def restarts(self, since: float = 0.0) -> list[float]:
        return [at for at, what in self._events.of(self.name) if what in _ENDED and at >= since]

    def served(self, since: float) -> float | None:
        """When it first ran again or, if it has a health check, was first healthy again."""
        seen = self._events.of(self.name)
        wanted = ("health_status: healthy",) if any("health" in what for _, what in seen) else _ENDED
        return next((at for at, what in seen if what in wanted and at >= since), None)


Target = Process | Container


class Events:
    """Docker's stream of events, from its entering on."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "events"

    def __enter__(self) -> "Events":
        argv = ["docker", "events", "--format", "{{.TimeNano}} {{.Actor.Attributes.name}} {{.Action}}"]
        filters = [word for action in (*_ENDED, "health_status") for word in ("--filter", f"event={action}")]
        with self._file.open("w") as out:
            self._listener = subprocess.Popen([*argv, *filters], stdout=out)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.kill()
        self._listener.wait()

    def of(self, name: str) -> list[tuple[float, str]]:
        lines = [line.split(" ", 2) for line in self._file.read_text().splitlines()]
        return [(int(stamp) / 1e9, what) for stamp, whose, what in lines if whose == name]


def stop_on_purpose(name: str) -> None:
    docker("stop", name)


class Reaper:
    """Takes in the targets whose parents have gone, and waits for those that die: process 1 may be slow to, and a dead
    process that nobody waited for still looks alive to a watcher that asks by its pid."""

    def __enter__(self) -> "Reaper":
        _adopt_orphans(True)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._reap, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.3)
        self._over.set()
        self._thread.join()
        _adopt_orphans(False)

    def _reap(self) -> None:
        while not self._over.wait(0.05):
            with suppress(ChildProcessError, ProcessLookupError):
                seen = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                # Every target leads a session; what else is a child here is waited for by whoever started it.
                if seen and os.getsid(seen.si_pid) == seen.si_pid:
                    os.waitpid(seen.si_pid, os.WNOHANG)


def _adopt_orphans(yes: bool) -> None:
    import ctypes

    set_child_subreaper = 36  # prctl(2)
    ctypes.CDLL(None, use_errno=True).prctl(set_child_subreaper, int(yes), 0, 0, 0)
