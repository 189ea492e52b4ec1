"""The scenarios in a real systemd (process 1 of a container) and over real containers."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.parts.docker import BUSYBOX, docker, need_image, unique
from tests.parts.systemd import SystemdBox, booted

from bench._agents_scenario import Place, Restart, Scenario, nothing

_PATIENT: Mapping[str, Any] = {"timeout": 6}  # `docker exec` and the Engine take their time on a busy machine
# While `/run/bad-UNIT` is there a start fails with the code in it, while `/run/slow-UNIT` is there it lasts.
_PROGRAM = "/bin/sh -c 'test -e /run/bad-%p && exit $(cat /run/bad-%p); exec sleep 86400'"
_PRE = "/bin/sh -c 'test ! -e /run/slow-%p || sleep 300'"


def units(place: Place) -> Iterator[Scenario]:
    """Units of systemd."""
    box = place.stack.enter_context(booted())
    forever = ("Restart=always", "RestartSec=500ms")
    yield _unit(box, "unit-killed", "process", "must", "systemctl kill --signal=KILL unit-killed")
    yield _unit(box, "unit-crash-loop", "process", "may", _ends("unit-crash-loop", 1), *forever)
    yield _unit(box, "unit-exit-78", "configuration", "never", _ends("unit-exit-78", 78), *forever,
                "RestartPreventExitStatus=78")  # fmt: skip
    yield _unit(box, "unit-masked", "configuration", "never", "systemctl mask --now unit-masked")
    slow = "touch /run/slow-unit-starting; systemctl restart --no-block unit-starting"
    yield _unit(box, "unit-starting", "starting", "never", slow, f"ExecStartPre={_PRE}", "TimeoutStartSec=600")
    yield _unit(box, "unit-draining", "draining", "never", "systemctl stop --no-block unit-draining",
                "ExecStop=sleep 300", "TimeoutStopSec=330")  # fmt: skip
    renamed = _unit(box, "unit-name-mistyped", "configuration", "never", None)
    yield renamed._replace(after={"unit": "unit-name-mistypd.service"})


def _ends(name: str, code: int) -> str:
    return f"echo {code} >/run/bad-{name}; systemctl kill --signal=KILL {name}"


def _unit(box: SystemdBox, name: str, label: str, restart: Restart, breaks: str | None, *lines: str) -> Scenario:
    """A unit in /run, so that it can be masked in /etc."""
    head = ["[Unit]", "StartLimitIntervalSec=0", "[Service]", f"ExecStart={_PROGRAM}", *lines, ""]
    argv = [
        "docker",
        "exec",
        "-i",
        box.name,
        "sh",
        "-c",
        f"mkdir -p /run/systemd/system; cat >/run/systemd/system/{name}.service",
    ]
    subprocess.run(argv, input="\n".join(head), text=True, capture_output=True, timeout=60, check=True)
    box.systemctl("daemon-reload")
    box.systemctl("start", name)
    settings = {"unit": f"{name}.service", "systemctl": list(box.prefix)}
    fail: Callable[[], object] = nothing if breaks is None else lambda: box.shell(breaks)
    step = {"action": "systemd", **settings}
    return Scenario(name, "service", label, restart, settings, fail, steps=(step,), keys=_PATIENT)


def containers(place: Place) -> Iterator[Scenario]:
    """Containers of Docker."""
    need_image("busybox", BUSYBOX)
    for name, restart, words in (
        ("container-killed", "must", ("kill",)),
        ("container-paused", "must", ("pause",)),
        ("container-stopped-by-a-person", "never", ("stop", "--time", "1")),
    ):
        yield _container(place, name, restart, words)  # type: ignore[arg-type]


def _container(place: Place, id_: str, restart: Restart, words: tuple[str, ...]) -> Scenario:
    name = unique("agents")
    docker("run", "--detach", "--network=none", "--stop-signal=SIGKILL", "--name", name, BUSYBOX, "sleep", "3600")
    place.stack.callback(
        subprocess.run, ["docker", "rm", "--force", name], capture_output=True, timeout=60, check=False
    )
    settings = {"container": name}
    return Scenario(id_, "docker", "process", restart, settings, lambda: docker(*words, name),
                    steps=({"action": "docker", **settings},), keys=_PATIENT)  # fmt: skip
