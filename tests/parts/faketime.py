"""A process that sees another time: libfaketime, preloaded.

Not the `faketime` wrapper: what it shares between processes is named by its own process number, and it ends at once
where a killed process of that number has left its names behind. The library goes on without, and the names it makes
itself are those of the process started here, which are taken away whatever becomes of it.
"""

import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tests.parts import lacking

_PLACES = ("/usr/lib/*/faketime", "/usr/lib/faketime", "/usr/lib64/faketime", "/usr/local/lib/faketime")
_SHARED = ("/dev/shm/sem.faketime_sem_{pid}", "/dev/shm/faketime_shm_{pid}")


def library() -> Path:
    """Where the library is; skips the test where it is not."""
    for place in _PLACES:
        for found in sorted(Path("/").glob(f"{place[1:]}/libfaketime.so.1")):
            return found
    lacking("libfaketime (Debian package libfaketime)")


def at(moment: datetime) -> str:
    """The clock starts at this moment (UTC) in every process."""
    return moment.strftime("@%Y-%m-%d %H:%M:%S")


def off(seconds: float) -> str:
    """The clock is this much ahead of the real one; negative: behind."""
    return f"{seconds:+.0f}s"


class Started:
    """A command with the clock that `at` or `off` gives, begun. How long things take stays as it is; but a `time.sleep`
    fails under the library with EINVAL, so let nothing be tried again."""

    def __init__(self, argv: Sequence[str], clock: str, folder: Path, environment: Mapping[str, str]) -> None:
        faked = {"LD_PRELOAD": str(library()), "FAKETIME": clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "UTC"}
        pipe, env = subprocess.PIPE, {**environment, **faked}
        self._process = subprocess.Popen(argv, cwd=folder, env=env, stdout=pipe, stderr=pipe, text=True)
        self.pid = self._process.pid

    def end(self, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Wait for its end, and take away what it has left behind."""
        try:
            out, err = self._process.communicate(timeout=timeout)
        finally:
            self._process.kill()
            self._process.wait()
            for name in _SHARED:
                Path(name.format(pid=self.pid)).unlink(missing_ok=True)
        return subprocess.CompletedProcess(self._process.args, self._process.returncode, out, err)


def run(
    argv: Sequence[str], clock: str, folder: Path, environment: Mapping[str, str], timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end with another clock."""
    return Started(argv, clock, folder, environment).end(timeout)
