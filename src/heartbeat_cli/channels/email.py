"""Send a mail in plain text and HTML through an SMTP server. The mails of an incident form a thread.

One mail goes to all of `to`. If some of them are refused, it counts as sent and the refusal is noted; if all are
refused for good, it is given up. What a person must solve (a wrong password, a sender that is not allowed, a server
without STARTTLS) keeps the message waiting: it is retried every few minutes, then more rarely.

    [channels.mail]
    kind = "email"
    host = "smtp.example.org"
    username = "heartbeat@example.org"
    password = "file:/etc/heartbeat/smtp.password"
    from = "heartbeat@example.org"
    to = ["ops@example.org"]
"""

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from heartbeat_cli.domain.alerting import mail_address
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.errors import DeliveryError, Unobservable
from heartbeat_cli.system import shared_folder

if TYPE_CHECKING:
    import smtplib
    from email.message import EmailMessage
    from ssl import SSLContext

    from heartbeat_cli.channels._smtp import SmtpConnection

_PORTS = {"none": 25, "starttls": 587, "tls": 465}
_HERE = ("localhost", "127.0.0.1", "::1")
_MENDABLE = 300.0  # seconds until the next try of what a person has to mend first
_TOO_BIG = 552  # of the sender's refusals the one that is about this mail


class Settings(Record):
    """Which server takes the mail, and from whom to whom it goes.

    host: name or address of the SMTP server
    from: address of the sender, alone or as in "Heartbeat <heartbeat@example.org>"
    to: addresses of the recipients
    security: starttls, tls from the first byte, or none, which is for a server on this host
    port: port of the server; default: 587 with starttls, 465 with tls, 25 with none
    username: name to log in with; default: none, so no login
    password: password to log in with, best as "file:PATH" or "env:NAME"
    verify_tls: check the server's certificate
    ca_file: file with the certificates to trust; default: those of this system
    """

    host: str
    from_: str
    to: tuple[str, ...]
    security: Literal["none", "starttls", "tls"] = "starttls"
    port: int | None = None
    username: str | None = None
    password: str | None = None
    verify_tls: bool = True
    ca_file: str | None = None


def problems(settings: Settings) -> list[tuple[str, str]]:
    found = [] if settings.to else [("to", "expected at least one address")]
    for key, text in [("from", settings.from_), *(("to", one) for one in settings.to)]:
        try:
            mail_address.read(text)
        except ValueError as error:
            found.append((key, f"{one_line(text, 60)!r}: {error}"))
    if settings.port is not None and not 0 < settings.port < 65_536:
        found.append(("port", "expected a port from 1 to 65535"))
    if (settings.username is None) != (settings.password is None):
        found.append(("username", "goes with password: both or neither"))
    elif settings.password and settings.security == "none" and settings.host not in _HERE:
        found.append(("security", "a password would travel in clear text; expected starttls or tls"))
    if not f"{settings.username or ''}{settings.password or ''}".isascii():
        found.append(("password", "username and password may hold ASCII characters only: SMTP takes no others"))
    return found


def send(settings: Settings, message: Message, *, timeout: float) -> str | None:
    """Send the mail to everyone, and say who refused it; raises DeliveryError when nobody got it."""
    import smtplib

    from heartbeat_cli.channels import _letter
    from heartbeat_cli.channels._smtp import MOST, SmtpConnection
    from heartbeat_cli.system.tcp import DialError

    mail = _letter.compose(message, settings.from_, settings.to)
    place = f"{settings.host}:{settings.port or _PORTS[settings.security]}"
    deadline = time.monotonic() + timeout
    try:
        context = _context(settings)
    except OSError as error:  # ssl.SSLError is one
        text = f"{settings.ca_file}: cannot be used as ca_file: {error.strerror or error.reason}"  # type: ignore[attr-defined]
        raise _mendable(text) from error
    try:
        connection = SmtpConnection(settings.host, settings.port or _PORTS[settings.security], deadline)
    except (DialError, Unobservable) as error:
        raise DeliveryError(str(error), retryable=True) from error
    with connection:
        try:
            return _dialogue(settings, mail, connection, context)
        except (smtplib.SMTPException, OSError, ValueError) as error:  # smtplib decodes what the server says
            if connection.flooded:
                text = f"{place} said more than {MOST:,} bytes"
                raise DeliveryError(text, retryable=True, unsure=True) from error
            if connection.cut:
                text = f"{place}: no complete answer within {timeout:g} s"
                raise DeliveryError(text, retryable=True, unsure=True) from error
            raise _refused(place, error) from error


def _context(settings: Settings) -> "SSLContext | None":
    if settings.security == "none":
        return None
    import ssl

    if settings.ca_file:
        shared_folder.check_readable(settings.ca_file)
    context = ssl.create_default_context(cafile=settings.ca_file)
    if not settings.verify_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _dialogue(
    settings: Settings, mail: "EmailMessage", connection: "SmtpConnection", context: "SSLContext | None"
) -> str | None:
    if settings.security == "tls" and context is not None:
        connection.encrypt(context)
    server = connection.greet()
    if settings.security == "starttls":
        server.starttls(context=context)
    if settings.username is not None and settings.password is not None:
        server.login(settings.username, settings.password)
    refused = server.send_message(mail)
    with suppress(OSError):  # it has been taken; a farewell changes nothing, and is not waited for
        server.putcmd("quit")
    return f"not taken for {_named(refused)}; the others have it" if refused else None


def _named(refused: "dict[str, tuple[int, bytes]]") -> str:
    return ", ".join(f"{who} ({_said(*answer)})" for who, answer in list(refused.items())[:5])


def _said(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return one_line(f"{code} {words}", 200)


def _refused(place: str, error: "smtplib.SMTPException | OSError | ValueError") -> DeliveryError:
    import smtplib

    if isinstance(error, smtplib.SMTPRecipientsRefused):
        # One temporary refusal is enough to try again: nobody has it yet.
        final = all(code >= 500 for code, _ in error.recipients.values())
        return DeliveryError(f"{place} refused {_named(error.recipients)}", retryable=not final)
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return DeliveryError(f"{place}: the connection broke off", retryable=True, unsure=True)
    if isinstance(error, ValueError) and not isinstance(error, OSError):  # a certificate that is refused is both
        return DeliveryError(f"{place}: its answer cannot be read", retryable=True)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return _mendable(f"{place}: {one_line(str(error))}")
    if not isinstance(error, smtplib.SMTPResponseException):
        lost = isinstance(error, ConnectionError)
        return DeliveryError(f"{place}: {_trouble(error)}", retryable=True, unsure=lost)
    text = f"{place} answered {_said(error.smtp_code, error.smtp_error)}"
    if error.smtp_code < 500:
        return DeliveryError(text, retryable=True)
    if isinstance(error, smtplib.SMTPDataError) or error.smtp_code == _TOO_BIG:
        return DeliveryError(text, retryable=False)
    # It greets, logs in or lets send nobody like us: for a person to mend, and no fault of this message.
    return _mendable(text)


def _mendable(text: str) -> DeliveryError:
    return DeliveryError(text, retryable=True, retry_after=_MENDABLE, lasting=True)


def _trouble(error: Exception) -> str:
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {one_line(error.verify_message)}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {one_line(error.reason or 'no reason given').lower().replace('_', ' ')}"
    if isinstance(error, ConnectionError):
        return "the connection broke off"
    return one_line(str(error.strerror if isinstance(error, OSError) and error.strerror else error))
