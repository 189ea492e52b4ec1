"""Channel `console`: print the message to standard error. Under cron that means: cron mails it.

It is what a configuration without any channel uses, so that an alert is never without a reader.
"""

import sys
from typing import NamedTuple

from heartbeat_cli.domain.message import Message
from heartbeat_cli.domain.plain import bounded, one_line
from heartbeat_cli.errors import DeliveryError

_TEXT = 20_000  # characters


class Settings(NamedTuple):
    """Takes no keys."""


def send(settings: Settings, message: Message, *, timeout: float) -> str | None:
    """Print, without anything that would steer a terminal; raises DeliveryError when nobody can read it."""
    import click

    if sys.stderr is None or sys.stderr.closed:
        raise DeliveryError("standard error is closed", retryable=True)
    try:
        click.echo(f"{one_line(message.title)}\n{bounded(message.text, _TEXT)}\n", err=True)
    except OSError as error:
        raise DeliveryError(f"standard error cannot be written: {error.strerror}", retryable=True) from error
    return None
