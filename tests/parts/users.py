"""Other users of this host: heartbeat as one of them, and what one of them puts in its way. Only root can be them."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.parts import lacking
from tests.parts.verb import Ended

NOBODY = 65534  # the attacker
SOMEBODY = 12345  # a user of heartbeat's who is not in the password database

# A process a verb, forked from one that has started: the start of Python would be most of the time.
_VERBS = """
import json, os, sys, tempfile
from heartbeat_cli import cli, verbs
ended = []
for words in json.load(sys.stdin):
    said = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(said[0].fileno(), 1)
        os.dup2(said[1].fileno(), 2)
        cli.main(words)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for one in said:
        one.seek(0)
    ended.append([code, *(one.read().decode() for one in said)])
json.dump(ended, sys.stdout)
"""


def need_root() -> None:
    if os.geteuid() != 0:
        lacking("root, since only root can be another user, too")


def as_user(uid: int, *argv: str, given: bytes | None = None) -> None:
    """Run a program as another user."""
    subprocess.run([*_become(uid), *argv], check=True, timeout=60, input=given)


def heartbeats(uid: int, folder: Path, verbs: Sequence[Sequence[str]], **variables: str) -> list[Ended]:
    """Run verbs as a user, one after the other, in `folder`, which is his home."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **variables}
    argv = [*_become(uid), sys.executable, "-c", _VERBS]
    done = subprocess.run(
        argv,
        input=json.dumps(verbs).encode(),
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=300,
        check=True,
    )
    return [Ended(*one) for one in json.loads(done.stdout)]


def _become(uid: int) -> list[str]:
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
