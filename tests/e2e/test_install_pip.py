"""pipx and uv install the wheel for a user of a bare Debian, where cron starts it: from nothing to the first alert."""

import subprocess
from collections.abc import Iterator

import pytest

from heartbeat_cli import __version__
from tests.parts import install
from tests.parts.docker import docker, need_image, unique

pytestmark = pytest.mark.docker

_PORTS = {"pipx": 9001, "uv": 9002}


@pytest.fixture
def box() -> Iterator[str]:
    """A Debian with cron, as process 1, and a user for each way."""
    need_image("debian", install.DEBIAN)
    name = unique("pip")
    mounts = {install.wheels(): "/wheels", install.wheel().parent: "/dist", install.uv(): "/usr/local/bin/uv"}
    volumes = [f"--volume={here}:{there}:ro" for here, there in mounts.items()]
    words = ("--detach", "--init", "--network=none", *volumes, install.DEBIAN, "cron", "-f")
    docker("run", "--name", name, *words)
    try:
        install.receive(name)
        for user in _PORTS:
            docker("exec", name, "useradd", "--create-home", user)
        yield name
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, timeout=60, check=False)


def as_user(box: str, user: str, line: str) -> str:
    """What a command of the user prints, on both streams."""
    path = f"--env=PATH=/home/{user}/.local/bin:/usr/local/bin:/usr/bin:/bin"
    argv = ["docker", "exec", f"--user={user}", f"--workdir=/home/{user}", f"--env=HOME=/home/{user}", path]
    done = subprocess.run([*argv, box, "sh", "-c", line], stdout=-1, stderr=subprocess.STDOUT, text=True, timeout=180)
    assert done.returncode == 0, done.stdout
    return done.stdout


def set_up(box: str, user: str) -> None:
    """From the installed program to the lines in the crontab."""
    assert as_user(box, user, "heartbeat --version").strip().endswith(__version__)
    text = install.watches_port(user, _PORTS[user])
    install.write(box, f"/home/{user}/.config/heartbeat/heartbeat.toml", text, user)
    as_user(box, user, "heartbeat config check")
    as_user(box, user, "heartbeat crontab --install")


def _from_nothing_to_the_first_alert(box: str) -> None:
    """Both wait for the same minute of cron."""
    wheel = f"/dist/{install.wheel().name}"
    as_user(box, "pipx", f"pipx install --pip-args='--no-index --find-links=/wheels' {wheel}")
    set_up(box, "pipx")
    as_user(box, "uv", f"uv tool install --offline --no-index --find-links=/wheels --python=/usr/bin/python3 {wheel}")
    set_up(box, "uv")
    for user in _PORTS:
        install.wait_for_alert(box, user, 150)


def _a_second_installation_keeps_what_is_stored_and_removal_leaves_nothing(box: str) -> None:
    before = as_user(box, "pipx", "heartbeat alerts --format json | head -c 200")
    wheel = f"/dist/{install.wheel().name}"
    again = {
        "pipx": f"pipx install --force --pip-args='--no-index --find-links=/wheels' {wheel}",
        "uv": f"uv tool install --force --offline --no-index --find-links=/wheels --python=/usr/bin/python3 {wheel}",
    }
    for user, line in again.items():
        as_user(box, user, line)
    assert as_user(box, "pipx", "heartbeat alerts --format json | head -c 200") == before
    for user, line in (("pipx", "pipx uninstall heartbeat-cli"), ("uv", "uv tool uninstall heartbeat-cli")):
        as_user(box, user, f"heartbeat crontab --remove && {line}")
        assert as_user(box, user, "command -v heartbeat || true; crontab -l 2>/dev/null | grep heartbeat || true") == ""


def test_pipx_and_uv(box: str) -> None:
    """One after the other: the second goes on where the first has left the host."""
    for step in (
        _from_nothing_to_the_first_alert,
        _a_second_installation_keeps_what_is_stored_and_removal_leaves_nothing,
    ):
        step(box)
