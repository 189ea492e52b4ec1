"""Programs that run as the account of PostgreSQL servers, each with its log, to be killed with all their children."""

import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from tests.parts.postgres import _as_account


class Program:
    """`command` is asked for at every start. `log` is where it says what it does."""

    def __init__(self, folder: Path, name: str, command: Callable[[], Sequence[str]]) -> None:
        self.name, self.folder, self._command = name, folder, command
        self.log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.is_up:
            return
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
                **_as_account(),
            )

    @property
    def is_up(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def family(self) -> list[psutil.Process]:
        """Itself first, then all that it started."""
        if self._process is None:
            return []
        try:
            leader = psutil.Process(self._process.pid)
            return [leader, *leader.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """End it and all that it started, as the loss of the machine does."""
        family = self.family()
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        if self._process is not None:
            self._process.wait(30)
        psutil.wait_procs(family[1:], timeout=10)

    def pause(self) -> None:
        for one in self.family():
            with suppress(psutil.NoSuchProcess):
                one.suspend()

    def resume(self) -> None:
        for one in reversed(self.family()):
            with suppress(psutil.NoSuchProcess):
                one.resume()

    def stop(self) -> None:
        """End it in order, and what is left of it by force."""
        self.resume()
        if self._process is not None and self.is_up:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        self.kill()

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2_000:] if self.log.exists() else ""
