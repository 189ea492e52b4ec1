"""Channel `file`: append the message to a file as one line of JSON, for other programs and as a last resort."""

import json
import os
from typing import NamedTuple

from heartbeat_cli.domain.message import Message
from heartbeat_cli.errors import DeliveryError


class Settings(NamedTuple):
    """Keys of the channel.

    path: file to append to; made with mode 0600 where it is missing
    """

    path: str


def send(settings: Settings, message: Message, *, timeout: float) -> None:
    """Append in one write, so that two writers never mix; raises DeliveryError when the file cannot be written."""
    line = json.dumps(message._asdict() | {"html": None}, ensure_ascii=False) + "\n"
    try:
        handle = os.open(os.path.expanduser(settings.path), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            data = line.encode()
            if os.write(handle, data) != len(data):
                raise DeliveryError(f"{settings.path}: written only in part: no space left", retryable=True)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise DeliveryError(f"{settings.path}: {error.strerror}", retryable=True) from error
