import os
import time
from pathlib import Path

from heartbeat_cli.actions import command
from heartbeat_cli.domain.recovery.outcome import Outcome


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
    why = f"cannot run plain: permission denied ({plain}); make it executable for heartbeat's user"
    assert run(str(plain)) == ("denied", why, "")
    assert run("/bin/echo", "a\0b").result == "failed"


def test_the_deadline() -> None:
    started = time.monotonic()
    outcome = run("/bin/sleep", "60", timeout=0.3)
    assert outcome == ("failed", "sleep did not finish within 0.3 s and was killed", "")
    assert time.monotonic() - started < 5.3


def test_an_empty_command_is_a_problem() -> None:
    assert [key for key, _ in command.problems(command.Settings(()))] == ["command"]
    assert command.problems(command.Settings(("x",))) == []


def test_what_it_prints_is_data(tmp_path: Path) -> None:
    """No NUL reaches a database, no escape sequence a terminal."""
    outcome = run("/bin/sh", "-c", r"printf 'a\0b\033[31m; rm -rf $(x)\n'; printf 'bad\0\033[0m\nend' >&2; exit 1")
    assert outcome == ("failed", "sh ended with exit code 1: end", "ab[31m; rm -rf $(x)\nbad[0m\nend")


def test_whether_it_may_be_run(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("hello")

    def right(*argv: str, cwd: str | None = None) -> tuple[str, str]:
        return command.rights(command.Settings(argv, cwd), timeout=5)[:2]

    assert right("true", "--password=x") == ("ok", "true may be run")
    assert right("/bin/true", cwd="/") == ("ok", "/bin/true may be run")
    assert right("/no/such") == ("bad", "/no/such: no such program")
    assert right("no-such-program") == ("bad", "no-such-program: no such program")
    assert right("a\0b")[0] == "bad"
    assert right(str(plain)) == ("bad", f"{plain} may not be run by this user")
    assert right("./plain", cwd=str(tmp_path)) == ("bad", "./plain may not be run by this user")
    assert right("true", cwd="/no/such") == ("bad", "cwd /no/such: no such folder")
