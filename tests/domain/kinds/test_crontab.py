"""Crontab lines: how many, what a shell makes of them, and that other people's lines survive."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.kinds.crontab import BEGIN, END, Job, block, jobs, merged, offset, tick

PLAIN = Job(("/opt/bin/heartbeat",), "/etc/heartbeat.toml")


@pytest.mark.parametrize(
    ("interval", "own", "seconds"),
    [
        (15, (), 15),
        (30, (), 30),
        (60, (), 60),
        (300, (), 60),
        (30, (60, 15), 15),
        (60, (45,), 30),
        (60, (25.5,), 20),
        (30, (3600,), 30),
        (30, (1,), 10),
        (30, (10,), 10),
        (30, (14.9,), 12),
    ],
)
def test_the_tick_is_the_shortest_interval_rounded_down_to_what_divides_a_minute(
    interval: float, own: tuple[float, ...], seconds: int
) -> None:
    assert tick(interval, own) == seconds


@pytest.mark.parametrize(("every", "delays"), [(60, [0]), (30, [0, 30]), (15, [0, 15, 30, 45]), (20, [0, 20, 40])])
def test_a_line_for_each_start(every: int, delays: list[int]) -> None:
    lines = jobs(block(PLAIN, every).encode())
    assert len(lines) == len(delays)
    for line, delay in zip(lines, delays, strict=True):
        sleep = f"sleep {delay}; " if delay else ""
        assert line.startswith(f"* * * * * {sleep}/usr/bin/env PATH=/usr/local/sbin:")
        assert line.endswith(" /opt/bin/heartbeat --config /etc/heartbeat.toml run")
        assert "$" not in line


def test_an_offset_delays_every_start_within_its_minute() -> None:
    lines = jobs(block(PLAIN, 30, 7).encode())
    assert [line.split("; ")[0] for line in lines] == ["* * * * * sleep 7", "* * * * * sleep 37"]


def test_a_host_keeps_its_own_share_of_the_jitter() -> None:
    shares = [offset(f"host-{number}", 20, 30) for number in range(200)]
    assert shares == [offset(f"host-{number}", 20, 30) for number in range(200)]
    assert set(shares) == set(range(21))
    assert {offset(f"host-{number}", 50, 15) for number in range(200)} == set(range(15))
    assert offset("any", 0, 30) == 0


def test_what_the_shell_gets_is_what_was_meant(tmp_path: Path) -> None:
    """As cron does: each `\\%` becomes `%`, the rest goes to /bin/sh with almost no environment."""
    folder = tmp_path / "a b%c'd$HOME"
    folder.mkdir()
    program, config = folder / "heart beat", folder / "100%.toml"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "$PATH" "$XDG_STATE_HOME"\n')
    program.chmod(0o755)
    (line,) = jobs(block(Job((str(program),), str(config), {"XDG_STATE_HOME": "/s t/%d"}), 60).encode())
    command = line.removeprefix("* * * * * ")
    assert "%" not in command.replace("\\%", "")
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace("\\%", "%")], env={"HOME": "/"}, capture_output=True, text=True, check=True
    )
    said = done.stdout.splitlines()
    assert said[:3] == ["--config", str(config), "run"]
    assert "/usr/local/bin" in said[3].split(os.pathsep)
    assert said[4] == "/s t/%d"


@pytest.mark.parametrize("path", ["/a\nb", "/a\\b", "/a\0b", "/a\rb", "/x" * 600])
def test_what_a_crontab_cannot_hold_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"cannot stand in a crontab|cron takes"):
        block(PLAIN._replace(config=path), 30)


_LINES = st.lists(st.binary(max_size=30).filter(lambda line: b"heartbeat" not in line), max_size=6)


@given(_LINES, _LINES)
def test_other_lines_stay_byte_for_byte(before: list[bytes], after: list[bytes]) -> None:
    old = block(PLAIN, 30).encode()
    head = b"".join(line + b"\n" for line in before)
    tail = b"".join(line + b"\n" for line in after)
    assert merged(head + old + tail, None) == head + tail
    new = block(PLAIN, 15)
    installed = merged(head + old + tail, new)
    assert installed == head + new.encode() + tail
    assert merged(installed, new) == installed


def test_a_last_line_without_its_end_gets_one() -> None:
    assert merged(b"1 2 3 4 5 true", "X\n") == b"1 2 3 4 5 true\nX\n"
    assert merged(b"", "X\n") == b"X\n"


def test_a_second_block_goes() -> None:
    one = block(PLAIN, 60).encode()
    assert merged(b"a\n" + one + b"b\n" + one + b"c\n", "X\n") == b"a\nX\nb\nc\n"


@pytest.mark.parametrize("text", [f"{BEGIN}\n* * * * * x\n", f"x\n{END}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"])
def test_markers_without_partner_are_never_guessed_about(text: str) -> None:
    with pytest.raises(ValueError, match="# heartbeat"):
        merged(text.encode(), None)
