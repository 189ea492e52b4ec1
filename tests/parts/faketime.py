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


def run(
    argv: Sequence[str], clock: str, folder: Path, environment: Mapping[str, str], timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end with the clock that `at` or `off` gives. How long things take stays as it is; but a
    `time.sleep` fails under the library with EINVAL, so let nothing be tried again."""
    faked = {"LD_PRELOAD": str(library()), "FAKETIME": clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "UTC"}
    pipe = subprocess.PIPE
    process = subprocess.Popen(argv, cwd=folder, env={**environment, **faked}, stdout=pipe, stderr=pipe, text=True)
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
        process.wait()
        for name in _SHARED:
            Path(name.format(pid=process.pid)).unlink(missing_ok=True)
    return subprocess.CompletedProcess(argv, process.returncode, out, err)
