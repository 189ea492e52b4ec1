"""Real programs that are talked to line by line."""

import time
from pathlib import Path

import psutil
import pytest

from heartbeat_cli.redact import BLOT, redact
from heartbeat_cli.system.dialogue import Dialogue, Ended, TooMuch
from heartbeat_cli.system.process import minimal_env


def started(script: str, most: int = 100_000) -> Dialogue:
    return Dialogue(("/bin/sh", "-c", script), env=minimal_env({}), cwd=None, most=most)


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


def wait_until_gone(pid: int) -> None:
    """Killed is not yet gone: the system still has to bury it."""
    end = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_lines_go_both_ways() -> None:
    one = started('while read -r line; do echo; echo "<$line>"; echo seen >&2; done')
    for text in (b"a", b"b" * 50_000):
        one.send(text, soon())
        assert one.line(soon()) == b"<" + text + b">"
    one.close(soon(1))
    assert one.errors.startswith("seen")


def test_the_end_of_a_program_has_its_code() -> None:
    for script, code in (("exit 7", 7), ("kill -9 $$", -9), ("exec >&-; sleep 50", None)):
        one = started(f"echo last words >&2; {script}")
        with pytest.raises(Ended) as raised:
            one.line(soon())
        assert (raised.value.code, one.errors) == (code, "last words\n")
        one.close(soon(0.5))


@pytest.mark.parametrize("then", ["", "; read -r line; echo seen"])
def test_what_is_kept_of_long_errors_begins_with_the_sign_of_a_cut(then: str) -> None:
    """Without it, the end of a secret that stands there would not be known as one."""
    secret = "sk-live-0123456789abcdefghijKLMN"
    one = started(f"printf '%s%s%08172d' before {secret} 0 >&2{then}")
    if then:
        one.send(b"x", soon())
        assert one.line(soon()) == b"seen"
    with pytest.raises(Ended):
        one.line(soon())
    assert one.errors == f"…{secret[-20:]}{'0' * 8172}"
    assert redact(one.errors, {secret}) == f"…{BLOT}{'0' * 8172}"
    one.close(soon(0.5))


def test_errors_that_are_kept_whole_have_no_sign_of_a_cut() -> None:
    one = started("printf '%08192d' 0 >&2")
    with pytest.raises(Ended):
        one.line(soon())
    assert one.errors == "0" * 8192
    one.close(soon(0.5))


@pytest.mark.whole
def test_a_program_that_takes_nothing() -> None:
    one = started("sleep 50")
    with pytest.raises(TimeoutError):
        one.send(b"x" * 1_000_000, soon(0.3))
    one.close(soon(0.5))
    one = started("exec <&-; echo closed; sleep 50")
    assert one.line(soon()) == b"closed"
    with pytest.raises(Ended):
        one.send(b"x", soon())
    one.close(soon(0.5))


def test_more_than_it_may_print() -> None:
    one = started("yes", most=10_000)
    with pytest.raises(TooMuch):
        while True:
            one.line(soon())
    one.close(soon(0.5))


def test_a_program_may_end_by_itself_when_its_input_does(tmp_path: Path) -> None:
    note = tmp_path / "note"
    one = started(f"cat >/dev/null; sleep 0.2; echo done >{note}")
    one.close(soon(10))
    assert note.read_text() == "done\n"


def test_one_that_ignores_all_is_killed_with_its_children() -> None:
    one = started("trap '' TERM; sleep 300 & echo $!; while :; do sleep 1; done")
    child = int(one.line(soon()))
    one.close(soon(0.5))
    wait_until_gone(child)
