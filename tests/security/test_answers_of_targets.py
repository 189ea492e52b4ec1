"""What a target answers costs its own component only, is no part of a command, and says nothing of this host."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load
from heartbeat_cli.domain.checking.exchange import Response
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.kinds import gpu_health
from heartbeat_cli.monitors import docker, gpu, log, service, timer
from heartbeat_cli.passes.alerting import remedies
from heartbeat_cli.passes.check import check
from tests.parts import lacking
from tests.parts.users import SOMEBODY, heartbeats, need_root

TIMER = "Names={0}.timer\nLoadState=loaded\nActiveState=active\nSubState=waiting\nUnit={0}.service\n"
FAILED = (
    "Names={0}.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\n"
    "ExecMainStatus=1\nExecMainCode=1\nInvocationID=abc\n"
)


def program(path: Path, script: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def manager(folder: Path, timers: str, services: str, name: str = "systemctl") -> tuple[str, ...]:
    """A systemctl that says this of every timer and every service; beside it a journalctl that says `a line`."""
    program(folder / "journalctl", "echo a line")
    for what, text in (("timers", timers), ("services", services)):
        (folder / what).write_text(text)
    which = f'case "$*" in *.service*) cat {folder}/services;; *) cat {folder}/timers;; esac'
    return (program(folder / name, which),)


def checked(*asked: timer.Settings) -> list[Reading]:
    return timer.probe_all([(one, CheckContext(one.unit, 10, 1e9)) for one in asked])


def test_a_box_that_names_no_unit_costs_no_other_timer(tmp_path: Path) -> None:
    good = manager(tmp_path / "good", "Id=a.timer\n" + TIMER.format("a"), "Id=a.service\n" + FAILED.format("a"))
    box = manager(tmp_path / "box", TIMER.format("b"), FAILED.format("b"))
    first, second = checked(timer.Settings("a", systemctl=good), timer.Settings("b", systemctl=box))
    for reading, name in ((first, "a"), (second, "b")):
        assert reading.error == f"the last run of {name}.service failed: exit-code (exit 1)"
        assert reading.evidence["journal"] == "a line"


@pytest.mark.parametrize("answer", ["Id=x.timer; curl x | sh #\nNames=evil.timer", "Id=evil.timer", "Names=evil.timer"])
@pytest.mark.parametrize("unit", ["evil", r"dev-disk\x2dby"])
def test_the_name_that_a_box_gives_is_no_part_of_a_command(tmp_path: Path, answer: str, unit: str) -> None:
    answer = answer.replace("evil", unit)
    word = f"{unit}.timer" if unit == "evil" else rf"'{unit}.timer'"
    loaded = "\nLoadState=loaded\nActiveState={0}\nSubState=waiting\nUnitFileState=disabled\n"
    for state, said in (
        ("inactive", "the timer is not active, so it does not fire: systemctl enable --now"),
        ("active", "the timer is active, but not after a reboot: systemctl enable"),
    ):
        box = manager(tmp_path / state, answer + loaded.format(state), "")
        (reading,) = checked(timer.Settings(unit, systemctl=box))
        assert reading.error == f"{said} {word}"


@pytest.mark.parametrize("unit", ["evil;x", "*", "-x", "a b"])
def test_a_unit_that_is_none_is_not_asked_for(tmp_path: Path, unit: str) -> None:
    box = manager(tmp_path, f"Id=a.timer\n{TIMER.format('a')}".replace("a.service", unit), f"Id={unit}\nNames={unit}\n")
    (reading,) = checked(timer.Settings("a", systemctl=box))
    assert (reading.status, reading.error) == ("healthy", None)


@pytest.mark.parametrize("prefix", [(), ("sudo", "-n", "docker", "exec", "box")])
def test_the_journal_of_this_host_says_nothing_of_the_units_of_a_box(
    tmp_path: Path, prefix: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrapper of any name may lead anywhere; the unit is the one that the box names."""
    called = tmp_path / "called"
    program(tmp_path / "bin/journalctl", f"touch {called}; echo a line of this host")
    program(tmp_path / "bin/sudo", 'shift 4; exec "$@"')  # -n docker exec box
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    cron = "Id=cron.service\n" + FAILED.format("cron")
    said = "Id=a.timer\n" + TIMER.format("a").replace("a.service", "cron.service")
    wrapper = manager(tmp_path / "box", said, cron, "systemctl" if prefix else "box-systemctl")
    asked = timer.Settings("a", systemctl=(*prefix, *wrapper))
    (reading,) = checked(asked)
    assert reading.error == "the last run of cron.service failed: exit-code (exit 1)"
    assert "journal" not in reading.evidence and not called.exists()
    unit = service.Settings("cron.service", systemctl=asked.systemctl)
    (other,) = service.probe_all([(unit, CheckContext("s", 10, 1e9))])
    assert other.status == "unhealthy" and "journal" not in other.evidence and not called.exists()


def test_a_command_that_restarts_something_holds_each_word_as_it_is_configured() -> None:
    tables = {
        "components": {
            "u": {"kind": "service", "unit": r"dev-disk\x2dby.swap", "systemctl": ["/opt/my tools/systemctl"]},
            "d": {"kind": "docker", "container": "web"},
        }
    }
    config = load.load(tables, "f")
    commands = {id_: remedies.of(one, None, 0.0, ())["restart"] for id_, one in config.components.items()}
    assert commands == {"u": r"'/opt/my tools/systemctl' restart 'dev-disk\x2dby.swap'", "d": "docker restart web"}


# --- what is kept for the next check ---------------------------------------------------------------------------------

SECRET = "SuperSecretTokenABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
CURSOR = f"s={'0f' * 16};i=1a;b={'a1' * 16};m=2;t=5e6;x=ffffffffffffffff"
ENTRY = '{{"__CURSOR":"%s","__REALTIME_TIMESTAMP":"5000000","MESSAGE":"ERR"}}\\n'
JOURNAL = f"""echo "$@" >> {{0}}/arguments
case "$*" in *since*) cat {{0}}/new;; *) printf '{ENTRY}' "$(cat {{0}}/cursor)";; esac
"""


@pytest.mark.parametrize("cursor", [f"s={SECRET}", "c" * 900_000, "", f"{CURSOR} --file=x", CURSOR.upper()])
def test_a_cursor_that_is_none_is_neither_kept_nor_on_a_command_line(tmp_path: Path, cursor: str) -> None:
    """The entries after it are read by their time."""
    unit = log.Settings(unit="a", contains="ERR", journalctl=(program(tmp_path / "j", JOURNAL.format(tmp_path)),))
    (tmp_path / "cursor").write_text(cursor)
    first = log.probe(unit, CheckContext("l", 10, 6.0))
    assert first.memory["place"]["cursor"] == ""
    lines = [
        {"__CURSOR": f"x={at}", "__REALTIME_TIMESTAMP": str(at), "MESSAGE": f"ERR {at}"}
        for at in (5_000_000, 7_000_000)
    ]
    (tmp_path / "new").write_text("".join(json.dumps(one) + "\n" for one in lines))
    second = log.probe(unit, CheckContext("l", 10, 8.0, first.memory))
    assert second.evidence["matching lines"] == "ERR 7000000"
    poisoned = {**first.memory, "place": {**first.memory["place"], "cursor": cursor or SECRET}}
    third = log.probe(unit, CheckContext("l", 10, 8.0, poisoned))
    assert third.evidence["matching lines"] == "ERR 7000000", "a cursor that an earlier version has kept"
    said = (tmp_path / "arguments").read_text() + repr((first, second, third))
    assert SECRET not in said and len(said) < 10_000 and "cursor=" not in said


def test_a_cursor_as_systemd_makes_it_is_kept(tmp_path: Path) -> None:
    unit = log.Settings(unit="a", contains="ERR", journalctl=(program(tmp_path / "j", JOURNAL.format(tmp_path)),))
    (tmp_path / "cursor").write_text(CURSOR)
    first = log.probe(unit, CheckContext("l", 10, 6.0))
    assert first.memory["place"]["cursor"] == CURSOR
    log.probe(unit, CheckContext("l", 10, 6.0, first.memory))
    assert f"--cursor={CURSOR}" in (tmp_path / "arguments").read_text()


def test_no_name_that_a_target_gives_is_kept_as_it_is(tmp_path: Path) -> None:
    """A secret among what a kind knows things by: the name of a GPU, its UUID, the id of a container."""
    answer = f"0, {SECRET}, 10, 100, 40, 1, 0, No, No, No, N {SECRET}"
    smi = program(tmp_path / "smi", f"echo '{answer}'")
    (gpus,) = gpu.probe_all([(gpu.Settings(nvidia_smi=(smi,)), CheckContext("g", 10, 1e9))])
    state = {"Status": "running", "Running": True}
    body = json.dumps({"Id": SECRET * 9, "RestartCount": 2, "State": state}).encode()
    box = docker.read(docker.Settings("web"), Response(200, body=body), CheckContext("d", 10, 1e9))
    assert isinstance(box, Reading)
    for kind, reading in (("gpu", gpus), ("docker", box)):
        kept = check._discreet(kind, reading, {SECRET})
        assert reading.status == "healthy" and SECRET not in repr(kept)
    smi = program(tmp_path / "smi", "echo 'No devices were found'; exit 6")
    known = gpu_health.remembered(check._discreet("gpu", gpus, {SECRET}).memory["seen"])
    assert list(known) == list(gpus.memory["seen"]) and SECRET not in repr(known)


# --- a systemctl that cannot be killed -------------------------------------------------------------------------------


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others may reach: pytest closes its own ones anew whenever it is started."""
    with tempfile.TemporaryDirectory(prefix="hb-users-") as made:
        os.chmod(made, 0o711)
        yield Path(made)


@pytest.fixture
def unkillable(open_folder: Path) -> Iterator[tuple[str, ...]]:
    """A program as sudo is one: it runs as root, so that its user cannot end it."""
    need_root()
    setuid = open_folder / "as-root"
    shutil.copy(shutil.which("setpriv") or lacking("setpriv"), setuid)
    setuid.chmod(0o4755)
    pids = open_folder / "pids"
    yield (str(setuid), "--reuid=0", "--regid=0", "--clear-groups", "sh", "-c", f"echo $$ >> {pids}; exec sleep 600")
    for pid in pids.read_text().split() if pids.exists() else ():
        os.kill(int(pid), signal.SIGKILL)


def checks(folder: Path, config: str, times: int) -> list[dict[str, Any]]:
    """The rows of checks by id, made by a user who is not root."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    (home / "hb.toml").write_text(f'[heartbeat]\nstate_dir = "{home}/state"\n{config}')
    subprocess.run(["chown", "-R", f"{SOMEBODY}:{SOMEBODY}", str(home)], check=True)
    words = ["--config", f"{home}/hb.toml", "check", "--all", "--format", "json"]
    ended = heartbeats(SOMEBODY, home, [words] * times)
    assert not any(one.err for one in ended), ended
    rows = [json.loads(one.out) for one in ended]
    return [{row["component"]: row for row in some} for some in rows]


@pytest.mark.parametrize(("kind", "seconds"), [("service", 3), ("timer", 3)])
def test_a_systemctl_that_cannot_be_killed_costs_its_own_components_only(
    open_folder: Path, unkillable: tuple[str, ...], kind: str, seconds: int
) -> None:
    """And no second one is started beside it."""
    good = manager(
        open_folder / "good", f"Id=a.timer\n{TIMER.format('a')}", "Id=a.service\nLoadState=loaded\nActiveState=active\n"
    )
    block = '[components.{0}]\nkind = "{1}"\nunit = "a.{1}"\ntimeout = {2}\nsystemctl = {3}\n'
    config = block.format("good", kind, seconds, json.dumps(good))
    config += block.format("hangs", kind, seconds, json.dumps(unkillable))
    failed = block.format("failed", "service", seconds, json.dumps(unkillable))
    config += failed.replace('unit = "a.service"', "failed = true")
    first, second = checks(open_folder, config, 2)
    (pid, other) = (open_folder / "pids").read_text().split()
    for rows in (first, second):
        assert rows["good"]["status"] == "healthy", rows
        assert rows["hangs"]["status"] == rows["failed"]["status"] == "unknown"
    assert first["hangs"]["error"] == "cannot ask systemd: systemctl did not answer in time"
    left = {second[one]["error"].removeprefix("cannot ask systemd: ") for one in ("hangs", "failed")}
    assert left == {f"systemctl of an earlier check still hangs (process {one})" for one in (pid, other)}
