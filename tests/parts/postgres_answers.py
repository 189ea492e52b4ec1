"""A server that speaks PostgreSQL's protocol, lets anybody in, and answers each query with a row as asked for."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from tests.parts.postgres_floods import message

Cell = tuple[int, bytes | None]  # the type that the server says (an oid), and the text (None: NULL)
_ENCRYPTIONS = (struct.pack("!i", 80_877_103), struct.pack("!i", 80_877_104))
_LET_IN = message(b"R", struct.pack("!i", 0)) + b"".join(
    message(b"S", text) for text in (b"client_encoding\0UTF8\0", b"DateStyle\0ISO, MDY\0", b"server_version\00017.0\0")
)
_READY = message(b"Z", b"I")


def _row(cells: Sequence[Cell]) -> bytes:
    count = struct.pack("!h", len(cells))
    heads = b"".join(b"c\0" + struct.pack("!ihihih", 0, 0, oid, -1, -1, 0) for oid, _ in cells)
    texts = b"".join(struct.pack("!i", -1 if text is None else len(text)) + (text or b"") for _, text in cells)
    return message(b"T", count + heads) + message(b"D", count + texts) + message(b"C", b"SELECT 1\0") + _READY


@contextmanager
def answering(answer: Callable[[str], Sequence[Cell]], encoding: bytes = b"UTF8") -> Iterator[int]:
    """The port of such a server on 127.0.0.1; `answer` is given the text of each query, `encoding` is what it says of
    its database."""
    let_in = _LET_IN + message(b"S", b"server_encoding\0" + encoding + b"\0") + _READY

    def treat(client: socket.socket) -> None:
        with suppress(OSError), client, client.makefile("rb") as said:
            while (begin := said.read(int.from_bytes(said.read(4), "big") - 4))[:4] in _ENCRYPTIONS:
                client.sendall(b"N")
            client.sendall(let_in if begin else b"")
            while said.read(1) == b"Q":
                query = said.read(int.from_bytes(said.read(4), "big") - 4)
                client.sendall(_row(answer(query.rstrip(b"\0").decode())))

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=treat, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
