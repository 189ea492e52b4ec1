"""The connection of the e-mail channel: smtplib on a socket that is cut off at a deadline.

smtplib knows a timeout for each read only, so a server that drips would hold it for ever. Here a timer shuts the
connection down, whatever waits on it, a TLS handshake included.
"""

import re
import smtplib
import socket
import ssl
import threading
import time
from contextlib import suppress
from types import TracebackType

from heartbeat_cli.dial import dial

_SLACK = 5.0  # seconds by which the timer is ahead of the socket's own timeout, which would tell another story
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


class Line:
    """A connection to be used in a `with`. `cut` says whether the deadline ended it."""

    def __init__(self, host: str, port: int, deadline: float) -> None:
        left = max(0.0, deadline - time.monotonic())
        self.cut = False
        self._host = host
        self._link = dial(host, port, left)
        self._link.settimeout(left + _SLACK)
        # A second handle on the same connection: TLS takes the first one away.
        self._knife = self._link.dup()
        self._server: smtplib.SMTP | None = None
        self._timer = threading.Timer(max(0.0, deadline - time.monotonic()), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._timer.cancel()
        with suppress(OSError):
            self._link.close()
        if self._server is not None:
            with suppress(OSError):
                self._server.close()
        self._knife.close()

    def encrypt(self, context: ssl.SSLContext) -> None:
        self._link = context.wrap_socket(self._link, server_hostname=self._host)

    def greet(self) -> smtplib.SMTP:
        """The server, once it has said hello."""
        link = self._link

        class Server(smtplib.SMTP):
            def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
                return link

        name = socket.gethostname()
        # The name is given, or smtplib would ask the name service for it and wait.
        server = Server(local_hostname=name if _NAME.fullmatch(name) else "localhost")
        self._server = server
        server._host = self._host  # type: ignore[attr-defined]  # the name that starttls checks the certificate for
        code, said = server.connect(self._host, 25)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        return server

    def _cut(self) -> None:
        self.cut = True
        with suppress(OSError):
            self._knife.shutdown(socket.SHUT_RDWR)
