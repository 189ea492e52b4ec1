"""The end of a container's log, from the bytes that the Docker Engine sends: decoded, bounded, without escapes.

Without a terminal the Engine sends frames of eight bytes (1 byte stream, 3 bytes zero, 4 bytes length, big-endian) and
what was written; with one (`Config.Tty`) it sends the bytes as they are. Source: "Stream format" at
https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
"""

import re

from heartbeat_cli.domain.plain import ending, printable

LINES = 10
_KEPT = 1_000  # characters, the last ones
_HEAD = 8  # bytes before each frame
_STREAMS = 4  # stdin, stdout, stderr, and errors of the Engine itself
# Colours and cursor movements, titles, and the escapes of two characters. Each part is left in one step at the next
# escape character, so that no text takes long.
_ESCAPES = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])|\x9b[0-?]*[ -/]*[@-~]"


def tail(body: bytes, terminal: bool) -> str:
    """The last lines that hold anything, oldest first, at most 1,000 characters; "" where there are none."""
    text = (body if terminal else _written(body)).decode("utf-8", "replace")
    lines = [printable(_shown(line)).rstrip() for line in without_escapes(text).split("\n")]
    return ending("\n".join([line for line in lines if line][-LINES:]), _KEPT)


def without_escapes(text: str) -> str:
    """Text without the sequences that steer a terminal: a secret must not be split by one, nor a line hidden."""
    return re.sub(_ESCAPES, "", text) if "\x1b" in text or "\x9b" in text else text


def _written(body: bytes) -> bytes:
    """What the frames hold, in the order of writing; a last frame may be cut. Bytes that are no frames stay as they
    are: other engines send those."""
    parts: list[bytes] = []
    at = 0
    while at < len(body):
        head = body[at : at + _HEAD]
        if head[0] >= _STREAMS or head[1:4].strip(b"\0"):
            return b"".join([*parts, body[at:]])
        at += _HEAD
        length = int.from_bytes(head[4:], "big")
        parts.append(body[at : at + length])
        at += length
    return b"".join(parts)


def _shown(line: str) -> str:
    """What a terminal shows of a line: a progress bar returns to its start and is written over."""
    return line.rstrip("\r").rpartition("\r")[2]
