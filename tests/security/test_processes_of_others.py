"""What another user's process calls itself makes it nobody else's: the kernel's tables give names as they are."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from heartbeat_cli.discovery import owners
from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.system import mounts, offspring, process
from heartbeat_cli.system.processes import Processes
from tests.parts import users

_NAME, _DUMPABLE = 15, 4  # what prctl sets: prctl(2)
_NAMED = f"""
import ctypes, sys
libc = ctypes.CDLL(None)
libc.prctl({_NAME}, sys.argv[1].encode(), 0, 0, 0)
libc.prctl({_DUMPABLE}, 0, 0, 0, 0)  # from now on its files in /proc belong to root
print("ready", flush=True)
sys.stdin.read()
"""
# At each of them Python's `splitlines`, or a file opened for text, ends a line; the kernel escapes newlines only.
SIGNS = ("\x0b", "\x0c", "\r", "\x1c", "\x1d", "\x1e", "\x85", "\u2028")


@contextmanager
def named(name: str, *become: str) -> Iterator[int]:
    """The number of a process with that name, started by a program that makes it another user's or a container's."""
    users.need_root()
    argv = [*become, sys.executable, "-c", _NAMED, name]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as begun:
        assert begun.stdout is not None and begun.stdout.readline() == b"ready\n"
        children = psutil.Process(begun.pid).children()
        yield children[0].pid if children else begun.pid
        begun.communicate()


@pytest.mark.parametrize("sign", SIGNS)
def test_a_process_is_its_users_whatever_it_calls_itself(sign: str) -> None:
    nobody = ("setpriv", f"--reuid={users.NOBODY}", f"--regid={users.NOBODY}", "--clear-groups")
    with named(f"{sign}Uid: 0 0 0 0", *nobody) as pid:
        assert process.users(f"/proc/{pid}") == [users.NOBODY] * 4
        assert process.owner(f"/proc/{pid}") == users.NOBODY
        assert not owners.of(pid).trusted


@pytest.mark.parametrize("sign", SIGNS)
def test_a_process_of_a_container_is_one_whatever_it_calls_itself(sign: str) -> None:
    with named(f"{sign}NSpid: 1", "unshare", "--pid", "--fork") as pid:
        assert Processes(time.monotonic() + 5).is_nested(pid)


_IN_GROUPS = """
import os, sys
os.setgroups(range(4_294_000_000, 4_294_000_000 + int(sys.argv[1])))
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("groups", [2_000, 65_536])
def test_a_process_of_a_container_is_one_however_many_groups_it_has(groups: int) -> None:
    """They stand before what says so; 65,536 are the kernel's limit."""
    joins = (sys.executable, "-c", _IN_GROUPS, str(groups))
    with named("payd", "unshare", "--pid", "--fork", *joins) as pid:
        seen = Processes(time.monotonic() + 5)
        assert (seen.users(pid), seen.is_nested(pid), seen.one(pid) is not None) == ([0] * 4, True, True)


def test_a_process_whose_status_is_longer_than_what_is_read_counts_as_a_containers(tmp_path: Path) -> None:
    (tmp_path / "77").mkdir()
    status = "Name:\tx\nPid:\t77\nUid:\t0\t0\t0\t0\nGroups:\t" + "4294000000 " * 100_000
    (tmp_path / "77/status").write_text(f"{status}\nNSpid:\t77\n")
    seen = Processes(time.monotonic() + 5, str(tmp_path))
    assert (seen.users(77), seen.is_nested(77)) == ([0] * 4, True)
    (tmp_path / "77/status").write_text(f"{status[:1_000]}\nNSpid:\t77\n")
    assert not seen.is_nested(77)
    assert not seen.is_nested(78), "it has ended"


def test_processes_with_many_groups_are_asked_no_longer_than_there_is_time() -> None:
    """The kernel needs some 20 ms for the status of one in 65,536 groups, and a container may have thousands."""
    late = Processes(time.monotonic() - 1)
    for ask in (late.users, late.is_nested):
        with pytest.raises(TimeoutError, match="could not be read in time"):
            ask(os.getpid())


@pytest.mark.parametrize("become", [(), ("unshare", "--pid", "--fork")], ids=["ours", "a container's"])
def test_a_process_of_a_container_is_nobodys_offspring(become: tuple[str, ...]) -> None:
    """Its root gives it any environment."""
    users.need_root()
    marked = ("env", f"{process.RUN_MARK}=1234568", f"{offspring.STEP}=1234568")
    argv = [*become, *marked, sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as begun:
        assert begun.stdout is not None and begun.stdout.readline() == b"\n"
        until = time.monotonic() + 60
        found = offspring.left_by(1_234_568, until), offspring.started_by("1234568", until) is not None
        begun.communicate()
    assert found == ((False, False) if become else (True, True))


def test_offspring_is_looked_for_no_longer_than_there_is_time() -> None:
    """Another user may have thousands of processes in 65,536 groups. What is not known may still be at work; and what
    is not seen has not begun."""
    marked = {process.RUN_MARK: "1234569", offspring.STEP: "1234569"}
    argv = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | marked) as begun:
        assert begun.stdout is not None and begun.stdout.readline() == b"\n"
        found = [offspring.started_by("1234569", time.monotonic() + left) is not None for left in (60, -1)]
        begun.communicate()
    assert found == [True, False]
    assert [offspring.left_by(1_234_569, time.monotonic() + left) for left in (60, -1)] == [False, True]


_GROUPS = {
    "0::/system.slice/nginx.service": ("nginx.service", None),
    "1:name=systemd:/system.slice/system-pg.slice/pg@main.service/sub": ("pg@main.service", None),
    "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service": ("a.service", 1000),
    "0::/user.slice/user-1000.slice/user@1000.service/init.scope": ("", None),
    "0::/user.slice/user-1000.slice/session-2.scope": ("", None),
    "0::/system.slice/docker-0a1b.scope/system.slice/nginx.service": ("", None),
    "4:memory:/docker/0a1b/system.slice/nginx.service": ("", None),
    "0::/system.slice/mine.service/nginx.service": ("mine.service", None),
    "0::/": ("", None),
    "": ("", None),
}


@pytest.mark.parametrize(("line", "found"), _GROUPS.items(), ids=_GROUPS)
def test_what_a_container_calls_its_groups_is_no_unit_of_the_host(line: str, found: tuple[str, int | None]) -> None:
    assert owners.unit_of(line) == found


@pytest.mark.parametrize("sign", SIGNS)
def test_a_mount_is_one_whatever_its_place_is_called(sign: str) -> None:
    """Who may mount by FUSE chooses the name of the folder."""
    line = f"36 35 0:40 / /home/x/a{sign}37 35 8:1 / / rw - fuse.sshfs a:/ rw"
    (found,) = mounts.parse(f"{line}\n")
    assert (found.kind, found.point) == ("fuse.sshfs", f"/home/x/a{sign}37 35 8:1 / / rw"[: len(f"/home/x/a{sign}37")])


@pytest.mark.parametrize("sign", SIGNS)
def test_a_property_of_a_unit_is_one_whatever_it_holds(sign: str) -> None:
    (said,) = systemd.blocks(f"Id=a.service\nDescription=x{sign}ActiveState=active\nActiveState=failed\n")
    assert said["ActiveState"] == "failed"
