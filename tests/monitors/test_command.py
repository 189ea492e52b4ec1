"""Real programs as plugins: small shell scripts that print and exit as plugins do."""

import os
import time
from pathlib import Path

import pytest

from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import command


def plugin(script: str, **more: object) -> command.Settings:
    return command.Settings(("/bin/sh", "-c", script), **more)  # type: ignore[arg-type]


def probe(settings: command.Settings, timeout: float = 10.0) -> Reading:
    return command.probe(settings, CheckContext("c", timeout, time.time()))


@pytest.mark.parametrize(("code", "status"), [(0, "healthy"), (1, "degraded"), (2, "unhealthy")])
def test_the_exit_code_is_the_status(code: int, status: str) -> None:
    reading = probe(plugin(f"echo 'MAILQ: 7 waiting | queue=7;50;200;0'; exit {code}"))
    assert reading.status == status
    assert reading.error == (None if code == 0 else "MAILQ: 7 waiting")
    assert reading.metrics == (Metric("queue", 7),)
    assert reading.response_time is not None


def test_unknown_is_that_heartbeat_could_not_check() -> None:
    with pytest.raises(Unobservable, match=r"^no such device$"):
        probe(plugin("echo 'no such device|x=1'; exit 3"))


def test_figures_of_all_lines_and_the_long_text() -> None:
    reading = probe(plugin(r"printf 'DISK | /=2MB\nlong one\nlong two | time=15ms\n/x=5%%\n'; echo sad >&2; exit 2"))
    assert {metric.name for metric in reading.metrics} == {"value_bytes", "time_seconds", "x_percent"}
    assert reading.evidence == {"output": "long one\nlong two ", "stderr": "sad"}


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo odd; exit 42", "sh ended with exit code 42: odd"),
        ("echo 'not found' >&2; exit 127", "cannot run sh: not found"),
        ("exit 126", "cannot run sh: exit code 126 without a word"),
        ("kill -9 $$", "sh was ended by signal 9"),
    ],
)
def test_codes_that_no_plugin_has(script: str, reason: str) -> None:
    with pytest.raises(Unobservable) as raised:
        probe(plugin(script))
    assert str(raised.value) == reason


def test_plain_programs_are_well_with_zero_only() -> None:
    assert probe(plugin("exit 0", exit_codes="plain")).status == "healthy"
    reading = probe(plugin("echo gone >&2; exit 3", exit_codes="plain"))
    assert (reading.status, reading.error) == ("unhealthy", "gone")


def test_what_cannot_be_started(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("hello")
    with pytest.raises(Unobservable, match=r"cannot run /no/nothing: No such file or directory$"):
        probe(command.Settings(("/no/nothing", "-H", "secret")))
    with pytest.raises(Unobservable, match=rf"cannot run {plain}: Permission denied$"):
        probe(command.Settings((str(plain),)))
    with pytest.raises(Unobservable, match=r"cannot run /bin/true: .*\(/no/folder\)"):
        probe(command.Settings(("/bin/true",), cwd="/no/folder"))
    with pytest.raises(Unobservable, match="NUL"):
        probe(command.Settings(("/bin/true", "a\0b")))


def test_a_plugin_that_hangs_is_an_error_and_dies_with_its_children() -> None:
    started = time.monotonic()
    reading = probe(plugin("sleep 60 & echo $!; sleep 60"), timeout=0.5)
    assert (reading.status, reading.error) == ("error", "sh did not finish within 0.5 s")
    assert reading.response_time is None
    assert time.monotonic() - started < 5.5


def test_environment_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "hidden")
    settings = plugin('echo "$PWD $WHO $LC_ALL [$PGPASSWORD]"; exit 1', env={"WHO": "me"}, cwd=str(tmp_path))
    assert probe(settings).error == f"{os.path.realpath(tmp_path)} me C.UTF-8 []"


def test_foreign_words_stay_on_one_line_and_are_bounded() -> None:
    reading = probe(plugin(r"printf 'bad \033[2J\tthing'; yes | head -c 9000 >&2; exit 2"))
    assert reading.error == "bad [2J thing"
    assert len(reading.evidence["stderr"]) <= 2000


def test_an_empty_command_is_a_problem() -> None:
    assert command.problems(command.Settings(("/bin/true",))) == []
    assert [key for key, _ in command.problems(command.Settings(()))] == ["command"]
