"""A real Docker Engine: containers of a busybox image, each with a name of its own, removed afterwards."""

import functools
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.parts import lacking

BUSYBOX = "heartbeat-test-busybox"
_IMAGES = Path(__file__).parents[2] / ".ci" / "images"

RunContainer = Callable[..., str]


def docker(*words: str, timeout: float = 60) -> str:
    """The output of a docker command that must succeed. The kernel cannot always freeze a process on a busy machine."""
    for _ in range(10):
        done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=timeout, check=False)
        if "unable to freeze" not in done.stderr:
            break
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


@functools.cache
def engine() -> str | None:
    """Why there is no Docker Engine to test with, None when there is one."""
    try:
        done = subprocess.run(["docker", "version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no Docker Engine: {error}"
    return None if done.returncode == 0 else f"no Docker Engine: {done.stderr.strip()}"


def need_image(part: str, image: str) -> str:
    """The name of a test image (`busybox`, `systemd`), built first when it does not exist."""
    if reason := engine():
        lacking(reason)
    found = subprocess.run(["docker", "image", "inspect", image], capture_output=True, timeout=20, check=False)
    if found.returncode != 0:
        built = subprocess.run([_IMAGES, part], capture_output=True, text=True, timeout=600, check=False)
        if built.returncode != 0:
            lacking(f"cannot build the image {image}: {built.stderr.strip()[-500:]}")
    return image


def unique(word: str) -> str:
    return f"heartbeat-test-{word}-{uuid.uuid4().hex[:12]}"


def inspect(name: str) -> Any:
    """What Docker says of a container, as JSON."""
    import json

    return json.loads(docker("inspect", name))[0]


def wait_for(done: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Wait until `done()` is true; a failure says what was waited for."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)


@pytest.fixture
def run_container() -> Iterator[RunContainer]:
    """`run_container(*options, command=(…), name=None)` starts a busybox container and returns its name.
    SIGKILL is its stop signal, because nothing in it handles SIGTERM as process 1."""
    image = need_image("busybox", BUSYBOX)
    names: list[str] = []

    def run(*options: str, command: tuple[str, ...] = ("sleep", "600"), name: str | None = None) -> str:
        names.append(name or unique("box"))
        network = () if "--network" in options else ("--network=none",)
        fixed = ("--detach", *network, "--stop-signal=SIGKILL", "--name", names[-1])
        docker("run", *fixed, *options, image, *command)
        return names[-1]

    yield run
    if names:
        subprocess.run(["docker", "rm", "--force", *names], capture_output=True, timeout=60, check=False)
