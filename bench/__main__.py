"""`python -m bench [CASE…]`: run the cases (default: all) and print their tables. A case whose parts this machine lacks
is left out, and named."""

import compileall
import importlib
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import heartbeat_cli


def cases() -> list[str]:
    folder = Path(__file__).parent
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def main(wanted: list[str]) -> int:
    unknown = [name for name in wanted if name not in cases()]
    if unknown:
        print(f"no such case: {', '.join(unknown)}; known: {', '.join(cases())}", file=sys.stderr)
        return 2
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    # As an installed package is: nothing measured here compiles the program anew at every start.
    compileall.compile_dir(Path(heartbeat_cli.__file__).parent, quiet=1)
    failed, left_out = 0, []
    for name in wanted or cases():
        try:
            failed += importlib.import_module(f"bench.{name}").main()
        except (pytest.skip.Exception, pytest.fail.Exception) as lacking:  # what a real part of the tests says
            left_out.append(f"left out: {name}: {' '.join(str(lacking).split())}")
            failed += isinstance(lacking, pytest.fail.Exception)
    print(*left_out, sep="\n", end="\n" if left_out else "")
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
