"""A part of `bench agents` that is a process: how it is started, broken and restarted, and what the restarts were.

Each has a folder with three scripts: `start`, `stop` and `restart`. The last is the one step of its recovery; it notes
the moment and really starts the part anew. A process that is broken once is well after that, unless its fault lies
elsewhere: what `broken.json` says stays.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.parts import hostile

_SERVER = Path(__file__).with_name("_agents_server.py")
_START_SECONDS = 180.0

# The part leads a session, so that what it starts is stopped with it.
_START = """#!/bin/sh
cd FOLDER || exit 1
rm -f until-restart.json
ENVIRONMENT setsid ARGV </dev/null >>output 2>&1 &
echo $! >pid
"""
_STOP = """#!/bin/sh
cd FOLDER || exit 1
read -r pid <pid && kill -s KILL -- "-$pid" 2>/dev/null
exit 0
"""
_RESTART = """#!/bin/sh
date +%s.%N >>FOLDER/restarts
FOLDER/stop
exec FOLDER/start
"""


def only_notes(folder: Path) -> dict[str, Any]:
    """The step of a ladder for what has no process of its own to restart: its script notes the moment."""
    folder.mkdir(parents=True)
    script = folder / "restart"
    script.write_text(f"#!/bin/sh\ndate +%s.%N >>{shlex.quote(str(folder))}/restarts\n")
    script.chmod(0o755)
    return {"action": "command", "command": [str(script)]}


class Part:
    """A process in a folder of its own, on a port of its own; `PORT` in its arguments is replaced by that. `shared`:
    several scenarios need it."""

    def __init__(
        self, folder: Path, argv: Sequence[str], environment: Mapping[str, str] | None = None, *, shared: bool = False
    ) -> None:
        folder.mkdir(parents=True)
        self.folder, self.port, self.shared = folder, hostile.unused_port(), shared
        words = [one.replace("PORT", str(self.port)) for one in argv]
        known = {
            "FOLDER": shlex.quote(str(folder)),
            "ENVIRONMENT": " ".join(
                f"{name}={shlex.quote(value.replace('PORT', str(self.port)))}"
                for name, value in (environment or {}).items()
            ),
            "ARGV": shlex.join(words),
        }
        for name, text in (("start", _START), ("stop", _STOP), ("restart", _RESTART)):
            for word, value in known.items():
                text = text.replace(word, value)
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    @property
    def step(self) -> dict[str, Any]:
        """The step of a ladder that restarts it."""
        return {"action": "command", "command": [str(self.folder / "restart")]}

    def url(self, path: str = "/health", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def start(self) -> None:
        subprocess.run([self.folder / "start"], check=True, timeout=60)

    def stop(self) -> None:
        subprocess.run([self.folder / "stop"], check=False, timeout=60)

    def wait(self, log: str = "output") -> None:
        """Until it takes connections."""
        end = time.monotonic() + _START_SECONDS
        while not self._listens():
            said = (self.folder / log).read_text(errors="replace")[-2000:] if (self.folder / log).exists() else ""
            assert time.monotonic() < end, f"{self.folder.name} does not start: {said}"
            time.sleep(0.1)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        os.killpg(self._pid, signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP: the kernel still accepts connections, and nobody answers."""
        os.killpg(self._pid, signal.SIGSTOP)

    @property
    def _pid(self) -> int:
        return int((self.folder / "pid").read_text())


class Small(Part):
    """The small server of `_agents_server.py`."""

    def __init__(self, folder: Path, well: Mapping[str, Any], *, shared: bool = False) -> None:
        super().__init__(folder, [sys.executable, "-I", "-S", str(_SERVER), str(folder), "PORT"], shared=shared)
        self._write("well", well)

    def breaks(self, answers: Mapping[str, Any]) -> Callable[[], None]:
        """What makes it answer so from then on, whatever restarts it."""
        return lambda: self._write("broken", answers)

    def breaks_until_restart(self, answers: Mapping[str, Any]) -> Callable[[], None]:
        return lambda: self._write("until-restart", answers)

    def _write(self, name: str, answers: Mapping[str, Any]) -> None:
        new = self.folder / f"{name}.new"
        new.write_text(json.dumps(answers if "*" in answers else {"*": answers}))
        new.rename(self.folder / f"{name}.json")
