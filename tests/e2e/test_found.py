"""Containers and units that come and go beside a running cron: watched, healed and forgotten without an edit."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.parts.docker import BUSYBOX, docker, need_image, unique
from tests.parts.http import Answer, healthy_server
from tests.parts.systemd import SystemdBox
from tests.parts.verb import Ended, heartbeat

HEAD = """
[heartbeat]
observer = "here"
store = "sqlite:///{folder}/store.db"
state_dir = "{folder}/state"
[recovery]
startup_grace = 5
[channels.log]
kind = "file"
path = "{folder}/told.jsonl"
[components.web]
kind = "{kind}"
interval = 0.01
fail_threshold = 2
recovery_threshold = 1
confirm_every = 0
name = "Web {{name}}"
"""


class Site:
    """A configuration with one block, `web`."""

    def __init__(self, folder: Path, kind: str, block: str) -> None:
        self.folder = folder
        (folder / "heartbeat.toml").write_text(HEAD.format(folder=folder, kind=kind) + block)

    def verb(self, *words: str, **env: Any) -> Ended:
        ended = heartbeat(self.folder, *words, **env)
        assert "Traceback" not in ended.err and "internal" not in ended.err, ended.err
        return ended

    def run(self, times: int = 1, **env: Any) -> None:
        for _ in range(times):
            ended = self.verb("run", **env)
            assert ended.code == 0, ended.err

    def status(self) -> dict[str, Any]:
        rows = json.loads(self.verb("status", "--format", "json").out)
        return {row["component"]: row for row in (rows["components"] if isinstance(rows, dict) else rows)}

    def told(self) -> list[str]:
        """What people have been notified of, in order: a fault that ends soon is one message."""
        found = reversed(json.loads(self.verb("alerts", "--format", "json").out))
        sent = [one for one in found if any(way["state"] == "sent" for way in one["notifications"])]
        return [f"{one['alert_type']} {one['component']}" for one in sent]


@pytest.fixture
def label() -> str:
    need_image("busybox", BUSYBOX)
    return f"heartbeat.test={unique('found')}"


@pytest.fixture
def names() -> Iterator[list[str]]:
    made: list[str] = []
    yield made
    for name in made:
        docker("rm", "--force", name)


def start(names: list[str], label: str, *more: str) -> str:
    name = unique("found")
    names.append(name)
    docker(
        "run", "--detach", "--network=none", "--label", label, "--name", name, *more, BUSYBOX, "busybox", "sleep", "600"
    )
    return name


@pytest.mark.docker
def test_a_container_is_watched_healed_and_forgotten(tmp_path: Path, label: str, names: list[str]) -> None:
    site = Site(tmp_path, "docker", f'match = {{ label = "{label}" }}\n')
    site.run()
    assert site.status() == {}
    one = start(names, label)
    site.run()
    assert list(site.status()) == [f"web/{one}"] and site.status()[f"web/{one}"]["name"] == f"Web {one}"
    docker("kill", one)
    site.run(4)
    assert docker("inspect", "--format={{.State.Running}}", one) == "true"
    assert site.status()[f"web/{one}"]["state"] == "healthy"
    two = start(names, label)
    site.run()
    assert set(site.status()) == {f"web/{one}", f"web/{two}"}
    docker("rm", "--force", two)
    site.run()
    assert set(site.status()) == {f"web/{one}"}
    assert site.told() == [f"docker_down web/{one}", f"recovered web/{one}"]


@pytest.mark.docker
def test_what_is_removed_in_a_fault_is_forgotten_with_a_word(tmp_path: Path, label: str, names: list[str]) -> None:
    site = Site(tmp_path, "docker", f'match = {{ label = "{label}" }}\nrecovery = "off"\n')
    one = start(names, label)
    site.run()
    docker("stop", "--time=0", one)
    site.run(3)
    assert site.told() == [f"docker_down web/{one}"]  # stopped, not removed: down
    docker("rm", "--force", one)
    site.run()
    assert site.told() == [f"docker_down web/{one}", f"unwatched web/{one}"] and site.status() == {}


@pytest.mark.docker
def test_an_engine_that_does_not_answer_forgets_nothing(tmp_path: Path, label: str, names: list[str]) -> None:
    socket = tmp_path / "docker.sock"
    socket.symlink_to("/var/run/docker.sock")
    site = Site(tmp_path, "docker", f'match = {{ label = "{label}" }}\nhost = "unix://{socket}"\n')
    one = start(names, label)
    site.run()
    socket.unlink()
    site.run(4)
    row = site.status()[f"web/{one}"]
    assert row["unobserved"] and row["state"] == "healthy"
    assert [told.split()[0] for told in site.told()] == ["docker_unobserved"]
    socket.symlink_to("/var/run/docker.sock")
    site.run()
    assert not site.status()[f"web/{one}"]["unobserved"]


@pytest.mark.docker
@pytest.mark.parametrize(
    ("match", "fits"), [("name = '{0}'", True), ("name = '{0}x*'", False), ("project = 'p-{0}'", True)]
)
def test_names_and_projects_match_too(tmp_path: Path, label: str, names: list[str], match: str, fits: bool) -> None:
    one = unique("found")
    names.append(one)
    project = f"com.docker.compose.project=p-{one}"
    argv = ("--label", project, "--name", one, BUSYBOX, "busybox", "sleep", "600")
    docker("run", "--detach", "--network=none", *argv)
    oneoff = start(names, project, "--label", "com.docker.compose.oneoff=True")
    site = Site(tmp_path, "docker", f"match = {{ {match.format(one)} }}\n")
    site.run()
    assert list(site.status()) == ([f"web/{one}"] if fits else []) and f"web/{oneoff}" not in site.status()


@pytest.mark.docker
@pytest.mark.systemd
def test_units_come_stop_and_go(tmp_path: Path, systemd_box: SystemdBox) -> None:
    box = systemd_box
    for name in ("found-a@1.service", "found-a@2.service"):
        box.try_systemctl("stop", name)
    box.write_unit("found-a@.service", "[Service]\nExecStart=/bin/sleep 600\n[Install]\nWantedBy=multi-user.target\n")
    box.systemctl("enable", "--now", "found-a@1.service")
    site = Site(
        tmp_path, "service",
        f'match = {{ unit = "found-a@*.service" }}\nsystemctl = {json.dumps(box.prefix)}\nrecovery = "off"\n',
    )  # fmt: skip
    site.run()
    (first,) = site.status()
    assert first.startswith("web/found-a_1.service-")
    box.systemctl("start", "found-a@2.service")  # it runs, and is not enabled
    site.run()
    assert len(site.status()) == 2
    box.systemctl("stop", "found-a@1.service")
    site.run(3)
    assert site.told() == [f"service_down {first}"]  # what stopped is down, though systemd has unloaded it
    box.systemctl("start", "found-a@1.service")
    site.run(2)
    assert site.told()[-1] == f"recovered {first}"
    box.systemctl("disable", "--now", "found-a@1.service")
    box.systemctl("stop", "found-a@2.service")
    box.shell("rm /etc/systemd/system/found-a@.service; systemctl daemon-reload; systemctl reset-failed")
    site.run()
    assert site.status() == {}


@pytest.mark.docker
@pytest.mark.systemd
def test_a_job_that_ended_well_is_no_fault_and_one_that_failed_is(tmp_path: Path, systemd_box: SystemdBox) -> None:
    box = systemd_box
    job = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'read code </run/fj; exit $code'\n"
    box.write_unit("fj-timed.service", job)
    box.write_unit("fj-timed.timer", "[Timer]\nOnCalendar=yearly\n")
    box.write_unit(
        "fj-boot.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
    )
    box.shell("rm -f /run/fj; mkfifo /run/fj")
    box.systemctl("enable", "--now", "fj-boot.service", "fj-timed.timer")
    block = f'match = {{ unit = "fj-*.service" }}\nsystemctl = {json.dumps(box.prefix)}\nrecovery = "off"\n'
    site = Site(tmp_path, "service", block)

    def ends(code: int, state: str) -> None:
        box.systemctl("start", "--no-block", "fj-timed.service")
        box.wait("fj-timed.service", "ActiveState", "activating")
        site.run()
        box.shell(f"echo {code} >/run/fj")
        box.wait("fj-timed.service", "ActiveState", state)
        site.run(3)

    ends(0, "inactive")
    assert {one["state"] for one in site.status().values()} == {"healthy"} and len(site.status()) == 2
    assert site.told() == []
    ends(3, "failed")
    assert site.told() == ["service_down web/fj-timed.service"]
    ends(0, "inactive")
    assert site.told()[-1] == "recovered web/fj-timed.service"


@pytest.mark.docker
def test_runs_with_another_engine_close_nothing(tmp_path: Path, label: str, names: list[str]) -> None:
    """As by hand, with $DOCKER_HOST set: that engine does not know what the other one has."""
    site = Site(tmp_path, "docker", f'match = {{ label = "{label}" }}\nrecovery = "off"\n')
    one = start(names, label)
    site.run()
    docker("stop", "--time=0", one)
    site.run(3)
    with healthy_server(Answer(200, b"[]")) as other:
        site.run(3, DOCKER_HOST=other.url.replace("http:", "tcp:"))
    site.run()
    assert site.told() == [f"docker_down web/{one}"] and site.status()[f"web/{one}"]["state"] == "fault"
    docker("rm", "--force", one)
    site.run()
    assert site.told()[-1] == f"unwatched web/{one}"
