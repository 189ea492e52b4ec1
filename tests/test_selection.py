"""Nothing falls between `make test` and `make test-all`."""

import re
import subprocess
import sys
from pathlib import Path

from tests.parts import selection

ROOT = Path(__file__).parent.parent


def collected(*words: str) -> set[str]:
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-o", "addopts=", *words]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=600, check=True)
    return {line for line in done.stdout.splitlines() if "::" in line}


def commands(target: str) -> str:
    return subprocess.run(["make", "-n", target], capture_output=True, text=True, cwd=ROOT, check=True).stdout


def test_the_whole_suite_is_the_quick_part_and_the_rest() -> None:
    everything, quick = collected(), collected("-m", "not whole")
    assert quick < everything
    rest = everything - quick
    assert rest == collected("-m", "whole")
    assert not any("postgres" in one.partition("[")[2] for one in quick if not one.startswith("tests/store/"))
    assert any("postgres" in one.partition("[")[2] for one in quick), "the store is tested on PostgreSQL, too"


def test_make_test_all_leaves_nothing_out() -> None:
    *_, line = re.findall(r"^.*/pytest .*$", commands("test-all"), re.M)
    assert re.sub(r".*/pytest", "", line).split() == ["-n", "4", "--dist", "worksteal"]
    *_, line = re.findall(r"^.*/pytest .*$", commands("test"), re.M)
    assert line.endswith(f'-m "not {selection.MARK}"')
    assert (ROOT / ".ci/run").read_text().split("\n")[-3:] == ["make test", "make test-all", ""]


def test_every_file_that_is_left_out_is_there() -> None:
    assert [path for path in sorted(selection._FILES) if not (ROOT / path).is_file()] == []
