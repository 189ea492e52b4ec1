"""Real programs that misbehave: each must end in time and leave nothing behind."""

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from heartbeat_cli.system import process

SLACK = 5.0


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int) -> bool:
    end = time.monotonic() + SLACK
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


def test_both_outputs_and_the_exit_code_come_back() -> None:
    finished = process.run(["/bin/sh", "-c", "echo out; echo err >&2; exit 7"], timeout=5)
    assert finished == (7, "out\n", "err\n", None)
    assert not finished.timed_out


def test_a_signal_is_a_negative_code() -> None:
    assert process.run(["/bin/sh", "-c", "kill -KILL $$"], timeout=5).code == -signal.SIGKILL


def test_the_program_gets_an_empty_stdin_and_only_the_given_environment() -> None:
    finished = process.run(["/usr/bin/env"], timeout=5, env={"ONLY": "this"})
    assert finished.stdout == "ONLY=this\n"
    assert process.run(["/bin/cat"], timeout=5) == (0, "", "", None)


def test_a_missing_program_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        process.run(["/no/such/program"], timeout=1)


@pytest.mark.whole
def test_a_program_that_ignores_sigterm_is_killed() -> None:
    started = time.monotonic()
    code = "import signal,time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    finished = process.run(python(code), timeout=1)
    assert (finished.code, finished.stdout) == (None, "1\n")
    assert time.monotonic() - started < 1 + SLACK


@pytest.mark.whole
def test_a_program_may_clean_up_on_sigterm(tmp_path: Path) -> None:
    script = f"trap 'echo bye >{tmp_path}/note; exit 0' TERM; while :; do sleep 0.05; done"
    assert process.run(["/bin/sh", "-c", script], timeout=2).timed_out
    assert (tmp_path / "note").read_text() == "bye\n"


def test_the_children_of_a_program_that_timed_out_die_with_it() -> None:
    finished = process.run(["/bin/sh", "-c", "sleep 60 & echo $!; wait"], timeout=0.5)
    assert finished.timed_out
    assert gone(int(finished.stdout))


def test_a_background_child_that_holds_the_pipe_does_not_hold_us_and_dies() -> None:
    started = time.monotonic()
    finished = process.run(["/bin/sh", "-c", "sleep 60 & echo $!; exit 3"], timeout=30)
    assert finished.code == 3
    assert time.monotonic() - started < SLACK
    assert gone(int(finished.stdout))


def test_a_background_child_lives_on_where_that_is_wanted() -> None:
    finished = process.run(["/bin/sh", "-c", "sleep 60 & echo $!"], timeout=30, leave_children=True)
    pid = int(finished.stdout)
    try:
        assert finished.code == 0
        assert alive(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_leaving_children_does_not_save_those_of_a_program_that_timed_out() -> None:
    script = "trap '' TERM; sleep 60 & echo $!; wait"
    finished = process.run(["/bin/sh", "-c", script], timeout=0.5, leave_children=True)
    assert gone(int(finished.stdout))


@pytest.mark.whole
def test_endless_output_is_bounded_in_memory_time_and_cpu() -> None:
    started = time.monotonic()
    before = os.times()
    finished = process.run(["/usr/bin/yes"], timeout=1, max_output=1000)
    after = os.times()
    assert finished.timed_out
    assert len(finished.stdout) == 1000
    assert time.monotonic() - started < 1 + SLACK
    assert after.user + after.system - before.user - before.system < 0.2


def test_a_lot_of_output_does_not_block_the_program_and_either_end_can_be_kept() -> None:
    code = "import sys; sys.stdout.write('a' * 500_000 + 'end'); sys.stderr.write('b' * 500_000)"
    head = process.run(python(code), timeout=20, max_output=10)
    tail = process.run(python(code), timeout=20, max_output=10, keep_tail=True)
    assert head == (0, "a" * 10, "b" * 10, None)
    assert tail == (0, "…" + "a" * 7 + "end", "…" + "b" * 10, None)


@pytest.mark.whole
def test_a_program_that_closed_its_outputs_is_still_waited_for() -> None:
    assert process.run(["/bin/sh", "-c", "exec >&- 2>&-; sleep 0.4; exit 5"], timeout=10).code == 5
    assert process.run(["/bin/sh", "-c", "exec >&- 2>&-; sleep 60"], timeout=0.5).timed_out


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert process.run(["/usr/bin/printf", r"\377ok"], timeout=5).stdout == "�ok"


def test_no_file_descriptor_is_left_open() -> None:
    process.run(["/bin/true"], timeout=5)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        process.run(["/bin/true"], timeout=5)
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_small_environment_has_a_full_path_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/opt/own:/usr/bin")
    monkeypatch.setenv("PGPASSWORD", "hidden")
    env = process.minimal_env({"EXTRA": "1"})
    assert env["PATH"] == "/opt/own:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin"
    assert (env["EXTRA"], env["LC_ALL"]) == ("1", "C.UTF-8")
    assert "PGPASSWORD" not in env


def test_what_is_given_may_be_more_than_a_pipe_holds() -> None:
    text = b"0123456789" * 100_000
    assert process.run(["sha1sum"], timeout=20, given=text).stdout.split()[0] == hashlib.sha1(text).hexdigest()
