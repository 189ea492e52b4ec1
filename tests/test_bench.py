"""`python -m bench` on a machine that lacks a part."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
