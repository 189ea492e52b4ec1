"""The stream format of the Docker Engine, and what is left of a log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.kinds.container_log import ASKED, LINES, tail, without_escapes
from heartbeat_cli.redact import redact


def framed(text: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


@pytest.mark.whole
@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.text("abc äß", max_size=20)), max_size=30))
def test_the_last_lines_of_both_streams_in_their_order(written: list[tuple[int, str]]) -> None:
    body = b"".join(framed(f"{text}\n".encode(), stream) for stream, text in written)
    lines = [text.rstrip() for _, text in written if text.rstrip()]
    if len(written) >= ASKED and written[0][1].strip():
        lines[0] = f"…{lines[0]}"
    assert tail(body, terminal=False) == "\n".join(lines[-LINES:])


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_give_a_harmless_text(body: bytes, terminal: bool) -> None:
    found = tail(body, terminal)
    assert len(found) <= 1_000 and len(found.split("\n")) <= LINES
    assert all(char.isprintable() or char in "\n\t" for char in found)


@given(st.lists(st.binary(max_size=9), max_size=5), st.integers(0, 60))
def test_frames_that_are_cut_lose_their_end_only(parts: list[bytes], cut: int) -> None:
    whole = b"".join(framed(b"x" * len(part)) for part in parts)
    assert set(tail(whole[:cut], terminal=False)) <= {"x"}


def test_what_is_no_frame_stays_as_it_is() -> None:
    assert tail(b"plain\nlines\n", terminal=False) == "plain\nlines"
    assert tail(framed(b"one\n") + b"two\n", terminal=False) == "one\ntwo"
    assert tail(framed(b"half a ") + framed(b"line\n"), terminal=False) == "half a line"


def test_escapes_go_and_what_they_split_is_whole_again() -> None:
    assert without_escapes("\x1b[1;31mred\x1b[0m \x1b]0;title\x07and \x1b]8;;http://x\x1b\\link\x1bM") == "red and link"
    assert without_escapes("\x9b2Jclean") == "clean"
    found = tail(framed(b"password=hun\x1b[1mter2\n"), terminal=False)
    assert found == "password=hunter2" and "hunter2" not in redact(found)
    assert "s3cr3t-value" not in redact(tail(framed(b"s3cr3t\x1b[0m-value\n"), terminal=False), ["s3cr3t-value"])


def test_many_escapes_take_no_long_time() -> None:
    for text in ("\x1b]", "\x1b[0", "\x1b[ ", "\x1b", "\x9b;"):
        assert len(without_escapes(text * 60_000)) <= len(text) * 60_000


def test_the_end_of_a_long_text_is_kept_and_half_a_secret_is_none() -> None:
    secret = "A-long-secret-0123456789"
    body = framed((f"x{secret}" + "y" * 990).encode())
    found = tail(body, terminal=False)
    assert len(found) == 1_000 and found.startswith("…") and found.endswith("y")
    assert "123456789y" not in redact(found, [secret])


SECRET = "sk-live-0123456789abcdef"


@pytest.mark.parametrize("cut", range(1, 20))
def test_the_rest_of_a_line_that_the_engine_has_split_has_a_sign_before_it(cut: int) -> None:
    """At most 16 kB of a line are one entry, and the first entry that is sent may be the rest of one."""
    rest, lines = SECRET[cut:], "".join(f"\nline {number}" for number in range(10))
    entries = [f"{rest} failed\n", *(f"line {number}\n" for number in range(10))]
    found = tail(b"".join(framed(one.encode()) for one in entries), terminal=False)
    assert found == lines.strip(), "of eleven lines ten are shown, and those are whole"
    entries = [f"{rest} failed\n", *["x" * 16_384, "y\n"] * 5]
    body = b"".join(framed(one.encode()) for one in entries)
    for found in (tail(body, terminal=False), tail(b"".join(one.encode() for one in entries), terminal=True)):
        assert found.startswith("…") and rest not in redact(found, [SECRET])
    short = [f"{rest} failed\n", *[""] * 10]
    found = tail(b"".join(framed(one.encode()) for one in short), terminal=False)
    assert found == f"…{rest} failed"
    assert rest not in redact(found, [SECRET])


@pytest.mark.parametrize("cut", range(10, 20))
def test_a_line_that_another_stream_interrupts_is_in_pieces(cut: int) -> None:
    body = framed(f"got {SECRET[:cut]}".encode()) + framed(b"warning\n", 2) + framed(f"{SECRET[cut:]} now\n".encode())
    found = tail(body, terminal=False)
    assert found == f"got {SECRET[:cut]}…\nwarning\n…{SECRET[cut:]} now"
    assert redact(found, [SECRET]) == "got •••…\nwarning\n…••• now"


def test_a_letter_that_was_split_hides_no_rest_of_a_secret() -> None:
    entries = [framed("ü-secret-0123456789\n".encode()[1:]), *[framed(b"")] * 10]
    found = tail(b"".join(entries), terminal=False)
    assert redact(found, ["key-ü-secret-0123456789"]) == "…•••"
