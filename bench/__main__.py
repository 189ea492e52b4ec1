"""`python -m bench [--record] [CASE…]`: run the cases, print their tables, and end with one table of every figure:
case, figure, target, met. What has become slower than in the recorded run is named; `--record` records this one.

Without names: those cases that need no Docker and take less than 20 minutes in all. What is left out is named, and so
is a case whose parts this machine lacks.
"""

import compileall
import importlib
import os
import platform
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tabulate import tabulate

import heartbeat_cli
from bench import _record
from bench._measure import Rows

# Cases that are run only when they are named, and why.
_ON_REQUEST = {
    "agents": "needs Docker and agent software",
    "dashboard": "needs Docker",
    "duel": "needs Docker, and takes 11 minutes",
    "growth": "takes long",
    "histories": "takes 4 minutes",
    "kills": "takes long",
    "messages": "takes long",
    "openclaw": "needs Docker and OpenClaw",
    "recovery": "needs Docker",
    "soak": "takes 14 minutes",
}


def cases() -> list[str]:
    folder = Path(__file__).parent
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def main(words: list[str]) -> int:
    wanted = [word for word in words if word != "--record"]
    unknown = [name for name in wanted if name not in cases()]
    if unknown:
        print(f"no such case: {', '.join(unknown)}; known: {', '.join(cases())}", file=sys.stderr)
        return 2
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    # As an installed package is: nothing measured here compiles the program anew at every start.
    compileall.compile_dir(Path(heartbeat_cli.__file__).parent, quiet=1)
    found: dict[str, Rows] = {}
    left_out = [] if wanted else [f"left out: {name}: {why}" for name, why in _ON_REQUEST.items()]
    failed, begun = False, time.monotonic()
    for name in wanted or [name for name in cases() if name not in _ON_REQUEST]:
        try:
            found[name] = importlib.import_module(f"bench.{name}").main()
        except (pytest.skip.Exception, pytest.fail.Exception) as lacking:  # what a real part of the tests says
            left_out.append(f"left out: {name}: {' '.join(str(lacking).split())}")
            failed |= isinstance(lacking, pytest.fail.Exception)
        except Exception:  # the figures of the others are not lost with it
            traceback.print_exc()
            left_out.append(f"broke off: {name}")
            failed = True
    _conclude(found, left_out, time.monotonic() - begun)
    if "--record" in words:
        _record.write(found)
    return int(failed or not all(row.met for rows in found.values() for row in rows))


def _conclude(found: dict[str, Rows], left_out: list[str], took: float) -> None:
    rows = [
        (case, row.what, f"{row.figure:.3g}", *(("", "") if row.most is None else (f"{row.most:g}", _met(row.met))))
        for case, rows in found.items()
        for row in rows
    ]
    if rows:
        print(tabulate(rows, headers=["case", "", "figure", "target", "met"], disable_numparse=True))
        slower = _record.slower(found, _record.read())
        print(*(f"slower than recorded: {line}" for line in slower), sep="\n", end="\n" if slower else "")
        print(f"{took / 60:.0f} minutes")
    print(*left_out, sep="\n", end="\n" if left_out else "")


def _met(met: bool) -> str:
    return "yes" if met else "NO"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
