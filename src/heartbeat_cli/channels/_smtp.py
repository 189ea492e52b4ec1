"""The connection of the e-mail channel: smtplib on a socket that is cut off at a deadline, and when too much comes.

smtplib knows a timeout for each read only, and keeps every line of an answer. So the connection goes through a relay,
which ends it whatever waits on it, a TLS handshake included. A thread that is abandoned at the deadline would not do:
smtplib would go on reading there, and what it keeps has no bound.
"""

import re
import smtplib
import socket
import ssl
import time
from contextlib import suppress
from types import TracebackType

from heartbeat_cli.system.relay import Relay
from heartbeat_cli.system.tcp import dial

_SLACK = 5.0  # seconds by which the relay is ahead of the socket's own timeout, which would name another cause
MOST = 262_144  # bytes that a server may say in one dialogue
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


class SmtpConnection:
    """A connection to be used in a `with`. `cut` says whether the deadline ended it, `flooded` whether the server did
    by saying too much."""

    def __init__(self, host: str, port: int, deadline: float) -> None:
        left = max(0.0, deadline - time.monotonic())
        self._host = host
        self._relay = Relay(dial(host, port, left), MOST, socket.socketpair())
        self._link = self._relay.end
        self._link.settimeout(left + _SLACK)
        self._server: smtplib.SMTP | None = None
        self._relay.in_thread(deadline)

    @property
    def cut(self) -> bool:
        return self._relay.late

    @property
    def flooded(self) -> bool:
        return self._relay.overrun

    def __enter__(self) -> "SmtpConnection":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        with suppress(OSError):
            self._link.close()
        if self._server is not None:
            with suppress(OSError):
                self._server.close()

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
