"""When the exchanges that run have had their time. Used by `multi.py`.

All moments are on the clock of the wire, which stands still while one call holds up everything.
"""

import heapq
from typing import Any

from heartbeat_cli.domain.checking.exchange import Request
from heartbeat_cli.domain.record import Record
from heartbeat_cli.http.transfer import Transfer


class Exchange(Record):
    """One exchange to drive. `key` means nothing here; `timeout` is its total seconds from its start; it
    starts no sooner than `not_before` (a moment of time.monotonic(), for retries with back-off). With `most`, no more
    bytes than that are read, of whatever: libcurl keeps no line of a chunk, and reads it however long it is."""

    key: str
    request: Request
    timeout: float
    not_before: float = 0.0
    most: int | None = None


class Running(Record):
    """An exchange on its way; `began` counts from the first hop of its redirects."""

    exchange: Exchange
    transfer: Transfer
    began: float
    ends: float


class Ends:
    """The running exchanges, by their handles and by their ends."""

    def __init__(self) -> None:
        self.running: dict[Any, Running] = {}
        self._order = 0
        self._sorted: list[tuple[float, int, Running]] = []  # also of those that have ended since

    def add(self, one: Running) -> None:
        self.running[one.transfer.curl] = one
        self._order += 1
        heapq.heappush(self._sorted, (one.ends, self._order, one))

    def is_running(self, one: Running) -> bool:
        return self.running.get(one.transfer.curl) is one

    def soonest(self) -> float | None:
        """The end of the one that ends first."""
        while self._sorted and not self.is_running(self._sorted[0][2]):
            heapq.heappop(self._sorted)
        return self._sorted[0][0] if self._sorted else None

    def overdue(self, now: float) -> list[Running]:
        """Those whose time is over; each is given once."""
        found = []
        while self._sorted and self._sorted[0][0] <= now:
            one = heapq.heappop(self._sorted)[2]
            if self.is_running(one):
                found.append(one)
        return found
