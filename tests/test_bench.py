"""`python -m bench` on a machine that lacks a part, and what it compares with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench import __main__, _record
from bench._measure import Row

ROOT = Path(__file__).parent.parent


def bench(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "bench", *words]
    environment = {**os.environ, "HEARTBEAT_TEST_REQUIRE": "", **variables}
    return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.whole
@pytest.mark.parametrize(("required", "code"), [("", 0), ("all", 1)])
def test_a_case_without_docker_is_left_out_and_named(required: str, code: int) -> None:
    done = bench("dashboard", DOCKER_HOST="unix:///no/docker.sock", HEARTBEAT_TEST_REQUIRE=required)
    assert (done.returncode, done.stderr) == (code, "")
    missing = "required part is missing: " if required else ""
    assert done.stdout.splitlines()[-1].startswith(f"left out: dashboard: {missing}no Docker Engine: ")


def test_an_unknown_case() -> None:
    done = bench("deploiment")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("no such case: deploiment; known: accuracy, ")


def test_what_runs_on_request_is_a_case() -> None:
    assert set(__main__._ON_REQUEST) < set(__main__.cases())


def test_only_ratios_are_recorded_and_what_is_slower_is_named(tmp_path: Path) -> None:
    file = tmp_path / "recorded.json"
    assert _record.read(file) == {}
    first = {
        "many": [Row("CPU, x bare", 2.0, 2.0, ratio=True), Row("wall, ms", 100.0, 150.0)],
        "kills": [Row("lost", 0.0, 0.0)],
    }
    _record.write(first, file)
    _record.write({"peers": [Row("CPU, x other", 0.5, None, ratio=True)]}, file)
    recorded = _record.read(file)
    assert recorded == {"many": {"CPU, x bare": 2.0}, "peers": {"CPU, x other": 0.5}}
    now = {
        "many": [
            Row("CPU, x bare", 2.2, 2.0, ratio=True),
            Row("wall, ms", 500.0, 150.0),
            Row("new", 9.0, None, ratio=True),
        ],
        "peers": [Row("CPU, x other", 0.52, None, ratio=True)],
    }
    assert _record.slower(now, recorded) == ["many: CPU, x bare: 2.2, was 2 (+10%)"]


def test_a_row_is_met_or_only_told() -> None:
    assert [Row("a", 1.0, most).met for most in (None, 1.0, 0.9)] == [True, True, False]
