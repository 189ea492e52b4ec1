"""A small real SMTP server (aiosmtpd) in a thread of its own, and scripted ones over raw sockets."""

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.parts.hostile import Behaviour
from tests.parts.http import Certificate

USER, PASSWORD = "heartbeat", "pass-word-1"


class Whim(NamedTuple):
    """What happens to one mail: an answer, or `hang`, `reset`, `drop` instead of one; `accept`: it is taken."""

    answer: str = ""
    instead: str = ""
    accept: bool = False


class MailBox:
    """`refusals` are the answers to RCPT by address, `data` the answer to a whole mail; `mails` are those taken, with
    the recipients in `readers`, `raw` their bytes; `logins` the names that logged in.

    `mood` says of a whole mail what happens instead (None: nothing); `taken` is told of each one that is taken, before
    its answer goes out. A mail that hangs is let go, without a word, by `let_go`; `held` is how many hang."""

    def __init__(self) -> None:
        self.port = 0
        self.refusals: dict[str, str] = {}
        self.sender = "250 OK"
        self.data = "250 OK"
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.readers: list[list[str]] = []
        self.encrypted: list[bool] = []
        self.logins: list[str] = []
        self.mood: Callable[[EmailMessage], Whim | None] = lambda mail: None
        self.taken: Callable[[EmailMessage, Whim | None], None] = lambda mail, whim: None
        self.held = 0
        self._round = 0

    def let_go(self) -> None:
        self._round += 1

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        envelope.mail_from = address
        return self.sender

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content
        assert isinstance(content, bytes)
        mail = BytesParser(EmailMessage, policy=default).parsebytes(content)
        whim = self.mood(mail) if self.data.startswith("250") else None
        if whim.accept if whim else self.data.startswith("250"):
            self.raw.append(content)
            self.mails.append(mail)
            self.readers.append(list(envelope.rcpt_tos))
            assert server.transport is not None
            self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
            self.taken(mail, whim)
        if whim is None:
            return self.data
        return whim.answer or await self._behave(server.transport, whim.instead)

    async def _behave(self, transport: Any, how: str) -> str:
        if how == "hang":
            self.held, now = self.held + 1, self._round
            try:
                while self._round == now:
                    await asyncio.sleep(0.01)
            finally:  # the client may go away first
                self.held -= 1
        elif how == "reset":
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )  # fmt: skip
        transport.abort()
        return "421 gone"

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and data == LoginPassword(USER.encode(), PASSWORD.encode())
        if good:
            self.logins.append(USER)
        return AuthResult(success=good, handled=False)


@contextmanager
def smtp_server(
    certificate: Certificate | None = None,
    *,
    tls: bool = False,
    auth: bool = False,
    size: int = 33_554_432,
    port: int = 0,
) -> Iterator[MailBox]:
    """With a certificate: STARTTLS is required, or with `tls` the server speaks TLS from the first byte. `port` 0: any
    that is free."""
    box = MailBox()
    context = certificate.context() if certificate else None
    loop = asyncio.new_event_loop()

    def protocol() -> SMTP:
        return SMTP(
            box,
            hostname="mx.test",
            loop=loop,
            data_size_limit=size,
            tls_context=None if tls else context,
            require_starttls=context is not None and not tls,
            authenticator=box.login if auth else None,
            auth_required=auth,
            auth_require_tls=context is not None and not tls,
        )

    server = loop.run_until_complete(
        loop.create_server(protocol, "127.0.0.1", port, ssl=context if tls else None)
    )  # fmt: skip
    box.port = server.sockets[0].getsockname()[1]
    loop.set_exception_handler(lambda loop, about: None)  # a client that goes away is what these tests are about
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        server.close()
        if pending := asyncio.all_tasks(loop):
            for task in pending:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def says(*answers: bytes, then: str = "close") -> Behaviour:
    """A server that gives these answers, the first as its greeting and each next one after a line of the client, and
    then hangs, drips (as if in a TLS handshake, too) or closes."""

    def behave(connection: socket.socket, stop: threading.Event) -> None:
        received = connection.makefile("rb")
        for number, answer in enumerate(answers):
            if number:
                _read_one(received, data=answers[number - 1].startswith(b"354"))
            connection.sendall(answer + b"\r\n")
        if then == "close":
            if answers:
                _read_one(received, data=answers[-1].startswith(b"354"))
            return
        if then == "drip in TLS":
            connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")  # a long ServerHello begins
        while not stop.wait(0.1):
            if then != "hang":
                with suppress(OSError, ssl.SSLError):
                    connection.sendall(b"2")

    return behave


def _read_one(received: Any, *, data: bool) -> None:
    """One line of the client, or with `data` all of the mail."""
    while (line := received.readline()) and data and line != b".\r\n":
        pass
