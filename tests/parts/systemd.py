"""A real systemd, as process 1 of a container; `systemctl` reaches it through `docker exec`."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from tests.parts import lacking
from tests.parts.docker import docker, need_image, unique, wait_for

IMAGE = "heartbeat-test-systemd"
_BOOT_SECONDS = 40

# Docker mounts the container's own cgroups read-only; systemd needs to write them. Mounting the host's in
# their place works too, but then all such containers share one tree, and with it units of the same name.
_BOOT = """
for mount in $(findmnt -rno TARGET -t cgroup,cgroup2); do mount -o remount,bind,rw "$mount"; done
exec /lib/systemd/systemd
"""


class SystemdBox(NamedTuple):
    """A container with a running systemd."""

    name: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a `systemctl` setting says to reach it."""
        return ("docker", "exec", self.name, "systemctl")

    def systemctl(self, *words: str) -> str:
        return docker("exec", self.name, "systemctl", *words)

    def shell(self, line: str) -> str:
        return docker("exec", self.name, "sh", "-c", line)

    def try_systemctl(self, *words: str) -> int:
        """The exit code of a command that may fail."""
        return subprocess.run([*self.prefix, *words], capture_output=True, timeout=60, check=False).returncode

    def write_unit(self, name: str, text: str) -> None:
        """Write a unit file and have systemd read it."""
        path = f"/etc/systemd/system/{name}"
        argv = ["docker", "exec", "-i", self.name, "sh", "-c", 'cat >"$0"', path]
        subprocess.run(argv, input=text, text=True, capture_output=True, timeout=60, check=True)
        self.systemctl("daemon-reload")

    def service(self, name: str, *lines: str, start: bool = False) -> str:
        """Write a service from its [Service] lines, start it if asked, and return its name."""
        self.write_unit(name, "\n".join(["[Unit]", "StartLimitIntervalSec=0", "[Service]", *lines, ""]))
        if start:
            self.try_systemctl("start", name)
        return name

    def stubborn(self, name: str, *lines: str) -> str:
        """Start a service whose process ignores SIGTERM; it has set its trap when this returns."""
        mark = f"/run/{name}.deaf"
        ended = f"systemctl show --property=ActiveState --value {name} | grep -qE 'inactive|failed'"
        kill = f"systemctl stop --no-block {name}; systemctl kill --signal=KILL {name}"
        self.shell(f"until {ended}; do {kill}; sleep 0.2; done; rm -f {mark}")  # an earlier test's
        script = f"trap : TERM; touch {mark}; while :; do sleep 1; done"
        self.service(name, f"ExecStart=/bin/sh -c '{script}'", *lines, start=True)
        self.await_file(mark)
        return name

    def await_file(self, path: str) -> None:
        """Wait until there is such a file."""
        self.shell(f"for n in $(seq 300); do test -e {path} && exit 0; sleep 0.1; done; exit 1")

    def property(self, unit: str, name: str) -> str:
        return self.systemctl("show", "--value", f"--property={name}", "--", unit)

    def wait(self, unit: str, name: str, value: str) -> None:
        wait_for(lambda: self.property(unit, name) == value, f"{unit}: {name}={value}")


@pytest.fixture(scope="session")
def systemd_box() -> Iterator[SystemdBox]:
    with booted() as box:
        yield box


@contextmanager
def booted(network: str = "none", more: tuple[str, ...] = (), image: str = IMAGE) -> Iterator[SystemdBox]:
    """A systemd that has come up; `more` are further options of `docker run`."""
    need_image(image.rpartition("-")[2], image)
    box = SystemdBox(unique("systemd"))
    options = (
        "--cap-add=SYS_ADMIN",
        "--security-opt=seccomp=unconfined",
        "--security-opt=apparmor=unconfined",
    )
    mounts = ("--cgroupns=private", "--tmpfs=/run", "--tmpfs=/tmp", f"--network={network}")
    docker("run", "--detach", "--name", box.name, *options, *mounts, *more, image, "sh", "-c", _BOOT)
    try:
        _wait_for_boot(box)
        yield box
    finally:
        argv = ["docker", "rm", "--force", "--volumes", box.name]
        subprocess.run(argv, capture_output=True, timeout=60, check=False)


def _wait_for_boot(box: SystemdBox) -> None:
    """`degraded` is a systemd that runs with some unit failed: good enough here."""
    end, state = time.monotonic() + _BOOT_SECONDS, ""
    argv = [*box.prefix, "is-system-running"]
    while state not in ("running", "degraded"):
        if time.monotonic() > end:
            logs = subprocess.run(["docker", "logs", box.name], capture_output=True, text=True, check=False)
            lacking(f"systemd does not come up in a container ({state}): {logs.stderr[-500:]}")
        time.sleep(0.2)
        state = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout.strip()
