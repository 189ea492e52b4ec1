"""heartbeat as a person starts it: a process of its own, in a folder of its own, with next to no environment."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.parts.forked import Forked, possible


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def heartbeat(folder: Path, *words: str, path: str | None = None, timeout: float = 60, **variables: str) -> Ended:
    """Run a verb in `folder`, which is its home, too; `path` replaces $PATH."""
    environment = {"PATH": path or os.environ["PATH"], "HOME": str(folder), **variables}
    if not possible(environment):
        return from_nothing(folder, *words, path=path, timeout=timeout, **variables)
    one = Forked(words, folder, environment)
    out, err = one.communicate(timeout)
    assert one.returncode is not None
    return Ended(one.returncode, out, err)


def from_nothing(folder: Path, *words: str, path: str | None = None, timeout: float = 60, **variables: str) -> Ended:
    """The same, with the start of Python and every import."""
    environment = {"PATH": path or os.environ["PATH"], "HOME": str(folder), **variables}
    argv = [sys.executable, "-m", "heartbeat_cli", *words]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, timeout=timeout, check=False)
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
