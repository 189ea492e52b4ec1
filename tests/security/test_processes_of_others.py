"""What another user's process calls itself makes it nobody else's: the kernel's tables give names as they are."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from heartbeat_cli.discovery import owners
from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.system import mounts, process
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
