"""Real processes of this host, of this user and of another one: running, ended, renamed, as zombies, in a unit."""

import itertools
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.config import load
from heartbeat_cli.domain.category import PROCESS, Failure
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.kinds import processes as known
from heartbeat_cli.domain.kinds import sizes
from heartbeat_cli.domain.kinds.process_limits import Limits, Seen, judge
from heartbeat_cli.errors import ConfigError, Unobservable
from heartbeat_cli.monitors import _process_units as units
from heartbeat_cli.monitors import process
from heartbeat_cli.monitors._systemctl import Answer
from heartbeat_cli.monitors.process import Settings
from heartbeat_cli.passes.check.engine import Asked, run_checks
from heartbeat_cli.system import processes as of_host
from tests.parts import lacking, scratch, users
from tests.parts.docker import docker, wait_for
from tests.parts.systemd import SystemdBox

OURS = str(os.geteuid())
_NUMBERS = itertools.count(1)

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs that print a line once they are ready, and ends them."""
    children: list[subprocess.Popen[bytes]] = []

    def begin(*argv: str, **more: Any) -> "subprocess.Popen[bytes]":
        children.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.PIPE, **more))
        assert children[-1].stdout is not None and children[-1].stdout.readline(), f"{argv} did not start"
        return children[-1]

    yield begin
    for child in children:
        child.kill()
        child.communicate()


def python(code: str, *arguments: str) -> list[str]:
    """A program that does something, says that it is ready, and waits for the end of its input."""
    return [sys.executable, "-c", f"{code}\nprint(flush=True)\nimport sys; sys.stdin.read()", *arguments]


def named(name: str) -> list[str]:
    return python(f"open('/proc/self/comm', 'w').write({name!r})")


def unused() -> str:
    """A name that no other process has: 15 bytes at most."""
    return f"t{os.getpid()}x{next(_NUMBERS)}"


def check(settings: Settings, memory: Mapping[str, Any] | None = None, now: float | None = None) -> Reading:
    (reading,) = process.probe_all([(settings, CheckContext("it", 20.0, now or time.time(), memory or {}))])
    return reading


def values(reading: Reading) -> dict[str, float]:
    return {metric.name: metric.value for metric in reading.metrics}


def said(reading: Reading) -> tuple[str, str | None]:
    return reading.status, reading.error


# --- by name ---------------------------------------------------------------------------------------------------------


def test_one_that_runs_and_then_does_not(start: Start) -> None:
    name = unused()
    child = start(*named(name))
    reading = check(Settings(name))
    assert said(reading) == ("healthy", None) and not reading.evidence
    found = values(reading)
    assert found["count"] == 1 and found["memory_bytes"] > 1_000_000 and 0 <= found["oldest_age_seconds"] < 60
    assert "cpu_percent" not in found, "one check knows no share of the time between two"
    child.kill()
    child.wait()
    reading = check(Settings(name))
    assert said(reading) == ("unhealthy", f"not running: no process is named {name}")
    assert (reading.failure, reading.certain, values(reading)["count"]) == (PROCESS, True, 0)


def test_a_zombie_does_not_run(start: Start) -> None:
    name = unused()
    child = start(*named(name))
    child.kill()
    wait_for(lambda: Path(f"/proc/{child.pid}/stat").read_text().rpartition(") ")[2][0] == "Z", "a zombie")
    reading = check(Settings(name))
    assert said(reading) == ("unhealthy", "not running: 1 zombie is left of it")
    assert reading.certain


def test_a_stopped_process_runs(start: Start) -> None:
    name = unused()
    child = start(*named(name))
    child.send_signal(19)
    wait_for(lambda: Path(f"/proc/{child.pid}/stat").read_text().rpartition(") ")[2][0] == "T", "a stopped process")
    assert check(Settings(name)).status == "healthy"


def test_a_process_that_changes_its_name_is_found_by_the_one_it_has(start: Start) -> None:
    before, after = unused(), unused()
    child = start(*python(f"open('/proc/self/comm', 'w').write({before!r})\nprint(flush=True)\ninput()"
                          f"\nopen('/proc/self/comm', 'w').write({after!r})"))  # fmt: skip
    assert [check(Settings(name)).status for name in (before, after)] == ["healthy", "unhealthy"]
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(b"\n")
    child.stdin.flush()
    child.stdout.readline()
    assert [check(Settings(name)).status for name in (before, after)] == ["unhealthy", "healthy"]


def test_names_are_cut_as_the_kernel_cuts_them_and_may_hold_anything(start: Start) -> None:
    name = f"{unused()} a) (b) R 1 and much more"
    start(*named(name))
    assert check(Settings(name)).status == "healthy"
    assert check(Settings(f"{name[:5]}*")).status == "healthy"
    assert check(Settings(f"{name[:5]}[0-9]")).status == "unhealthy"


def test_too_few_and_too_many(start: Start) -> None:
    name = unused()
    for _ in range(3):
        start(*named(name))
    assert said(check(Settings(name, count_=4))) == ("unhealthy", "3 of 4 processes run")
    assert not check(Settings(name, count_=4)).certain, "something runs there"
    assert said(check(Settings(name, count_=3, max_count=3))) == ("healthy", None)
    reading = check(Settings(name, max_count=2))
    assert said(reading) == ("unhealthy", "3 processes run (limit 2)")
    assert reading.evidence["processes"].count(f"{name} (pid ") == 3
    assert check(Settings(name, count_=0, max_count=0)).status == "unhealthy"
    assert check(Settings(unused(), count_=0, max_count=0)).status == "healthy"


# --- by command line and owner ---------------------------------------------------------------------------------------


def test_a_text_in_the_command_line(start: Start) -> None:
    mark = f"--queue={unused()}"
    start(*python("pass", mark, "b c"))
    assert check(Settings(command=f"{mark} b c", owner=OURS)).status == "healthy"
    name = Path(f"/proc/{os.getpid()}/comm").read_text().strip()[:6]
    assert check(Settings(f"{name}*", mark)).status == "healthy"
    assert said(check(Settings(unused(), mark)))[1] is not None
    reading = check(Settings(command=f"{mark}!", owner=OURS))
    assert said(reading) == (
        "unhealthy",
        f"not running: no process has {mark}! in its command line, of user {OURS}",
    )


def test_heartbeat_and_what_started_it_are_not_what_it_looks_for(tmp_path: Path) -> None:
    """cron's shell, and `timeout`, have the text in their command lines too."""
    mark = f"/srv/{unused()}"
    code = (
        "import sys; from heartbeat_cli.monitors import process; from heartbeat_cli.domain.checking.result import *;"
        "s = process.Settings(command=sys.argv[1], owner=sys.argv[2]);"
        "print(process.probe_all([(s, CheckContext('it', 20.0, 0.0))])[0].status)"
    )
    script = tmp_path / "check.py"
    script.write_text(code)
    line = f"timeout --foreground 60 {sys.executable} {script} {mark} {OURS}; true"
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, check=True, start_new_session=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("unhealthy\n", "")


def test_one_that_has_just_ended_is_not_one_that_may_not_be_read(start: Start) -> None:
    child = start(*python("pass"))
    seen = of_host.Processes(time.monotonic() + 5)
    assert child.pid in {one.pid for one in seen.all}
    child.kill()
    child.wait()
    assert seen.command_line(child.pid) == ""


def test_another_users_command_line_is_not_read_and_nothing_is_concluded(start: Start) -> None:
    users.need_root()
    name, mark = unused(), f"--queue={unused()}"
    become = ["setpriv", f"--reuid={users.NOBODY}", f"--regid={users.NOBODY}", "--clear-groups"]
    start(*become, *python(f"open('/proc/self/comm', 'w').write({name!r})", mark))
    assert check(Settings(name, owner="*")).status == "healthy", "a name is the kernel's own"
    reading = check(Settings(name, mark))
    assert reading.status == "unknown"
    assert reading.error == (
        f"no process named {name} has {mark} in its command line, but the command line of 1 process of another user"
        " is not read, because that may never end"
    )
    assert check(Settings(unused(), mark)).status == "unhealthy", "none has the name, whoever it is"
    assert check(Settings(command=mark, owner=pwd.getpwuid(users.NOBODY).pw_name)).status == "unknown"
    assert check(Settings(command=mark, owner=OURS)).status == "unhealthy"
    assert check(Settings(name, owner=str(users.NOBODY))).status == "healthy"
    reading = check(Settings(name, owner=OURS))
    assert said(reading) == ("unhealthy", f"not running: no process is named {name}, of user {OURS}")


def test_once_found_it_is_one_of_ours(start: Start) -> None:
    users.need_root()
    become = ["setpriv", f"--reuid={users.NOBODY}", f"--regid={users.NOBODY}", "--clear-groups"]
    start(*become, *python("pass"))
    mark = f"--queue={unused()}"
    settings = Settings(command=mark)
    never = check(settings)
    assert never.status == "unknown" and "not read, because that may never end" in str(never.error)
    child = start(*python("pass", mark))
    healthy = check(settings)
    assert healthy.status == "healthy"
    child.kill()
    child.wait()
    down = check(settings, json.loads(json.dumps(healthy.memory)))
    assert (down.status, down.certain) == ("unhealthy", True)
    assert check(settings, down.memory).status == "unhealthy", "it stays known"
    assert check(Settings(command=f"{mark}0"), down.memory).status == "unknown", "that is another one"


def test_a_user_that_does_not_exist() -> None:
    assert said(check(Settings(unused(), owner="no-such-user"))) == ("unknown", "this host has no user no-such-user")


# --- whose they are ---------------------------------------------------------------------------------------------------

AS_NOBODY = ("setpriv", f"--reuid={users.NOBODY}", f"--regid={users.NOBODY}", "--clear-groups")
ASIDE = "1 process of nobody has that name: set owner to count it"


def test_a_process_of_any_other_user_brings_nothing_back(start: Start) -> None:
    users.need_root()
    name = unused()
    first = check(Settings(name))
    assert first.status == "unhealthy"
    start(*AS_NOBODY, *named(name))
    reading = check(Settings(name), first.memory)
    assert said(reading) == ("unknown", f"no process is named {name}, but {ASIDE}"), "it may be the one that is meant"
    child = start(*named(name))
    healthy = check(Settings(name), reading.memory)
    assert healthy.status == "healthy" and values(healthy)["count"] == 1
    child.kill()
    child.wait()
    down = check(Settings(name), json.loads(json.dumps(healthy.memory)))
    assert said(down) == ("unhealthy", f"not running: no process is named {name}, but {ASIDE}")
    assert down.certain and check(Settings(name), down.memory).status == "unhealthy", "it stays known"
    for owner in ("*", "nobody", str(users.NOBODY)):
        assert check(Settings(name, owner=owner)).status == "healthy"
    assert check(Settings(name, owner="root")).status == "unhealthy"


def test_a_process_of_any_other_user_makes_none_too_many(start: Start) -> None:
    users.need_root()
    name = unused()
    start(*named(name))
    start(*AS_NOBODY, *named(name))
    reading = check(Settings(name, max_count=1))
    assert said(reading) == ("degraded", f"at most 1 may run, but {ASIDE}"), "seen, and a restart ends none of them"
    assert check(Settings(name, max_count=1, owner="root")).status == "healthy"
    assert check(Settings(name, max_count=1, owner="*")).status == "unhealthy"
    assert said(check(Settings(name, count_=2))) == ("unknown", f"1 of 2 processes run, but {ASIDE}")
    start(*named(name))
    enough = check(Settings(name, count_=3, owner="*"))
    assert enough.status == "healthy"
    two = check(Settings(name, count_=2))
    assert two.status == "healthy"
    assert said(check(Settings(name, count_=3), two.memory))[0] == "unhealthy", "so many were seen of ours, once"


def test_a_setuid_program_is_of_the_user_that_started_it(start: Start, tmp_path: Path) -> None:
    users.need_root()
    name = unused()
    scratch.let_others_in(tmp_path)
    program = tmp_path / name
    shutil.copy("/bin/sleep", program)
    program.chmod(0o4755)
    child = start(*AS_NOBODY, "sh", "-c", f"echo; exec {program} 600")
    wait_for(lambda: Path(f"/proc/{child.pid}/comm").read_text().strip() == name, "the program")
    if "0" not in Path(f"/proc/{child.pid}/status").read_text().partition("Uid:")[2].split()[:4]:
        lacking("a filesystem with setuid programs")
    assert check(Settings(name)).status == "unknown"
    assert check(Settings(name, owner="root")).status == "unhealthy"


def test_a_process_of_a_container_is_counted_only_where_that_is_said(start: Start) -> None:
    users.need_root()
    name, mark = unused(), f"--queue={unused()}"
    inside = start(
        "unshare", "--pid", "--fork", "--kill-child", *python(f"open('/proc/self/comm', 'w').write({name!r})", mark)
    )
    assert inside.poll() is None
    why = "1 process in a container is not counted: set containers = true to count it"
    assert said(check(Settings(name))) == ("unknown", f"no process is named {name}, but {why}")
    for settings in (Settings(name, mark), Settings(name, owner="root"), Settings(name, mark, "root")):
        assert check(settings).status == "unknown" and why in str(check(settings).error)
        assert check(settings._replace(containers=True)).status == "healthy"
    child = start(*python(f"open('/proc/self/comm', 'w').write({name!r})", mark))
    healthy = check(Settings(name, mark))
    assert healthy.status == "healthy" and values(healthy)["count"] == 1
    child.kill()
    child.wait()
    down = check(Settings(name, mark), healthy.memory)
    assert (down.status, down.certain) == ("unhealthy", True)
    assert check(Settings(name, mark, containers=True), healthy.memory).status == "healthy"


# --- by pid file -----------------------------------------------------------------------------------------------------


def test_a_pid_file(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "it.pid"
    settings = Settings(pid_file=str(path))
    assert said(check(settings)) == ("unhealthy", f"not running: there is no pid file {path}")
    child = start(*python("pass"))
    path.write_text(f"{child.pid}\nmore\n")
    reading = check(settings)
    assert said(reading) == ("healthy", None) and values(reading)["memory_bytes"] > 1_000_000
    child.kill()
    child.wait()
    reading = check(settings)
    assert said(reading) == ("unhealthy", f"not running: process {child.pid}, which {path} names, has ended")
    assert reading.certain


@pytest.mark.parametrize("before", [3_600.0, 3 * 86_400.0, 1e9])
def test_a_pid_file_that_is_older_than_its_process_proves_nothing(start: Start, tmp_path: Path, before: float) -> None:
    """A host without a clock of its own writes it early in 1970, and sets its clock a moment later."""
    path = tmp_path / "it.pid"
    settings = Settings(pid_file=str(path))
    child = start(*python("pass"))
    path.write_text(str(child.pid))
    known_before = check(settings)
    written = time.time() - before
    os.utime(path, (written, written))
    reading = check(settings)
    assert (reading.status, reading.certain) == ("unknown", False)
    pattern = rf"process {child.pid} began .* after {path} was written: it is another one, or the clock was set since"
    assert re.fullmatch(pattern, str(reading.error))

    # The same process and the same file are known: then the clock was set, which ends no process.
    os.utime(path, (known_before.memory["pid_file"][1],) * 2)
    later = json.loads(json.dumps(known_before.memory))
    assert check(settings, later, now=time.time() + 86_400).status == "healthy"
    assert check(settings, now=time.time() + 86_400).status == "unknown"


def test_a_number_that_another_process_has_now(start: Start, tmp_path: Path) -> None:
    """What was seen of the same file proves it, whatever the clock says; also once the process was seen to be gone."""
    path = tmp_path / "it.pid"
    settings = Settings(pid_file=str(path))
    child = start(*python("pass"))
    path.write_text(str(child.pid))
    boot = check(settings).memory
    pid = int(boot["pid_file"][0].partition("@")[0])
    assert pid == child.pid
    another = {**boot, "pid_file": [f"{pid}@1.000", boot["pid_file"][1]]}
    reading = check(settings, json.loads(json.dumps(another)))
    assert said(reading) == ("unhealthy", f"not running: the number in {path} is now that of another process")
    assert reading.certain and reading.memory["pid_file"] == another["pid_file"], "it stays known"
    os.utime(path)
    assert check(settings, another).status == "healthy", "written anew, for the one that runs"
    child.kill()
    child.wait()
    gone = check(settings, boot)
    assert (gone.status, gone.memory["pid_file"]) == ("unhealthy", boot["pid_file"])
    path.unlink()
    assert check(settings, gone.memory).memory["pid_file"] == boot["pid_file"]


def test_the_number_of_a_thread_is_no_process(start: Start, tmp_path: Path) -> None:
    child = start(*python("import threading; threading.Thread(target=lambda: input(), daemon=True).start()"))
    thread = next(name for name in os.listdir(f"/proc/{child.pid}/task") if name != str(child.pid))
    assert Path(f"/proc/{thread}/stat").exists()
    path = tmp_path / "it.pid"
    path.write_text(thread)
    assert check(Settings(pid_file=str(path))).status == "unhealthy"


@pytest.mark.parametrize("text", ["", "none", "-1", "0", "1" * 30, "\N{SUPERSCRIPT TWO}"])
def test_a_pid_file_without_a_number_says_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "it.pid"
    path.write_text(text)
    line = f"the pid file {path} holds no process number"
    assert said(check(Settings(pid_file=str(path)))) == ("unknown", line)


def test_a_pid_file_of_another_user_is_not_believed(tmp_path: Path) -> None:
    users.need_root()
    path = tmp_path / "it.pid"
    path.write_text(str(os.getpid()))
    os.chown(path, users.NOBODY, users.NOBODY)
    reading = check(Settings(pid_file=str(path)))
    assert reading.status == "unknown" and "must belong to root" in str(reading.error)
    os.chown(path, 0, 0)
    path.unlink()
    os.mkfifo(path)
    assert "is not a regular file" in str(check(Settings(pid_file=str(path))).error)


# --- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.whole
def test_cpu_between_two_checks(start: Start) -> None:
    name = unused()
    start(*python(f"open('/proc/self/comm', 'w').write({name!r})\nimport threading, time\n"
                  "def burn():\n  while True: pass\n"
                  "threading.Thread(target=burn, daemon=True).start()"))  # fmt: skip
    first = check(Settings(name))
    assert check(Settings(name), first.memory).memory["cpu"] == first.memory["cpu"], "too soon: kept for the next check"
    wait_for(lambda: "cpu_percent" in values(check(Settings(name), first.memory)), "a second")
    reading = check(Settings(name, cpu_warn=1), json.loads(json.dumps(first.memory)))
    assert reading.status == "degraded" and "% of one CPU used (limit 1 %)" in str(reading.error)
    assert f"{name} (pid " in reading.evidence["processes"]
    reading = check(Settings(name, cpu_critical=1), first.memory)
    assert (reading.status, reading.failure, reading.certain) == ("unhealthy", PROCESS, False)
    another_boot = {**first.memory, "boot": "another"}
    assert "cpu_percent" not in values(check(Settings(name), another_boot))


def test_memory_and_age(start: Start) -> None:
    name = unused()
    start(*python(f"open('/proc/self/comm', 'w').write({name!r}); x = bytearray(50_000_000)"))
    reading = check(Settings(name, memory_warn="40MB"))
    assert reading.status == "degraded" and "of memory used (limit 40.0 MB)" in str(reading.error)
    assert check(Settings(name, memory_critical=40e6)).failure == PROCESS, "a restart gives it back"
    assert check(Settings(name, memory_warn="40GB", memory_critical=0)).status == "healthy"
    reading = check(Settings(name, min_age=3_600))
    assert reading.status == "degraded" and str(reading.error).startswith("restarted lately: it began ")
    assert check(Settings(name, max_age=3_600)).status == "healthy"
    reading = check(Settings(name, max_age=0.001))
    assert reading.status == "unhealthy" and str(reading.error).startswith("has run for ")


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        (Limits(), []), (Limits(2, 2), []), (Limits(3), [True]), (Limits(1, 1), [True]),
        (Limits(cpu_warn=50), [False]), (Limits(cpu_warn=50.1), []), (Limits(cpu_critical=50), [True]),
        (Limits(cpu_warn=0, cpu_critical=0), []), (Limits(memory_warn=1e6), [False]), (Limits(memory_warn=1e6 + 1), []),
        (Limits(memory_critical=1e6), [True]), (Limits(min_age=101), [False]), (Limits(min_age=100), []),
        (Limits(max_age=99), [True]), (Limits(max_age=100), []),
        (Limits(3, cpu_warn=1, max_age=1), [True, True, False]),
    ],
)  # fmt: skip
def test_every_limit_begins_where_it_is_set(limits: Limits, verdict: list[bool]) -> None:
    assert [one.critical for one in judge(limits, Seen(2, 0, 50.0, 1e6, 100.0, "it"))] == verdict


# --- what cannot be seen ---------------------------------------------------------------------------------------------

_HIDDEN = """
import json, sys, time
from heartbeat_cli.domain.checking.result import CheckContext
from heartbeat_cli.monitors import process
for keys in json.loads(sys.argv[1]):
    (reading,) = process.probe_all([(process.Settings(**keys), CheckContext("it", 20.0, time.time()))])
    print(json.dumps([reading.status, reading.error, reading.certain]))
"""


def seen_with_hidepid(option: str, *settings: Mapping[str, Any], first: bool = False) -> list[list[Any]]:
    """What heartbeat as nobody says on a host whose /proc hides others; `first`: as process 1 of a container."""
    users.need_root()
    nobody = f"setpriv --reuid={users.NOBODY} --regid={users.NOBODY} --clear-groups"
    line = f'mount -t proc -o hidepid={option} proc /proc && exec {nobody} "$0" -c "$1" "$2"'
    argv = [
        "unshare",
        "--mount",
        *(["--pid", "--fork"] if first else []),
        "sh",
        "-c",
        line,
        sys.executable,
        _HIDDEN,
        json.dumps(settings),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode and not done.stdout and re.search("(?i)not permitted|permission denied", done.stderr):
        lacking(f"the right to mount /proc, or a Python that others may run: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("option", ["1", "2"])
def test_where_proc_hides_others_nothing_is_called_down(option: str, start: Start, tmp_path: Path) -> None:
    name = unused()
    alive, dead = start(*named(name)), start(*named(name))
    dead.kill()
    dead.wait()
    scratch.let_others_in(tmp_path)
    for child in (alive, dead):
        (tmp_path / str(child.pid)).write_text(str(child.pid))
    hidden, ended, ours, pid, gone, by_file, gone_by_file = seen_with_hidepid(
        option,
        {"process": name},
        {"process": unused()},
        {"process": unused(), "owner": str(users.NOBODY)},
        {"process": "py*", "owner": str(users.NOBODY)},
        {"process": name, "count_": 0},
        {"pid_file": str(tmp_path / str(alive.pid))},
        {"pid_file": str(tmp_path / str(dead.pid))},
    )
    why = "/proc is mounted with hidepid, and heartbeat does not see the processes of other users"
    assert hidden == ["unknown", f"no process is named {name}, but {why}", False]
    assert ended[0] == "unknown"
    assert (ours[0], ours[2]) == ("unhealthy", True), "its own processes are all seen"
    assert pid[0] == "healthy" and gone[0] == "healthy"
    assert by_file == ["unknown", why, False] and gone_by_file[0] == "unhealthy"


def test_process_1_may_be_ours_and_others_hidden() -> None:
    (reading,) = seen_with_hidepid("2", {"process": unused()}, first=True)
    assert reading[0] == "unknown"


def test_a_group_that_hidepid_lets_see_all_sees_all() -> None:
    (reading,) = seen_with_hidepid(f"2,gid={users.NOBODY}", {"process": unused()})
    assert reading[0] == "unhealthy"


def test_a_proc_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        _ = of_host.Processes(time.monotonic() + 5, str(tmp_path / "none")).all
    with pytest.raises(TimeoutError):
        _ = of_host.Processes(time.monotonic() - 1).all


# --- by unit ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def group_root(systemd_box: SystemdBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the control groups of the container's units are on this host; `systemctl` reaches the container."""
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\nexec docker exec {systemd_box.name} systemctl "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    pid = docker("inspect", "--format", "{{.State.Pid}}", systemd_box.name).strip()
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        lacking("a Docker whose containers are processes of this host")
    own = next(path for path in (line.split(":", 2)[2] for line in lines) if path.endswith("/init.scope"))
    roots = [
        f"/sys/fs/cgroup/{one}".rstrip("/") + own.removesuffix("/init.scope") for one in ("systemd", "unified", "")
    ]
    return next(one for one in roots if os.path.isdir(f"{one}/system.slice"))


def test_the_processes_of_a_unit(systemd_box: SystemdBox, group_root: str) -> None:
    box = systemd_box
    unit = box.service("p-two.service", "ExecStart=/bin/sh -c 'sleep 600 & sleep 601'", "Delegate=yes", start=True)
    below = "group=/sys/fs/cgroup$(test -d /sys/fs/cgroup/systemd && echo /systemd)/system.slice/p-two.service"
    box.shell(f"{below}; mkdir $group/below; echo $(head -n 1 $group/cgroup.procs) >$group/below/cgroup.procs")
    box.service("p-config.service", "ExecStart=/bin/sh -c 'exit 78'", "RestartPreventExitStatus=78", start=True)
    box.wait("p-config", "ActiveState", "failed")
    names = (unit, "p-config.service", "p-nobody.service")
    answers = units.ask([(one, False) for one in names], time.monotonic() + 20)
    two, config, nobody = (units.unit_of(one, answers[False], group_root) for one in names)
    assert (two.exists, two.state, len(two.pids), two.prevented) == (True, "active", 3, False)
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").strip() for pid in two.pids]
    assert {b"sleep 600", b"sleep 601"} < set(lines)
    assert (config.exists, config.pids, config.prevented) == (True, (), True)
    assert (nobody.exists, nobody.pids) == (False, ())
    with pytest.raises(Unobservable, match=r"its control group /system\.slice/p-two\.service cannot be seen"):
        units.unit_of(unit, answers[False], "/nonexistent")


_UNIT = """
import sys
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _process_units as units
from heartbeat_cli.monitors._systemctl import Answer
block = {"Id": "app.service", "LoadState": "loaded", "ActiveState": "active", "ControlGroup": "/app.service"}
try:
    print(units.unit_of("app.service", Answer([block]), sys.argv[1]).pids)
except Unobservable as unseen:
    print(unseen)
"""


def test_a_group_that_is_closed_to_us(tmp_path: Path) -> None:
    users.need_root()
    closed = tmp_path / "app.service" / "below"
    closed.mkdir(parents=True)
    scratch.let_others_in(tmp_path)
    for mode, said_ in ((0o755, "()"), (0, "its control group /app.service cannot be seen")):
        closed.chmod(mode)
        argv = ["setpriv", f"--reuid={users.NOBODY}", f"--regid={users.NOBODY}", "--clear-groups", sys.executable]
        done = subprocess.run([*argv, "-c", _UNIT, str(tmp_path)], capture_output=True, text=True, timeout=60)
        assert done.stdout.strip() == said_, done.stderr


def test_a_unit_of_which_not_every_process_can_be_seen(tmp_path: Path) -> None:
    """Its owner may close a group below its own, or have more processes than are read: then nothing is said of it."""
    group = tmp_path / "app.service" / "below"
    group.mkdir(parents=True)
    block = {"Id": "app.service", "LoadState": "loaded", "ActiveState": "active", "ControlGroup": "/app.service"}
    answer = Answer([block], "")
    procs = group / "cgroup.procs"
    procs.write_text("17\n")
    assert units.unit_of("app.service", answer, str(tmp_path)).pids == (17,)
    procs.write_text("17\n" * 400_000)
    with pytest.raises(Unobservable, match="cannot be seen"):
        units.unit_of("app.service", answer, str(tmp_path))
    procs.unlink()
    procs.symlink_to("cgroup.procs")  # to itself: even root cannot read it
    with pytest.raises(Unobservable, match="cannot be seen"):
        units.unit_of("app.service", answer, str(tmp_path))
    procs.unlink()
    procs.symlink_to("gone")
    assert units.unit_of("app.service", answer, str(tmp_path)).pids == ()


def test_a_unit_without_a_process(systemd_box: SystemdBox, group_root: str) -> None:
    box = systemd_box
    box.service("p-stopped.service", "ExecStart=/bin/sleep 600")
    box.service("p-ended.service", "ExecStart=/bin/sh -c 'exit 78'", "RestartPreventExitStatus=78", start=True)
    box.wait("p-ended", "ActiveState", "failed")
    names = ("p-stopped", "p-ended", "p-absent")
    components = [Component(name, "process", Settings(unit=name)) for name in names]
    asked = [Asked(one, CheckContext(one.id, 20.0, time.time())) for one in components]
    stopped, ended, absent = run_checks(asked, time.monotonic() + 30).values()
    assert said(stopped) == ("unhealthy", "not running: unit p-stopped.service has no process and is inactive")
    assert (stopped.failure, stopped.certain) == (PROCESS, True)
    assert said(ended) == ("unhealthy", "not running: unit p-ended.service has no process and is failed")
    assert ended.failure == Failure("configuration", "person")
    assert said(absent) == ("unhealthy", "not running: no such unit: p-absent.service")
    assert absent.failure == Failure("configuration", "person")


@pytest.mark.whole
@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo no bus >&2; exit 1", "cannot ask systemd: no bus"),
        ("trap : TERM; while :; do sleep 1; done", "cannot ask systemd: systemctl did not answer in time"),
    ],
)
def test_a_systemd_that_does_not_answer_costs_only_its_own(
    script: str, why: str, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    name = unused()
    start(*named(name))
    circumstances = CheckContext("it", 2.0, time.time(), {"seen": "x"})
    asked = [(one, circumstances) for one in (Settings(unit="a"), Settings(unit="a", user=True), Settings(name))]
    first, second, third = process.probe_all(asked)
    assert said(first) == said(second) == ("unknown", why)
    assert first.memory == {"seen": "x"} and third.status == "healthy"


# --- settings and pure parts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({}, "it: components.it: expected process (or command), pid_file or unit: one of them"),
        ({"process": "a", "unit": "b"},
         "it: components.it: expected process (or command), pid_file or unit: one of them"),
        ({"process": ""}, "it: components.it.process: is empty"),
        ({"process": "a-very-long-name-*"}, "it: components.it.process: matches nothing: the kernel keeps 15 bytes of a"
         " process's name; use command"),
        ({"pid_file": "run/a.pid"}, "it: components.it.pid_file: expected an absolute path, got 'run/a.pid'"),
        ({"pid_file": "/a", "owner": "b"}, "it: components.it.owner: works only with process or command"),
        ({"pid_file": "/a", "containers": True}, "it: components.it.containers: works only with process or command"),
        ({"process": "a", "user": True}, "it: components.it.user: works only with unit"),
        ({"process": "a", "count": -1}, "it: components.it.count: expected 0 or more, got -1"),
        ({"process": "a", "max_count": 0}, "it: components.it.max_count: expected count (1) or more, got 0"),
        ({"process": "a", "cpu_warn": -1}, "it: components.it.cpu_warn: expected 0 (off) or more, got -1"),
        ({"process": "a", "memory_warn": "2 apples"}, "it: components.it.memory_warn: expected bytes, as 500000000 or"
         " \"500MB\" (\"500MiB\" counts in 1,024), got '2 apples'"),
        ({"process": "a", "memory_warn": "2GB", "memory_critical": "1GB"},
         "it: components.it.memory_warn: is above memory_critical (2e+09 > 1e+09)"),
        ({"process": "a", "min_age": 9, "max_age": 8}, "it: components.it.min_age: is above max_age (9 > 8)"),
    ],
)  # fmt: skip
def test_each_mistake_is_named(table: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load.load({"components": {"it": {"kind": "process", **table}}}, "it")
    assert caught.value.problems == [line]


def test_a_whole_configuration() -> None:
    table = {
        "kind": "process",
        "process": "a[bc]*",
        "command": "x",
        "count": 0,
        "max_count": 0,
        "memory_warn": "1.5 GiB",
    }
    settings = load.load({"components": {"it": table}}, "it").components["it"].settings
    assert (settings.count_, settings.max_count) == (0, 0)
    assert sizes.size_in_bytes(settings.memory_warn) == 1.5 * 1024**3


@given(st.binary(max_size=15).map(lambda name: name.decode(errors="replace")), st.integers(0, 2**40))
def test_a_line_of_stat_is_read_whatever_the_name_is(name: str, started: int) -> None:
    rest = f"S 1 2 3 0 -1 {0x200000} 5 6 7 8 150 50 0 0 20 0 1 0 {started} 1000 30 18446744073709551615"
    found = known.parse_stat(f"7 ({name}) {rest}", 100, 4096)
    assert found == known.Process(7, 1, 2, name, "S", started / 100, 2.0, 30 * 4096, True)


@given(st.text(max_size=200))
def test_any_other_text_is_no_process(text: str) -> None:
    found = known.parse_stat(text, 100, 4096)
    assert found is None or found.pid >= 0


@given(st.dictionaries(st.sampled_from(["boot", "uptime", "cpu"]), st.none() | st.floats() | st.text()))
def test_any_memory_gives_a_figure_or_none(memory: dict[str, Any]) -> None:
    one = known.Process(7, 1, 1, "a", "S", 5.0, 2.0, 1)
    share = known.cpu_percent(memory | {"boot": "b"}, "b", 100.0, [one])
    assert share is None or not share < 0


def test_a_new_process_counts_in_full_and_an_old_unknown_one_not_at_all() -> None:
    memory = known.remembered("b", 100.0, [known.Process(1, 0, 0, "a", "S", 5.0, 2.0, 1)])
    now = [known.Process(1, 0, 0, "a", "S", 5.0, 3.0, 1), known.Process(2, 0, 0, "a", "S", 105.0, 4.0, 1)]
    old = known.Process(3, 0, 0, "a", "S", 50.0, 40.0, 1)
    reused = known.Process(1, 0, 0, "a", "S", 104.0, 0.5, 1)
    assert known.cpu_percent(memory, "b", 110.0, [*now, old]) == pytest.approx(50.0)
    assert known.cpu_percent(memory, "b", 110.0, [reused]) == pytest.approx(5.0)


def test_many_components_share_one_walk() -> None:
    """Counted by the files that Python opens; the hook cannot be taken off again, so it is told to stop."""
    opened: list[str] | None = []

    def note(event: str, values: tuple[Any, ...]) -> None:
        if opened is not None and event == "open":
            opened.append(str(values[0]))

    sys.addaudithook(note)
    circumstances = CheckContext("it", 20.0, time.time())
    readings = process.probe_all([(Settings(f"none-{n}"), circumstances) for n in range(50)])
    walks, opened = opened.count(f"/proc/{os.getpid()}/stat"), None
    assert ({one.status for one in readings}, walks) == ({"unhealthy"}, 1)


def test_a_process_whose_first_thread_has_ended_runs() -> None:
    """Its state is that of a zombie, while its other threads work."""
    fields = ["Z", "1", "7", *["0"] * 14, "2", *["0"] * 4]
    for threads, runs in (("2", True), ("1", False)):
        fields[17] = threads
        found = known.parse_stat(f"7 (worker) {' '.join(fields)}", 100, 4096)
        assert found is not None and found.runs is runs
