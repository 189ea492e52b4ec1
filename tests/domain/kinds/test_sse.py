"""Server-sent events: whatever pieces a stream comes in, the same events come out."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.kinds.sse import Events, events
from tests.parts.growth import growth


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\r\n\r\ndata: b\r\r", [b"a", b"b"]),
        (b"event: message\nid: 1\ndata: a\ndata: b\n\n", [b"a\nb"]),
        (b": comment\n\nretry: 5\n\ndata\n\n", [b""]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data:  two blanks\n\n", [b" two blanks"]),
        (b"database: a\n\ndata : b\n\n", []),
        (b"data: never ended\n", []),
    ],
)
def test_streams(stream: bytes, found: list[bytes]) -> None:
    assert events(stream) == found


STREAM = st.lists(
    st.sampled_from([b"data: ", b"data:", b"id: 1", b"x", b"\n", b"\r", b"\r\n", b": ", b"\xef\xbb\xbf", b"\xff"]),
    max_size=40,
).map(b"".join)


@given(STREAM, st.lists(st.integers(0, 80), max_size=8))
def test_the_pieces_do_not_matter(stream: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    parser = Events()
    found = [data for a, b in pairwise(places) for data in parser.feed(stream[a:b])]
    found += parser.feed(b"\ndata: end\n\n")
    assert found == events(stream + b"\ndata: end\n\n")


@given(STREAM)
def test_byte_by_byte(stream: bytes) -> None:
    parser = Events()
    whole = b"data: a\r\ndata: b\r\n" + stream + b"\ndata: end\n\n"
    assert [data for byte in whole for data in parser.feed(bytes([byte]))] == events(whole)


def test_a_line_in_small_pieces_is_not_read_over_and_over() -> None:
    def work(text: str) -> None:
        parser = Events()
        for sign in text.encode():
            parser.feed(bytes([sign]))

    assert growth(work, lambda size: "x" * size, 20_000) < 25
