"""The end of a container's log, from the bytes that the Docker Engine sends: decoded, bounded, without escapes.

Without a terminal the Engine sends frames of eight bytes (1 byte stream, 3 bytes zero, 4 bytes length, big-endian) and
what was written; with one (`Config.Tty`) it sends the bytes as they are. Source: "Stream format" at
https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
"""

import re

from heartbeat_cli.domain.plain import ending, printable

LINES = 10
ASKED = LINES + 1  # entries: where there are as many, the first may be the rest of a line
_KEPT = 1_000  # characters, the last ones
_HEAD = 8  # bytes before each frame
_STREAMS = 4  # stdin, stdout, stderr, and errors of the Engine itself
_ENTRY = 16_384  # bytes after which the Engine splits a line
_CUT = "…"  # before and behind a piece of a line: without it, half of a secret would not be known as one
# Colours and cursor movements, titles, and the escapes of two characters. Each part is left in one step at the next
# escape character, so that no text takes long.
_ESCAPES = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])|\x9b[0-?]*[ -/]*[@-~]"


def tail(body: bytes, terminal: bool) -> str:
    """The last lines that hold anything, oldest first, at most 1,000 characters, of the last ASKED entries of a log; ""
    where there are none. What was cut off a line has a sign in its place."""
    written, entries = (body, 0) if terminal else _written(body)
    lines = [printable(_shown(line)).rstrip() for line in _text(written).split("\n")]
    if (entries or _entries(written)) >= ASKED and lines[0]:
        lines[0] = _CUT + lines[0].lstrip("\ufffd")  # a letter of several bytes may have been split, too
    return ending("\n".join([line for line in lines if line][-LINES:]), _KEPT)


def _text(written: bytes) -> str:
    return without_escapes(written.decode("utf-8", "replace"))


def _entries(written: bytes) -> int:
    """How many entries of a log this was, where nothing stands between them."""
    return sum(1 + len(line) // _ENTRY for line in written.split(b"\n") if line)


def without_escapes(text: str) -> str:
    """Text without the sequences that steer a terminal: a secret must not be split by one, nor a line hidden."""
    return re.sub(_ESCAPES, "", text) if "\x1b" in text or "\x9b" in text else text


def _written(body: bytes) -> tuple[bytes, int]:
    """What the frames hold, in the order of writing, and their number; a last frame may be cut. A line of one stream in
    which the other one writes is in pieces. Bytes that are no frames stay as they are: other engines send those."""
    parts: list[bytes] = []
    at, number, last = 0, 0, 0
    torn: set[int] = set()  # streams in the middle of a line
    while at < len(body):
        head = body[at : at + _HEAD]
        if head[0] >= _STREAMS or head[1:4].strip(b"\0"):
            return b"".join([*parts, body[at:]]), 0
        at += _HEAD
        part = body[at : at + int.from_bytes(head[4:], "big")]
        at += len(part)
        if number and head[0] != last and last in torn:
            parts.append(f"{_CUT}\n".encode())
        if number and head[0] != last and head[0] in torn:
            parts.append(_CUT.encode())
        (torn.discard if part.endswith(b"\n") else torn.add)(head[0])
        parts.append(part)
        last, number = head[0], number + 1
    return b"".join(parts), number


def _shown(line: str) -> str:
    """What a terminal shows of a line: a progress bar returns to its start and is written over."""
    return line.rstrip("\r").rpartition("\r")[2]
