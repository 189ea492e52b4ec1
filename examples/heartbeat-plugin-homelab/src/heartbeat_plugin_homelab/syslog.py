"""Send alerts to a syslog server over TCP, as RFC 5424 and RFC 6587 have it.

[channels.log]
kind = "syslog"
host = "logs.lan"
"""

import re
import socket
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from heartbeat_cli.plugin_api import DeliveryError, Message

_FACILITY = 16  # local0
_SEVERITIES = {"severe": 2, "high": 3, "medium": 4, "low": 5}
_LONGEST = 8_192  # bytes of a line: what every receiver should take


class Settings(NamedTuple):
    """Where to send, and under which name.

    host: name or address of the server
    port: TCP port
    app_name: name of the program, by which the server sorts
    format: the title alone, or title and text
    """

    host: str
    port: int = 601
    app_name: str = "heartbeat"
    format: Literal["title", "full"] = "full"


def problems(settings: Settings) -> list[tuple[str, str]]:
    if re.fullmatch(r"[!-~]{1,48}", settings.app_name):
        return []
    return [("app_name", "expected 1 to 48 printable ASCII characters without a blank")]


def send(settings: Settings, message: Message, *, timeout: float) -> str | None:
    data = _frame(settings, message)
    try:
        link = socket.create_connection((settings.host, settings.port), timeout)
    except socket.gaierror as error:  # a name that is wrong is for a person to mend
        raise DeliveryError(f"{settings.host}: {error.strerror}", retryable=True, lasting=True) from None
    except OSError as error:
        raise DeliveryError(
            f"{settings.host} does not answer: {error.strerror or 'timed out'}", retryable=True
        ) from None
    with link:
        try:
            link.sendall(data)
        except OSError as error:  # some of it may have arrived
            raise DeliveryError(f"the connection broke: {error}", retryable=True, unsure=True) from None
    return None


def _frame(settings: Settings, message: Message) -> bytes:
    """The message behind its length. What ends a line becomes a blank, so that nobody can add lines of his own."""
    priority = _FACILITY * 8 + _SEVERITIES.get(message.severity, 5)
    at = datetime.fromtimestamp(message.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said = message.title if settings.format == "title" else f"{message.title} {message.text}"
    line = re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", said)
    ident = re.sub(r"[^!-~]", "_", message.type)[:32] or "-"
    text = f"<{priority}>1 {at} {socket.gethostname()[:255]} {settings.app_name} - {ident} - \ufeff{line}"
    data = text.encode(errors="replace")[:_LONGEST]
    return b"%d " % len(data) + data
