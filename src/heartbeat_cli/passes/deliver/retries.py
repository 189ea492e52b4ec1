"""Which channels a pass tries again after a failure, and when: a short trouble of a channel costs seconds, and not the
time until the next run. Used by `deliver`."""

import math
import time
from collections.abc import Sequence

from heartbeat_cli.domain.alerting import delivery
from heartbeat_cli.errors import DeliveryError

_MARGIN = 0.01  # seconds after the moment that is stored: time.monotonic() and the wall clock do not run exactly alike


class Retries:
    """The channels that failed in this pass. All moments are of time.monotonic(). `until` is when the pass begins no
    more sends; it waits for no retry that would come later."""

    def __init__(self, waits: Sequence[float] = delivery.RETRIES) -> None:
        self._waits = waits
        self._failures: dict[str, int] = {}  # in a row, by channel
        self._moments: dict[str, float] = {}
        self.until = -math.inf

    def wait(self, channel: str, error: DeliveryError | None) -> float | None:
        """Seconds after which a channel that has just failed is tried again; None when this pass does not."""
        if error is None:
            return None
        wait = delivery.retry_wait(error, self._failures.get(channel, 0), self._waits)
        return wait if wait is not None and time.monotonic() + wait < self.until else None

    def plan(self, channel: str, wait: float) -> None:
        """Count a failure of a channel, which is tried again in so many seconds and rests until then."""
        self._failures[channel] = self._failures.get(channel, 0) + 1
        self._moments[channel] = time.monotonic() + max(0.0, wait) + _MARGIN

    def works(self, channel: str) -> None:
        """A channel has taken something: its next failure is the first again."""
        self._failures.pop(channel, None)

    def wake(self) -> None:
        """Let the channels go whose moment has come."""
        now = time.monotonic()
        self._moments = {channel: moment for channel, moment in self._moments.items() if moment > now}

    @property
    def resting(self) -> set[str]:
        """The channels that wait for their moment."""
        return set(self._moments)

    def next(self, until: float) -> float | None:
        """The first moment before `until`."""
        return min((moment for moment in self._moments.values() if moment < until), default=None)
