"""Lines that are read in pieces: what is shown of them has a sign where it was cut, so that half of a secret is known
as one; and a file of very many lines is judged in small batches."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from heartbeat_cli.domain.kinds.log_pattern import Wanted
from heartbeat_cli.domain.kinds.log_place import LONGEST, unread
from heartbeat_cli.monitors._log_content import Plain
from heartbeat_cli.monitors._log_reading import read
from heartbeat_cli.monitors._log_tally import Tally
from heartbeat_cli.redact import redact
from tests.monitors.test_log import Watched, matches, write

SECRET = "Zq7-né-Pw93kkT5vX2mB8rLd41"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    write(path, "begins")
    return path


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def shown(log: Watched) -> str:
    """What a check shows of the lines, and that no half of the secret is in it."""
    reading = log.check()
    text = redact(f"{reading.error}\n{reading.evidence.get('matching lines', '')}", {SECRET})
    assert not any(SECRET[at : at + 6] in text for at in range(len(SECRET) - 5)), text
    return text


@pytest.mark.parametrize("before", range(5, 18))
def test_a_secret_at_the_end_of_a_piece_is_hidden(path: Path, before: int) -> None:
    log = Watched(path=str(path), contains="ERROR", critical=1)
    log.check()
    append(path, "x" * (LONGEST - before) + SECRET + " ERROR tail\n")
    assert "… ERROR tail" in shown(log).replace("•••", "")


def test_a_whole_line_has_no_sign(path: Path) -> None:
    log = Watched(path=str(path), contains="ERROR")
    log.check()
    write(path, "ERROR one", "x" * LONGEST, "ERROR two")
    assert log.check().evidence["matching lines"] == "ERROR one\nERROR two"


def test_a_line_that_the_first_check_finds_unfinished_begins_with_a_sign(path: Path) -> None:
    log = Watched(path=str(path), contains="ERROR")
    append(path, f"sending {SECRET[:10]}")
    log.check()
    append(path, f"{SECRET[10:]} ERROR end\n")
    assert "…••• ERROR end" in shown(log)


def test_a_line_without_an_end_has_signs_on_both_sides_of_the_pause(path: Path) -> None:
    log = Watched(path=str(path), pattern="ERROR|end$")
    log.check()
    append(path, f"ERROR sending {SECRET[:12]}")
    assert [matches(log.check()), "ERROR sending •••…" in shown(log)] == [0, True]
    append(path, f"{SECRET[12:]} end\n")
    assert "…••• end" in shown(log)


def test_patterns_see_the_line_without_the_signs(path: Path) -> None:
    fast, slow = Watched(path=str(path), pattern="^ERROR half$"), Watched(path=str(path), pattern="^(ERROR) half$")
    fast.check(), slow.check()
    append(path, "ERROR half")
    fast.check(), slow.check()
    assert [one.check().evidence["matching lines"] for one in (fast, slow)] == ["ERROR half…"] * 2


class _Counting(Tally):
    """Notes how many lines are judged at a time."""

    batches: tuple[int, ...] = ()

    def take(self, lines: Sequence[bytes], before: bytes | None = None) -> int:
        self.batches = (*self.batches, len(lines))
        return super().take(lines, before)


@pytest.mark.whole
def test_many_lines_are_judged_in_batches_with_the_clock_between(path: Path) -> None:
    """A megabyte of line ends is a million lines: judged at once they would outlast the check."""
    path.write_text("\n" * 1_500_000)
    tally = _Counting(Wanted("ERROR"), 4_000_000, float("inf"))
    with path.open("rb") as file:
        place, left = read(unread("app.log", 1), Plain(file.fileno()), 4_000_000, tally, 0.0)
    assert (tally.lines, place.offset, left) == (1_500_000, 1_500_000, 0)
    assert max(tally.batches) <= 20_000


def test_what_is_left_of_a_batch_waits_for_the_next_check(path: Path) -> None:
    path.write_text("\n" * 1_500_000)

    class Ended(_Counting):
        """Its time is over after some batches."""

        def take(self, lines: Sequence[bytes], before: bytes | None = None) -> int:
            done = super().take(lines, before)
            self.deadline = 0.0 if len(self.batches) == 3 else self.deadline
            return done

    tally = Ended(Wanted("ERROR"), 4_000_000, float("inf"))
    with path.open("rb") as file:
        place, left = read(unread("app.log", 1), Plain(file.fileno()), 4_000_000, tally, 0.0)
    assert (len(tally.batches), place.offset, left) == (3, tally.lines, 1_500_000 - tally.lines)
    assert 0 < place.offset < 1_500_000
