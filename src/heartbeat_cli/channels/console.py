"""Print the message to standard error.

A configuration without any channel uses this one. At a terminal a person reads it. Anywhere else (cron mails it only if
the host can send mail) the message is `printed`: it is done, but nobody counts as notified.

    [channels.console]
    kind = "console"
"""

import sys

from heartbeat_cli.domain.alerting.delivery import Printed
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.plain import bounded, one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import DeliveryError

_TEXT = 20_000  # characters


class Settings(Record):
    """Takes no keys."""


def send(settings: Settings, message: Message, *, timeout: float) -> str | None:
    """Print, without anything that would steer a terminal, and say whether that was where nobody reads it; raises
    DeliveryError when it cannot be printed."""
    import click

    if sys.stderr is None or sys.stderr.closed:
        raise DeliveryError("standard error is closed", retryable=True)
    try:
        click.echo(f"{one_line(message.headline)}\n{bounded(message.text, _TEXT)}\n", err=True)
    except OSError as error:
        raise DeliveryError(f"standard error cannot be written: {error.strerror}", retryable=True) from error
    return None if is_read() else Printed(Text("standard error is no terminal"))


def is_read() -> bool:
    """Whether a person reads at this moment what is printed."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # closed
        return False
