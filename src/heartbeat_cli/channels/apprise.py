"""Channel `apprise`: ntfy, Slack, Discord, Matrix, Pushover and a hundred others, through the Apprise library.

The address says which service, where and as whom: ntfys://ntfy.sh/my-topic, slack://tokenA/tokenB/tokenC/#ops; all of
them: https://appriseit.com/services/. One address a channel: then each has its own tries, and what one service took is
not sent to it again because another did not. A text that is too long for the service is cut at its end, unless the
address says ?overflow=split. Apprise is an optional part: pip install 'heartbeat-cli[apprise]'.

    [channels.phone]
    kind = "apprise"
    apprise_url = "file:/etc/heartbeat/ntfy.url"
"""

import re
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from heartbeat_cli.domain.message import Message
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.redact import pieces, redact

if TYPE_CHECKING:
    import logging

_LACKING = "the package apprise is not installed: pip install 'heartbeat-cli[apprise]'"
_ADDRESS = re.compile(r"([a-z][a-z0-9_+.-]*)://\S.*", re.I)
_MENDABLE = 300.0  # seconds until the next try of what a person has to mend first
_GOOD = ("recovered", "degraded_ended", "observer_sees", "store_restored", "observed_again")
_TYPES = {"low": "info", "medium": "warning", "high": "failure", "severe": "failure"}


class Settings(NamedTuple):
    """The service.

    apprise_url: address of the service as Apprise writes it; a secret, so best as "file:PATH"
    """

    apprise_url: str


def problems(settings: Settings) -> list[tuple[str, str]]:
    if _ADDRESS.fullmatch(settings.apprise_url.strip()):
        return []
    return [("apprise_url", "expected an address as Apprise writes it, such as ntfys://ntfy.sh/my-topic")]


def lacking() -> str:
    """What is not there that this kind needs; empty when all is."""
    from importlib.util import find_spec

    return "" if find_spec("apprise") else _LACKING


def send(settings: Settings, message: Message, *, timeout: float) -> None:
    """Hand it to Apprise; raises DeliveryError when the service did not take it.

    Apprise knows a timeout for each read only, so it gets a thread of its own, which nobody waits for too long."""
    results: list[DeliveryError | None] = []

    def work() -> None:
        try:
            results.append(_hand_over(settings.apprise_url.strip(), message))
        except Exception as error:  # a hundred plugins of others
            results.append(DeliveryError(f"Apprise failed: {type(error).__name__}", retryable=True))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(max(0.0, timeout))
    late = DeliveryError(f"no answer within {round(timeout, 1):g} s", retryable=True, unsure=True)
    error = results[0] if results else late
    if error is not None:
        raise error


def _hand_over(url: str, message: Message) -> DeliveryError | None:
    try:
        import apprise
    except ImportError:
        return DeliveryError(_LACKING, retryable=True, retry_after=_MENDABLE, lasting=True)
    import logging

    heard: list[str] = []
    logger, listener = logging.getLogger("apprise"), _listener(heard)
    logger.addHandler(listener)
    try:
        # One service, called in this thread: Apprise's own pool of threads would hold up the end of the process.
        service: Any = apprise.Apprise.instantiate(url)
        if service is None:
            scheme = url.partition("://")[0]
            return DeliveryError(f"not an address of Apprise ({scheme}://…){_said(heard, url)}", retryable=False)
        if "overflow=" not in url:
            service.overflow_mode = apprise.OverflowMode.TRUNCATE
        kind = apprise.NotifyType("success" if message.type in _GOOD else _TYPES[message.severity])
        body, plain = message.text or message.title, apprise.NotifyFormat.TEXT
        taken = service.notify(body=body, title=message.title, body_format=plain, notify_type=kind)
    finally:
        logger.removeHandler(listener)
    if taken:
        return None
    # Apprise answers the same to a refusal and to an answer that was lost.
    return DeliveryError(f"{service.service_name} did not take it{_said(heard, url)}", retryable=True, unsure=True)


def _listener(heard: list[str]) -> "logging.Handler":
    """Collects what Apprise logs in this thread: it answers False whatever the cause, and only its log says why."""
    import logging

    own = threading.get_ident()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == own and record.levelno >= logging.WARNING:
                heard.append(record.getMessage())

    return Listener()


def _said(heard: list[str], url: str) -> str:
    """The first of what it said, which is the cause; nothing of the address shows in it."""
    return f": {one_line(redact(heard[0], pieces(url.partition('://')[2])), 200)}" if heard else ""
