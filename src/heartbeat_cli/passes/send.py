"""One message on its way: worded, handed to its channel, and who takes over when that fails. Used by `deliver`."""

import time
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.config import Channel, Config
from heartbeat_cli.domain import delivery
from heartbeat_cli.domain.component import topological
from heartbeat_cli.domain.delivery import Trial
from heartbeat_cli.domain.message import Message
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.store.outbox import Parcel

_TIMEOUT = 10.0  # seconds of one send


def heirs(channel: str, config: Config) -> tuple[str, ...]:
    """The channels that stand in for this one, nearest first."""
    found = []
    heir = config.channels[channel].common.fallback
    while heir is not None and heir in config.channels:
        found.append(heir)
        heir = config.channels[heir].common.fallback
    return tuple(found)


def remark(parcel: Parcel, said: str | None, config: Config) -> str:
    """What the message of a channel that took over says of the one that failed."""
    from heartbeat_cli.views.wording import word

    return word("handed_over", config.heartbeat.locale, channel=parcel.channel, error=one_line(said or "", 160))


def worded(parcel: Parcel, config: Config) -> Message:
    """The message of a parcel, the same each time it is made."""
    from heartbeat_cli.views import messages

    told = [one.alert for one in parcel.notifications]
    said = "; ".join(dict.fromkeys(one.remark for one in parcel.notifications if one.remark))
    locale, own = config.heartbeat.locale, config.heartbeat.templates
    if len(told) == 1:
        return messages.message(told[0], locale, config.timezone, config.secrets, said, own)
    told = delivery.root_first(told, topological(config.components))
    message = messages.digest(told, locale, config.timezone, config.secrets, id=parcel.batch, remark=said, own=own)
    return message._replace(threads=tuple(dict.fromkeys(one.incident for one in told if one.incident)))


def send(channel: Channel, message: Message) -> Trial:
    """Hand one message to one channel; whatever goes wrong is in the Trial."""
    begun = time.monotonic()

    def tried(error: DeliveryError | None = None, note: str | None = None) -> Trial:
        return Trial(max(1e-6, time.monotonic() - begun), error, note)

    if channel.broken:
        return tried(DeliveryError(channel.broken, retryable=True, lasting=True))
    try:
        module: Any = plugins.load("channels", channel.kind)
        return tried(note=module.send(channel.settings, message, timeout=_TIMEOUT))
    except DeliveryError as error:
        return tried(error)
    except Exception as error:
        return tried(own_fault(error))


def own_fault(error: Exception) -> DeliveryError:
    """A bug about one message or channel must not stop the others; the message stays in the outbox."""
    return DeliveryError(f"heartbeat's own fault: {type(error).__name__}: {error}", retryable=True)
