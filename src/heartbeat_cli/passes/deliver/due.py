"""What may be sent now, by channel: read for many messages at once, handed out fairly. Used by `deliver`."""

import os
from collections.abc import Collection, Iterable

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.plain import whole
from heartbeat_cli.store.outbox import outbox
from heartbeat_cli.store.outbox.outbox import Batch, Ready
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.system import process

THREADS = 64  # sends at once
_DOUBTFUL = THREADS // 2  # of them to channels that have failed: the others must not wait for those
_LEASE = 120.0  # seconds: much longer than one send can take, so that nobody else sends what this one is sending
_ALERTS = 2_000  # that are remembered for other channels


class Due:
    """What a process that delivers has to do. What it reads serves up to a hundred messages of each channel, so that
    the cost of one does not grow with how many wait."""

    def __init__(self, observer: str, channels: Collection[str]) -> None:
        self._observer, self._channels = observer, channels
        self.owner = f"{observer}/{os.getpid()}"
        self._rows: dict[str, list[Ready]] = {}  # by channel, what may go out and has not been taken
        self._idle: set[str] = set()  # channels for which nothing is due
        self._busy: set[str] = set()  # channels that another process of this host is sending to
        self._alerts: dict[str, Alert] = {}

    def refresh(self, db: Database, now: float, tidy: bool = False) -> set[str]:
        """See anew what waits and which channels others are sending to; gives the channels that something waits for.
        `tidy`: at the beginning of a round; what a killed process of this host had taken goes out now, and not when
        its lease is over."""
        self._idle.clear()
        self._busy.clear()
        if tidy:
            self._rows.clear()
        waited_for = outbox.channels_with_waiting(db, now, _LEASE)
        for channel, owner in waited_for:
            host, _, pid = (owner or "").rpartition("/")
            number = whole(pid)
            if owner == self.owner or host != self._observer or number is None:
                continue
            if not process.is_gone(number):
                self._busy.add(channel)
            elif tidy:
                outbox.release(db, str(owner))
        return {channel for channel, _ in waited_for}

    def free(self, db: Database, now: float, taken: Collection[str]) -> list[str]:
        """The channels, but for those that are taken, that have something due."""
        free = [id_ for id_ in self._channels if id_ not in taken and id_ not in self._busy]
        if empty := [id_ for id_ in free if not self._rows.get(id_) and id_ not in self._idle]:
            found = outbox.ready(db, now, _LEASE, empty)
            self._rows |= found
            self._idle |= set(empty) - found.keys()
        return [id_ for id_ in free if self._rows.get(id_)]

    def doubtful(self, channel: str) -> bool:
        """Whether something that waits for a channel has failed there."""
        return any(one.failed for one in self._rows.get(channel, ())[:1])

    def chosen(self, free: Iterable[str], sending: Iterable[bool]) -> list[str]:
        """As many of the channels as there are threads for, those first that have not failed. `sending` says of each
        send under way whether its channel had."""
        under_way = list(sending)
        room = THREADS - len(under_way)
        sure: list[str] = []
        rest: list[str] = []
        for id_ in free:
            (rest if self.doubtful(id_) else sure).append(id_)
        left = min(room - len(sure), _DOUBTFUL - sum(under_way))
        return sure[: max(0, room)] + rest[: max(0, left)]

    def take(self, db: Database, now: float, channel: str, digest: bool, whole: bool = True) -> Batch | None:
        """The next message of a channel that has something due, taken; None when somebody else was faster. `whole`: an
        incident that is over by now is one message."""
        rows = self._rows[channel]
        chosen = outbox.first_message(rows, digest)
        ids = {one.id for one in chosen}
        self._rows[channel] = [one for one in rows if one.id not in ids]
        if len(self._alerts) > _ALERTS:
            self._alerts.clear()
        return outbox.claim_rows(db, self.owner, now, _LEASE, chosen, whole=whole, known=self._alerts)

    def read_again(self, *channels: str) -> None:
        """More may be due on these channels (none named: on any) than was read."""
        self._idle -= set(channels or self._idle)

    def forget(self, channel: str) -> None:
        """What was read of a channel does not hold any more."""
        self._rows.pop(channel, None)
        self._idle.discard(channel)
