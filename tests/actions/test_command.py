import os
import time
from pathlib import Path

from heartbeat_cli.actions import command
from heartbeat_cli.domain.outcome import Outcome


def run(*argv: str, timeout: float = 10.0, **more: object) -> Outcome:
    return command.run(command.Settings(argv, **more), timeout=timeout)  # type: ignore[arg-type]


def test_success_and_failure() -> None:
    assert run("/bin/echo", "hello world") == ("done", "echo ended with exit code 0", "hello world")
    assert run("/bin/false") == ("failed", "false ended with exit code 1", "")
    assert run("/bin/sh", "-c", "kill -9 $$").detail == "sh was ended by signal 9"


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    assert run("/bin/echo", f"$(touch {tmp_path}/x); `id`").output == f"$(touch {tmp_path}/x); `id`"
    assert not (tmp_path / "x").exists()


def test_environment_and_folder(tmp_path: Path) -> None:
    outcome = run("/bin/sh", "-c", 'echo "$PWD $WHO"', cwd=str(tmp_path), env={"WHO": "me"})
    assert outcome.output == f"{os.path.realpath(tmp_path)} me"


def test_a_program_is_found_on_the_path() -> None:
    assert run("true").result == "done"


def test_what_cannot_be_started_is_an_outcome_and_tells_no_argument(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("hello")
    assert run("/no/such", "--password=x") == (
        "failed", "cannot run such: no such file or directory (/no/such)", ""
    )  # fmt: skip
    assert run(str(plain)) == ("denied", f"cannot run plain: permission denied ({plain})", "")
    assert run("/bin/echo", "a\0b").result == "failed"


def test_the_deadline() -> None:
    started = time.monotonic()
    outcome = run("/bin/sleep", "60", timeout=0.3)
    assert outcome == ("failed", "sleep did not finish within 0.3 s and was killed", "")
    assert time.monotonic() - started < 5.3


def test_an_empty_command_is_a_problem() -> None:
    assert [key for key, _ in command.problems(command.Settings(()))] == ["command"]
    assert command.problems(command.Settings(("x",))) == []
