import pytest

from heartbeat_cli.domain import plain
from heartbeat_cli.domain.plain import system_words
from heartbeat_cli.domain.text import Text
from heartbeat_cli.redact import redact


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (-3, "0 s"), (1.54, "1.5 s"), (45, "45 s"), (59.9, "60 s"), (60, "1 min"), (420, "7 min"),
     (7500, "2 h 5 min"), (7200, "2 h"), (100_000, "1 d 3 h")],
)  # fmt: skip
def test_duration(seconds: float, words: str) -> None:
    assert plain.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(12, "12 B"), (1500, "1.5 kB"), (1.2e9, "1.2 GB"), (5e12, "5.0 TB"), (5e15, "5000.0 TB")],
)
def test_size(count: float, words: str) -> None:
    assert plain.size(count) == words


def test_one_line_has_no_line_break_no_escape_and_an_end() -> None:
    assert plain.one_line("a\r\nb\x1b[31m\tc\u2028d ") == "a b [31m c d"
    assert plain.one_line("x" * 1000, 10) == "x" * 9 + "…"
    assert plain.one_line("x" + " " * 1000, 10) == "x"


def test_one_line_has_a_sign_wherever_it_was_cut() -> None:
    """Blanks that become one let a text of more than four times the limit come out shorter than the limit."""
    text = "a" + " " * 1_190 + "sk-live-0123456789"
    line = plain.one_line(text, 300)
    assert line == "a sk-live-0…" and "sk-live" not in redact(line, {"sk-live-0123456789"})


def test_bounded_keeps_lines_and_drops_what_steers_a_terminal() -> None:
    assert plain.bounded("a\nb\x07\x1b]0;c") == "a\nb]0;c"
    assert len(plain.bounded("x" * 5000)) == plain.EVIDENCE


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), (str(2**63 - 1), 2**63 - 1), (str(2**63), None), ("9" * 5_000, None), ("", None),
     ("-1", None), ("+1", None), (" 1", None), ("1_0", None), ("1.0", None), ("²", None), ("٣", None), ("１", None)],
)  # fmt: skip
def test_a_whole_number_is_ascii_digits(text: str, number: int | None) -> None:
    assert plain.whole(text) == number


@pytest.mark.parametrize(("text", "port"), [("1", 1), ("65535", 65_535), ("65536", None), ("0", None), ("²", None)])
def test_a_port(text: str, port: int | None) -> None:
    assert plain.port(text) == port


@pytest.mark.parametrize("said", ["[Errno 111] Connection refused", "Connection refused", Text("connection refused")])
def test_what_the_system_said_has_words_in_every_language_and_no_number(said: str) -> None:
    found = system_words(said)
    assert isinstance(found, Text) and found.template == "connection refused" and "Errno" not in found


def test_what_no_catalog_has_stays_as_it_is() -> None:
    assert system_words("[Errno 5] Input/output error") == "Input/output error"
    assert system_words("[Errno 5]") == "[Errno 5]" and system_words("odd] thing") == "odd] thing"
