"""Python in a process of its own, with the most memory that it ever had, and how long it took."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

_CODE = """
import json, sys, time
begun = time.monotonic()
{code}
took = time.monotonic() - begun
with open("/proc/self/status") as file:
    peak = next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))
print(json.dumps([said, peak, took]))
"""


class Measured(NamedTuple):
    """What the code left in `said`, the most memory in MB, and seconds."""

    said: Any
    peak: float
    took: float


def measured(code: str, *arguments: object, timeout: float = 60, **variables: str) -> Measured:
    """Run `code`, which sees `arguments` in sys.argv[1:] and leaves something for JSON in `said`."""
    root = Path(__file__).parent.parent.parent
    argv = [sys.executable, "-c", _CODE.format(code=code), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(root), **variables}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return Measured(*json.loads(done.stdout.splitlines()[-1]))
