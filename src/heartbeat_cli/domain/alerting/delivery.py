"""What becomes of a message after an attempt, when a channel may be sent to, and what goes out together."""

from collections.abc import Iterable, Sequence
from typing import Literal

from heartbeat_cli.domain.alerting.alert import SOUNDLESS, Alert
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.record import Record
from heartbeat_cli.errors import DeliveryError

_BACK_OFF = (15.0, 1_800.0)  # seconds until the next try: doubled each time, from the first to at most the second
# A refusal that came at once costs next to nothing: the next run tries again, so many times, so long after this try.
_AT_ONCE, _OFTEN, _SOON = 1.0, 30, 8.0
_LONGEST_WAIT = 3_600.0  # seconds that the other side can make us wait
RETRIES = (1.0, 3.0)  # seconds until a channel that failed is tried again within the pass, after each failure in a row
ALONE = ("report", "button", *SOUNDLESS)  # types of alerts that never share a message

State = Literal["sent", "printed", "waiting", "failed", "handed_over"]


class Printed(str):
    """What a channel remarks that has written a message where no person reads it: it is done, and nobody counts as
    notified."""


class Attempt(Record):
    """One try to deliver: how long it took (seconds), what went wrong, what the channel had to remark."""

    took: float
    error: DeliveryError | None = None
    note: str | None = None


class Decision(Record):
    """What becomes of a message: `next_try` is when it is tried again, `same_batch` whether only with the very same
    others, since the other side may have it already; `rest` says that what else waits for the channel shares it.
    `soon`: it is tried again within this pass, and both tries count as one attempt."""

    state: State
    next_try: float | None = None
    same_batch: bool = True
    rest: bool = False
    soon: bool = False


class Send(Record):
    """One attempt to deliver one alert on one channel, as recorded: `alerts` is how many shared the message `batch`;
    `outcome` is sent, printed, retry, failed or handed_over; `took` is in seconds."""

    at: float
    observer: str
    channel: str
    alert_id: str
    batch: str
    alerts: int
    outcome: str
    error: str | None
    note: str | None
    took: float


class Trouble(Record):
    """A channel that has not taken anything since: what it said last, and how many notifications wait for it."""

    channel: str
    since: float
    last_error: str
    waiting: int


def retry_wait(error: DeliveryError, failures: int, retries: Sequence[float] = RETRIES) -> float | None:
    """Seconds after which a channel is tried again within the same pass, which has tried it in vain `failures` times in
    a row before; what the other side asks for goes first. None when trying again so soon cannot help, or was tried
    often enough."""
    if not error.retryable or error.lasting or failures >= len(retries):
        return None
    return min(error.retry_after, _LONGEST_WAIT) if error.retry_after else retries[failures]


def decide(
    attempt: Attempt,
    common: ChannelCommon,
    attempts: int,
    failing_since: float,
    now: float,
    retry_in: float | None = None,
) -> Decision:
    """What becomes of a message after a try. `attempts` failed before this one, the first at `failing_since`, the
    channel's or the message's own, whichever is earlier. `retry_in`: this pass can try again after so many seconds."""
    error = attempt.error
    if error is None:
        return Decision("printed" if isinstance(attempt.note, Printed) else "sent")
    again = _next_try(attempt.took, error, attempts, now, now - failing_since)
    if common.fallback is not None:
        if again is None:
            return Decision("handed_over")
        if error.lasting or now - failing_since >= common.fallback_after:
            return Decision("handed_over", again, error.unsure, rest=True)
    if again is None:
        return Decision("failed")
    if retry_in is not None:
        return Decision("waiting", now + retry_in, error.unsure, soon=True)
    return Decision("waiting", again, error.unsure)


def _next_try(took: float, error: DeliveryError, attempts: int, now: float, failing: float) -> float | None:
    """When a message is tried again, None for never: at the moment that the other side named, else after a backoff."""
    if not error.retryable:
        return None
    if error.retry_after and not error.lasting:
        return now + min(error.retry_after, _LONGEST_WAIT)
    return next_try(attempts, error.retry_after, now, failing, took < _AT_ONCE and not error.lasting)


def next_try(
    attempts: int, retry_after: float | None, now: float, failing: float = _BACK_OFF[1], cheap: bool = False
) -> float:
    """Later each time, by no more than it has been failing for (seconds), and not within `retry_after` seconds.
    `cheap`: the try that failed took no time."""
    first, most = _BACK_OFF
    asked = min(retry_after or 0.0, _LONGEST_WAIT)
    if cheap and attempts < _OFTEN:
        return now + max(_SOON, asked)
    doubled = attempts - _OFTEN if cheap else attempts
    return now + max(min(most, first * 2.0 ** min(doubled, 20), first + max(0.0, failing)), asked)


def pause(error: DeliveryError | None, now: float) -> float | None:
    """Until when the other side wants to be left alone by all messages: it is busy, rather than to be mended."""
    if error is None or error.lasting or not error.retry_after:
        return None
    return now + min(error.retry_after, _LONGEST_WAIT)


def has_room(rate: float | None, sent: Sequence[float], now: float) -> bool:
    """Whether one more message keeps to `rate` a minute; `sent` are the times of those before."""
    if rate is None:
        return True
    span, most = window(rate)
    return sum(now - span < at <= now for at in sent) < most


def window(rate: float) -> tuple[float, float]:
    """A rate as seconds and the messages that may go out in them: less than one a minute is one in a longer time."""
    return (60.0, rate // 1) if rate >= 1 else (60.0 / rate, 1.0)


def batch_id(channel: str, alert_ids: Iterable[str]) -> str:
    """The id of the message with these alerts: that of a single one, else one that stands for just this set."""
    ids = sorted(alert_ids)
    if len(ids) == 1:
        return ids[0]
    import hashlib  # with it OpenSSL, for which nearly every pass has no use

    digest = hashlib.sha256("\n".join([channel, *ids]).encode(errors="replace")).hexdigest()
    return f"digest/{channel}/{digest[:20]}"


def root_first(alerts: Iterable[Alert], order: Sequence[str]) -> list[Alert]:
    """The alerts of a digest, parents before children as in `order`, what is no component's last."""
    places = {id_: place for place, id_ in enumerate(order)}
    return sorted(alerts, key=lambda one: (places.get(one.component, len(places)), one.at, one.id))
