"""Unpacks an answer that a server compresses although it was asked not to. `transfer.py` imports this when one does.

libcurl would unpack all of a chunk in one call, and every layer that the head names, each a thousandfold: nobody else
would be served meanwhile. Here one layer is unpacked, up to what an answer may have, and only if the caller has seen
that the head names it.
"""

import zlib

from heartbeat_cli.domain.checking.exchange import Fault
from heartbeat_cli.domain.text import Text
from heartbeat_cli.http.faults import plain

BROKEN_OFF = Fault("protocol", Text("the compressed answer breaks off"))
_CODINGS = frozenset({b"gzip", b"x-gzip", b"deflate"})  # RFC 9110, 8.4.1
_GZIP_OR_ZLIB, _RAW = 47, -15  # window sizes of zlib that say which form there is


class NotUnpacked(ValueError):
    """It cannot be unpacked. The text says why."""


class Unpacker:
    """One body. Raises NotUnpacked for a coding (a header's value) that is not known here."""

    def __init__(self, coding: bytes) -> None:
        if coding not in _CODINGS:
            raise NotUnpacked(coding.decode("latin-1"))
        self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._may_be_raw = coding == b"deflate"  # some servers leave the head of zlib out

    @property
    def is_done(self) -> bool:
        """Whether the body is whole. What comes then is no part of it, and zlib would copy all of it at each call."""
        return self._stream.eof

    def unpacked(self, chunk: bytes, most: int) -> bytes:
        """What a chunk unpacks to, at most so many bytes; what would be more is lost. Raises NotUnpacked."""
        try:
            found = self._stream.decompress(chunk, most)
        except zlib.error as error:
            if not self._may_be_raw:
                raise NotUnpacked(str(error)) from None
            self._stream, self._may_be_raw = zlib.decompressobj(_RAW), False
            return self.unpacked(chunk, most)
        self._may_be_raw = False
        return found


def broken(error: NotUnpacked) -> Fault:
    """The fault of an answer that cannot be unpacked."""
    return Fault("protocol", Text("the answer's compression is broken or unknown: {said}", said=plain(str(error))))
