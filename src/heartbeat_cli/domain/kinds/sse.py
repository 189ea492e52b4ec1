"""Server-sent events, as they come in: what MCP servers and model APIs stream their answers in.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import re

_LINE_END = re.compile(rb"\r\n|\n|\r")
_LONGEST = 4_194_304  # bytes of one event; who asks bounds the whole stream, mostly by less


class Events:
    """Takes a stream apart, whatever pieces it comes in. Only the data of events is kept; an event without is none."""

    def __init__(self) -> None:
        self._line: list[bytes] = []  # of the unfinished line: joined once, however small its pieces are
        self._length = 0
        self._held = b""  # what may be half of a mark or of a line end
        self._data: list[bytes] = []
        self._size = 0
        self._begun = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of each event that this piece completes, its lines joined by line feeds."""
        text, self._held = self._held + piece, b""
        if not self._begun:
            if len(text) < 3 and b"\xef\xbb\xbf".startswith(text):
                self._held = text
                return []
            self._begun, text = True, text.removeprefix(b"\xef\xbb\xbf")
        if text.endswith(b"\r"):
            self._held, text = b"\r", text[:-1]
        first, *more = _LINE_END.split(text)
        self._go_on(first)
        if not more:
            return []
        lines, rest = [b"".join(self._line), *more[:-1]], more[-1]
        self._line, self._length = [], 0
        self._go_on(rest)
        return [data for line in lines if (data := self._take(line)) is not None]

    def _go_on(self, piece: bytes) -> None:
        if piece and self._length < _LONGEST:
            self._line.append(piece[: _LONGEST - self._length])
            self._length += len(piece)

    def _take(self, line: bytes) -> bytes | None:
        if not line:
            data, self._data, self._size = self._data, [], 0
            return b"\n".join(data) if data else None
        name, _, value = line.partition(b":")
        if name == b"data" and self._size < _LONGEST:
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
        return None


def events(body: bytes) -> list[bytes]:
    """The data of all events of a stream that has ended; one that is not complete at its end does not count."""
    parser = Events()
    return [*parser.feed(body), *parser.feed(b"\n")] if body.endswith(b"\r") else parser.feed(body)
