"""One heartbeat at a time: with real processes, because the lock is the kernel's."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from heartbeat_cli.errors import HeartbeatError
from heartbeat_cli.system.lock import TURN, Busy, Shared, a_pass_waits, beside_earlier, only_one
from tests.parts.docker import wait_for

_HOLD = """
import sys, time
from pathlib import Path
from heartbeat_cli.system.lock import only_one
with only_one(Path(sys.argv[1]), 5, float((*sys.argv, 0)[2])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(folder: Path, *turn: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until it is killed, or a line is sent to it; with `turn` as a pass does."""
    with begun(folder, *turn) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


@contextmanager
def begun(folder: Path, *turn: str) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", _HOLD, str(folder), *turn]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        if process.poll() is None:
            process.kill()


def end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal until the process has ended. Python acts on one that comes just before a read begins only when that
    read returns, or the next signal comes."""
    for _ in range(100):
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
            return
    pytest.fail(f"still there after {number.name}")


def test_a_second_one_is_told_who_holds_it(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        with pytest.raises(Busy) as raised, only_one(tmp_path):
            pytest.fail("two at once")
        path = tmp_path / "run.lock"
        assert str(raised.value) == (
            f"another heartbeat is running (process {other.pid}, lock {path}); try again in a moment"
        )
        assert raised.value.exit_code == 3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_holder_frees_it(tmp_path: Path, number: signal.Signals) -> None:
    with holder(tmp_path) as other:
        end(other, number)
        with only_one(tmp_path):
            assert (tmp_path / "run.lock").read_text().split()[0] == str(os.getpid())


def test_waiting_for_it(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        begun = time.monotonic()
        with pytest.raises(Busy), only_one(tmp_path, 0.3):
            pytest.fail("two at once")
        assert time.monotonic() - begun >= 0.3
        assert other.stdin is not None
        other.stdin.write("\n")
        other.stdin.flush()
        with only_one(tmp_path, 20):
            assert other.wait(20) == 0


def test_a_pass_waits_for_a_command_and_is_the_next_whoever_else_waits(tmp_path: Path) -> None:
    with holder(tmp_path) as command, begun(tmp_path, "60") as run:
        wait_for(lambda: a_pass_waits(tmp_path), "the pass waits")
        with pytest.raises(Busy), only_one(tmp_path, turn=60):
            pytest.fail("one pass waits, and no second one")
        end(command, signal.SIGKILL)
        assert run.stdout is not None and run.stdout.readline() == "held\n"
    assert not a_pass_waits(tmp_path)
    waiting = Shared(tmp_path, TURN)
    assert waiting.take(alone=True)
    with pytest.raises(Busy), only_one(tmp_path, 0.1):
        pytest.fail("a command goes before a pass that waits")
    waiting.release()
    with only_one(tmp_path, 0.1):
        assert True


def test_a_pass_waits_neither_for_a_pass_nor_for_a_command_that_takes_long(tmp_path: Path) -> None:
    with holder(tmp_path, "60"), pytest.raises(Busy), only_one(tmp_path, turn=60):
        pytest.fail("two at once")
    with holder(tmp_path) as command:
        (tmp_path / "run.lock").write_text(f"{command.pid} {time.monotonic() - 61:.3f}\n")
        with pytest.raises(Busy), only_one(tmp_path, turn=60):
            pytest.fail("two at once")
    assert not (tmp_path / TURN).exists()


def test_what_a_holder_starts_does_not_hold_it(tmp_path: Path) -> None:
    sleep = "import subprocess; print(subprocess.Popen(['sleep', '60'], stdout=-3, stderr=-3).pid)"
    code = _HOLD.replace("sys.stdin.readline()", sleep)
    argv = [sys.executable, "-c", code, tmp_path]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    child = int(done.stdout.split()[-1])
    try:
        with only_one(tmp_path):
            os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)


def test_it_is_free_again_after_a_failure_inside(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), only_one(tmp_path):
        raise ZeroDivisionError
    with only_one(tmp_path):
        assert True


def test_folder_and_file_are_the_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a/b"
    with only_one(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "run.lock").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("place", "why"),
    [("file/state", "Not a directory"), ("file", "File exists"), ("/proc/nope", "No such file or directory")],
)
def test_a_folder_that_cannot_be(tmp_path: Path, place: str, why: str) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / place
    with pytest.raises(HeartbeatError) as raised, only_one(folder):
        pytest.fail("no lock")
    assert str(raised.value) == f"{folder}/run.lock: {why}; set [heartbeat] state_dir to a writable folder"


def test_garbage_in_the_file_is_not_shown(tmp_path: Path) -> None:
    with holder(tmp_path):
        (tmp_path / "run.lock").write_text("\x1b[31m garbage")
        with pytest.raises(Busy) as raised, only_one(tmp_path):
            pytest.fail("two at once")
    assert str(raised.value) == f"another heartbeat is running (lock {tmp_path}/run.lock); try again in a moment"


@pytest.mark.parametrize(("written", "pid"), [("{pid} {since:.3f}\n", True), ("{pid}\n", True), ("", False)])
def test_for_how_long_it_has_been_held(tmp_path: Path, written: str, pid: bool) -> None:
    """As its holder wrote. An earlier version wrote less, and on a full disk it is nothing: then the file tells."""
    path = tmp_path / "run.lock"
    with holder(tmp_path) as other:
        path.write_text(written.format(pid=other.pid, since=time.monotonic() - 1_000))
        os.utime(path, (time.time() - 1_000,) * 2)
        found = []
        for _ in range(2):
            with pytest.raises(Busy) as raised, only_one(tmp_path):
                pytest.fail("two at once")
            found.append(raised.value)
    assert all(999 <= one.held < 1_100 and one.pid == (other.pid if pid else None) for one in found)
    assert found[0].holder == found[1].holder


def test_a_longer_line_from_before_is_not_read_into_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "run.lock").write_text("7" * 39 + "\n" + "8" * 39 + "\n")
    with holder(tmp_path) as other, pytest.raises(Busy) as raised, only_one(tmp_path):
        pytest.fail("two at once")
    assert raised.value.pid == other.pid


def test_who_has_just_got_it_has_not_held_it_for_long(tmp_path: Path) -> None:
    """The file is as old as the installation."""
    (tmp_path / "run.lock").write_text("1 0.000\n")
    os.utime(tmp_path / "run.lock", (0, 0))
    with holder(tmp_path), pytest.raises(Busy) as raised, only_one(tmp_path):
        pytest.fail("two at once")
    assert raised.value.held < 60


def test_what_is_shared_keeps_out_whoever_wants_it_alone(tmp_path: Path) -> None:
    first, second, third = (Shared(tmp_path, "deliver.lock") for _ in range(3))
    assert first.take(alone=False) and second.take(alone=False)
    assert not third.take(alone=True) and not first.take(alone=True, wait=0.05)
    second.release()
    assert first.take(alone=True) and not third.take(alone=False)
    first.release()
    assert third.take(alone=True)
    third.release()
    assert not Shared(tmp_path / "nowhere", "deliver.lock").take(alone=False)


def test_a_lock_given_back_early_is_free_for_others(tmp_path: Path) -> None:
    with only_one(tmp_path) as release:
        with pytest.raises(Busy), only_one(tmp_path):
            pass
        release()
        with only_one(tmp_path):
            release()
            with pytest.raises(Busy), only_one(tmp_path):
                pass


def test_a_run_of_an_earlier_version_is_waited_for(tmp_path: Path) -> None:
    """It locks the state folder itself; without its lock file there is nothing to check, and none is made."""
    with beside_earlier(tmp_path):
        assert os.listdir(tmp_path) == []
    with holder(tmp_path) as other:
        with pytest.raises(Busy, match="an earlier version"), beside_earlier(tmp_path, 0.1):
            pytest.fail("two at once")
        other.kill()
        other.wait(20)
        # Two configurations of this version, and an earlier one that would begin beside them.
        with beside_earlier(tmp_path, 5), beside_earlier(tmp_path), pytest.raises(Busy), only_one(tmp_path):
            pytest.fail("two at once")
    with only_one(tmp_path):
        pass


def test_what_is_no_lock_of_an_earlier_version_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.lock")
    with beside_earlier(tmp_path):
        pass
