"""What the channels that speak HTTP share: a POST whose failure is a DeliveryError, and how long to wait after it."""

import time
from collections.abc import Mapping

from heartbeat_cli.domain import plain
from heartbeat_cli.errors import DeliveryError
from heartbeat_cli.http import call as http_call

_LONGEST_WAIT = 6 * 3600.0  # whatever the other side asks for
# Seconds until the next try of what a person has to mend first (a token, an address, a right): no hurry, yet the
# message must not be lost, for it is the one that says something is broken.
MENDABLE = 300.0
_DIGITS = 9  # of a number of seconds; a longer one is far beyond any wait, too


def post(call: http_call.Call, timeout: float) -> http_call.Answer:
    """The answer, complete, within `timeout` seconds, or a DeliveryError that may be tried again."""
    try:
        return http_call.make(call, timeout)
    except http_call.NoAnswer as error:
        raise DeliveryError(str(error), retryable=True, unsure=error.unsure) from error


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as a date."""
    said = headers.get("Retry-After", "").strip()
    if (seconds := plain.whole(said[:_DIGITS])) is not None and said.strip("0123456789") == "":
        return wait(float(seconds))
    from email.utils import parsedate_to_datetime

    try:
        return wait(parsedate_to_datetime(said).timestamp() - time.time()) if said else None
    except (ValueError, OverflowError):
        return None


def wait(seconds: object) -> float | None:
    """What somebody else asks us to wait, where that is a sensible number."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return min(max(0.0, float(min(seconds, _LONGEST_WAIT))), _LONGEST_WAIT) if seconds == seconds else None


def said(body: str) -> str:
    """What the body of a refusal says, for an error line: nothing, or ` (…)`."""
    line = plain.one_line(body, 200)
    return f" ({line})" if line else ""
