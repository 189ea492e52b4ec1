"""Server-sent events, as they come in: what MCP servers and model APIs stream their answers in.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import re

_LINE_END = re.compile(rb"\r\n|\n|\r")
_LONGEST = 4_194_304  # bytes of one event; who asks bounds the whole stream, mostly by less


class Events:
    """Takes a stream apart, whatever pieces it comes in. Only the data of events is kept; an event without is none."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._begun = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of each event that this piece completes, its lines joined by line feeds."""
        text = self._rest + piece
        if not self._begun:
            if len(text) < 3 and b"\xef\xbb\xbf".startswith(text):
                self._rest = text
                return []
            self._begun, text = True, text.removeprefix(b"\xef\xbb\xbf")
        # A carriage return at the end may be half of a line end.
        held = b"\r" if text.endswith(b"\r") else b""
        *lines, rest = _LINE_END.split(text.removesuffix(held))
        self._rest = rest[:_LONGEST] + held
        return [data for line in lines if (data := self._take(line)) is not None]

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
