"""Channel `console`: print the message to standard error. Under cron that means: cron mails it.

It is what a configuration without any channel uses, so that an alert is never without a reader.
"""

from typing import NamedTuple

from heartbeat_cli.domain.message import Message
from heartbeat_cli.errors import DeliveryError


class Settings(NamedTuple):
    """Takes no keys."""


def send(settings: Settings, message: Message, *, timeout: float) -> None:
    """Print; raises DeliveryError when standard error is gone."""
    import click

    try:
        click.echo(f"{message.title}\n{message.text}\n", err=True)
    except OSError as error:
        raise DeliveryError(f"standard error cannot be written: {error.strerror}", retryable=True) from error
