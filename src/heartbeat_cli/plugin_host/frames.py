"""Messages between heartbeat and a plug-in's process: JSON behind its length in four bytes, on a Unix socket.

JSON and not pickle: what a plug-in sends can become nothing but plain values here.
"""

import json
import socket
import time
from typing import Any

MOST = 1_048_576  # bytes of one message
_HEAD = 4


class TooLong(ValueError):
    """A message of more than MOST bytes."""


def send(link: socket.socket, value: Any) -> None:
    """Send one message. Raises OSError, and as `packed` does."""
    link.sendall(packed(value))


def packed(value: Any, most: int = MOST) -> bytes:
    """One message as it is sent. Raises ValueError or TypeError for what JSON cannot hold, TooLong."""
    data = json.dumps(value, default=_plain).encode()
    if len(data) > most:
        raise TooLong(f"it has more than {most} bytes")
    return len(data).to_bytes(_HEAD, "big") + data


def receive(link: socket.socket, until: float | None = None) -> Any:
    """The next message, or None when the other side has closed. Raises TimeoutError at `until` (time.monotonic()),
    TooLong, another ValueError for what is no message, OSError."""
    head = _exactly(link, _HEAD, until)
    if len(head) < _HEAD:
        return None
    size = int.from_bytes(head, "big")
    if size > MOST:
        raise TooLong(f"it has more than {MOST} bytes")
    data = _exactly(link, size, until)
    return json.loads(data) if len(data) == size else None


def _exactly(link: socket.socket, size: int, until: float | None) -> bytes:
    found = bytearray()
    while len(found) < size:
        if until is not None:
            link.settimeout(max(0.001, until - time.monotonic()))
        piece = link.recv(min(65_536, size - len(found)))
        if not piece:
            break
        found += piece
        if until is not None and time.monotonic() >= until and len(found) < size:
            raise TimeoutError
    return bytes(found)


def _plain(value: Any) -> Any:
    """A number of another library (numpy, Decimal) as a float."""
    if hasattr(value, "__float__"):
        return float(value)
    raise TypeError(f"{type(value).__name__} is no plain value")
