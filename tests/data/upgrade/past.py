"""The old heartbeat with a clock of its own: everything is imported once, each command is a fork. Started by record.py
with the old sources on PYTHONPATH.

Reads lines of JSON, [words, seconds since the epoch], and answers each with [exit code, standard output, standard
error].
"""

import importlib
import json
import os
import pkgutil
import sys
import tempfile
import time
import warnings

_real, _ahead = time.time, 0.0
time.time = lambda: _real() + _ahead  # before the first import: some have it as a default

import heartbeat_cli  # noqa: E402
from heartbeat_cli import cli  # noqa: E402

warnings.simplefilter("ignore")
for module in pkgutil.walk_packages(heartbeat_cli.__path__, "heartbeat_cli."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)


def called(words: list[str], at: float) -> list[object]:
    global _ahead
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _ahead = at - _real()
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            cli.main(words)
        _, status = os.waitpid(child, 0)
        found: list[object] = [os.waitstatus_to_exitcode(status)]
        for file in (out, err):
            file.seek(0)
            found.append(file.read().decode())
    return found


for line in sys.stdin:
    sys.stdout.write(json.dumps(called(*json.loads(line))) + "\n")
    sys.stdout.flush()
