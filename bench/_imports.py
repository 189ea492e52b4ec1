"""What a verb imports, and what each module costs by itself: fresh processes under `-X importtime`, medians."""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tabulate import tabulate

from bench._measure import ENVIRONMENT

_PROCESSES = 7
_DEAREST = 10

# What importlib.import_module imports, the kinds and the verbs, is not seen; an import statement is.
_SEEN = """
import importlib, sys
importlib.import_module = lambda name: (__import__(name), sys.modules[name])[1]
from heartbeat_cli.cli import main
main()
"""


class Profile(NamedTuple):
    """Own seconds by module, dearest first, and all together; without what a bare start of Python imports."""

    own: list[tuple[str, float]]
    total: float


def profile(config: Path, words: Sequence[str]) -> Profile:
    bare = _imports(["-c", "pass"]).keys()
    seen: dict[str, list[float]] = defaultdict(list)
    for _ in range(_PROCESSES):
        for name, seconds in _imports(["-c", _SEEN, "--config", str(config), *words]).items():
            if name not in bare:
                seen[name].append(seconds)
    own = sorted(((name, median(times)) for name, times in seen.items()), key=lambda one: -one[1])
    return Profile(own, sum(time for _, time in own))


def show(what: str, found: Profile) -> None:
    print(f"{what} imports {len(found.own)} modules in {found.total * 1000:.0f} ms; the {_DEAREST} dearest:")
    rows = [(name, f"{own * 1000:.1f}") for name, own in found.own[:_DEAREST]]
    print(tabulate(rows, headers=["module", "ms by itself"], disable_numparse=True), end="\n\n")


def _imports(words: list[str]) -> dict[str, float]:
    argv = [sys.executable, "-X", "importtime", *words]
    done = subprocess.run(argv, capture_output=True, text=True, env=ENVIRONMENT)
    lines = re.findall(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", done.stderr, re.M)
    return {name: int(own) / 1e6 for own, name in lines}
