"""Killed between any two steps of a recovery, the next runs neither restart needlessly nor forget to."""

import json
import os
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.parts.docker import RunContainer, unique, wait_for
from tests.parts.forked import Forked
from tests.parts.kill_points import GRACE, Fault, Story, plays, rows, told_of
from tests.parts.postgres import fresh_database
from tests.parts.systemd import SystemdBox

_COMPONENT = 'kind = "command"\ncommand = ["/usr/bin/test", "-e", "{folder}/well"]\nexit_codes = "plain"'


def step(name: str, then: str = ":") -> str:
    line = f"cd {{folder}}; echo {name} >> done; {then}"
    return f'{{ action = "command", command = ["/bin/sh", "-c", "{line}"] }}'


def fault(*steps: str) -> Fault:
    return Fault(_COMPONENT, ", ".join(steps), ("cat", "{folder}/done"))


CURED = fault(step("one", "touch well"))
CURED_LATE = fault(step("one"), step("two", "touch well"))
NOT_CURED = fault(step("one", "exit 3").replace(" }", ", tries = 1 }"))


_SOON = 5.0  # seconds that a component has to come up by a step whose run was killed, and of which nothing is left


def told_once(story: Story, *more: str) -> None:
    assert story.told == ["command_down", *more, "recovered"], story
    assert set(story.outcomes) <= {"done", "cut off", "failed"}, story
    assert story.tried == story.outcomes, story


def test_the_step_that_heals_is_taken_once(tmp_path: Path) -> None:
    for story in plays(
        tmp_path, [CURED], {"recover.py": 9, "step_executor.py": 5, "recoveries.py": 2, "process.py": 4}
    ):
        told_once(story)
        assert story.steps == ["one"], story
        assert story.outcomes in (["done"], ["cut off"], ["cut off", "done"]), story
        assert story.rows[-1].verified, story


def taken_in_turn(story: Story) -> None:
    told_once(story)
    assert story.steps in (["one", "two"], ["one", "one", "two"]), story
    assert story.outcomes in (["done", "done"], ["cut off", "done", "done"]), story
    if story.steps.count("one") == 2:
        assert story.began("one", 2) >= story.began("one") + _SOON, story
    assert story.rows[-1].started >= story.rows[-2].started + GRACE, story
    assert story.rows[-1].verified, story


def test_a_step_that_does_not_heal_has_its_time_before_any_other(tmp_path: Path) -> None:
    for story in plays(tmp_path, [CURED_LATE], {"recover.py": 4, "step_executor.py": 3, "process.py": 3}):
        taken_in_turn(story)


def test_on_postgresql(tmp_path: Path, postgres_server: str) -> None:
    spread = {"recover.py": 2, "step_executor.py": 1, "process.py": 1}
    with ExitStack() as stack:
        stores = [stack.enter_context(fresh_database(postgres_server)) for _ in range(sum(spread.values()) + 1)]
        for story in plays(tmp_path, [CURED_LATE], spread, stores):
            taken_in_turn(story)


def test_help_is_called_once(tmp_path: Path) -> None:
    for story in plays(tmp_path, [NOT_CURED], {"handoff.py": 5, "recover.py": 3, "process.py": 2}):
        told_once(story, "recovery_failed")
        assert story.steps in (["one"], ["one", "one"]), story
        assert story.outcomes in (["failed"], ["cut off", "failed"]), story
        if len(story.steps) == 2:
            assert story.began("one", 2) >= story.began("one") + _SOON, story


# --- actions that can be asked whether their step took place ---------------------------------------------------------

_AT_START = "echo start >> /starts-{name}; touch /well-{name}; exec sleep 600"
# As short as a busy machine allows. `docker exec`, with which it is looked at, may take seconds there: a component that
# is not seen well within its grace is restarted once more, and rightly so.
_QUICK = {"timeout": 15.0, "startup_grace": 12.0, "verify_wait": 10.0}
_LOOK = 20  # seconds that a look may take


def in_container(box: str, name: str, step: str) -> Fault:
    """One that is not well, though it runs, until it is started anew; it counts its starts itself."""
    look = (
        f'kind = "command"\ncommand = ["docker", "exec", "{box}", "test", "-e", "/well-{name}"]\nexit_codes = "plain"'
        f"\ntimeout = {_LOOK}"
    )
    argv = ["docker", "exec", box, "rm", f"/well-{name}"]
    wait_for(lambda: subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 0, "its start")
    return Fault(look, step, ("docker", "exec", box, "cat", f"/starts-{name}"), real=True)


def restarted_once(story: Story) -> None:
    assert story.told == ["command_down", "recovered"], story
    assert story.steps == ["start", "start"], story  # the first one is its own
    assert story.outcomes in (["done"], ["cut off"], ["lost", "done"], ["lost", "cut off"]), story
    assert story.tried == story.outcomes and story.rows[-1].verified, story


@pytest.mark.docker
def test_a_container_is_restarted_once_whatever_moment_it_was(tmp_path: Path, run_container: RunContainer) -> None:
    spread, parts = {"recover.py": 1, "step_executor.py": 1, "docker.py": 2}, 4
    faults = []
    for number in range(sum(spread.values()) + parts):
        box = run_container(command=("sh", "-c", _AT_START.format(name=number)))
        faults.append(in_container(box, str(number), f'{{ action = "docker", container = "{box}" }}'))
    time.sleep(_QUICK["startup_grace"])  # what has just been started is left alone
    for story in plays(tmp_path, faults, spread, parts=parts, recovery=_QUICK):
        restarted_once(story)


@pytest.mark.systemd
def test_a_unit_is_restarted_once_whatever_moment_it_was(tmp_path: Path, systemd_box: SystemdBox) -> None:
    spread, parts = {"step_executor.py": 1, "systemd.py": 2, "process.py": 1}, 4
    faults = []
    for _ in range(sum(spread.values()) + parts):
        name, line = unique("kill"), "ExecStart=/bin/sh -c '{}'"
        unit = systemd_box.service(f"{name}.service", line.format(_AT_START.format(name=name)), start=True)
        systemctl = json.dumps(systemd_box.prefix)
        step = f'{{ action = "systemd", unit = "{unit}", systemctl = {systemctl} }}'
        faults.append(in_container(systemd_box.name, name, step))
    time.sleep(_QUICK["startup_grace"])  # what has just been started is left alone
    for story in plays(tmp_path, faults, spread, parts=parts, recovery=_QUICK):
        restarted_once(story)


# --- together with others --------------------------------------------------------------------------------------------


class Host:
    """One that watches the same component, with a state folder of its own; its step heals when somebody says `go`."""

    def __init__(self, folder: Path, name: str, store: str) -> None:
        self.folder, self.store = folder, store
        self.config = folder / f"{name}.toml"
        work = f"cd {folder}; echo one >> done; until [ -e go ]; do sleep 0.05; done; touch well"
        self.config.write_text(f"""
            [heartbeat]
            store = "{store}"
            state_dir = "{folder}/{name}"
            observer = "{name}"
            [recovery]
            timeout = 20
            verify_wait = 1
            backoff = 0
            [channels.log]
            kind = "file"
            path = "{folder}/told.jsonl"
            [components.main]
            kind = "command"
            command = ["/usr/bin/test", "-e", "{folder}/well"]
            exit_codes = "plain"
            interval = 0.01
            retries = 0
            recovery = {{ ladder = [{{ action = "command", command = ["/bin/sh", "-c", "{work}"] }}] }}
            """)

    def begin(self, verb: str) -> Forked:
        """A process group of its own, as cron starts it."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return Forked(["--config", str(self.config), verb], self.folder, environment, session=True)

    def heartbeat(self, verb: str) -> str:
        said, complaint = (one := self.begin(verb)).communicate()
        assert one.returncode in (0, 1) and not complaint, complaint
        return said

    def check(self) -> None:
        self.heartbeat("check")
        self.heartbeat("detect")

    @property
    def done(self) -> list[str]:
        path = self.folder / "done"
        return path.read_text().split() if path.exists() else []

    def ends_well(self, *others: "Host") -> None:
        """The step gets its word; then all see the fault over, it is told of once, and the step has its credit."""
        (self.folder / "go").touch()
        wait_for((self.folder / "well").exists, "the step's end")
        for host in (*others, self) * 3:
            host.heartbeat("run")
        assert told_of(self.folder / "told.jsonl", self.store) == ["command_down", "recovered"]
        assert self.done == ["one"]


def killed_in_its_step(host: Host, verb: str) -> None:
    one = host.begin(verb)
    wait_for(lambda: host.done, "the step")
    os.killpg(one.pid, signal.SIGKILL)
    one.communicate()


def test_a_step_that_outlives_its_killed_process_group_gets_no_second_beside_it(tmp_path: Path) -> None:
    host = Host(tmp_path, "one", f"sqlite:///{tmp_path}/store.db")
    for _ in range(2):
        host.heartbeat("run")
    killed_in_its_step(host, "run")
    for _ in range(2):
        host.heartbeat("run")
    assert "left to come up" in host.heartbeat("recover")
    assert host.done == ["one"]
    host.ends_well()
    assert [(row.outcome, bool(row.verified)) for row in rows(host.store)] == [("cut off", True)]


def test_two_hosts_at_once_take_one_step(tmp_path: Path, database: str) -> None:
    hosts = [Host(tmp_path, name, database) for name in ("one", "two")]
    for host in hosts * 3:
        host.check()
    running = [host.begin("recover") for host in hosts]
    wait_for(lambda: any(one.poll() is not None for one in running), "the one that has nothing to do")
    (tmp_path / "go").touch()
    said = [one.communicate()[0] for one in running]
    assert sorted(line.split()[1].rstrip(":") for line in said) in (["held", "ran"], ["ran", "wait"]), said
    hosts[0].ends_well(hosts[1])
    assert [row.outcome for row in rows(database)] == ["done"]


def test_killed_beside_another_host_that_was_killed_in_its_step(tmp_path: Path, database: str) -> None:
    one, two = (Host(tmp_path, name, database) for name in ("one", "two"))
    for host in (one, two) * 3:
        host.check()
    killed_in_its_step(one, "recover")
    for seconds in (0.2, 0.4):
        beside = two.begin("run")
        time.sleep(seconds)
        beside.kill()
        beside.communicate()
    assert "may still be at work" in two.heartbeat("recover")
    assert one.done == ["one"]
    two.ends_well(one)
    assert [(row.outcome, bool(row.verified)) for row in rows(database)] == [("cut off", True)]
