"""Delivery as every verb does it: begun under the lock of the pass, and finished after the lock was released, so that a
channel that hangs holds up no other pass. How it went is saved even if the store goes away meanwhile."""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from heartbeat_cli.commands._base import App
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import StoreError

if TYPE_CHECKING:
    from heartbeat_cli.passes.deliver.deliver import Delivered, Delivering, Sends
    from heartbeat_cli.store.sql.database import Database
    from heartbeat_cli.store.standby.keeper import Keeper

_SHORT_WAIT = 1.0  # seconds that the rest of a pass waits for what it has to send; a send that takes longer goes on
_AWAIT = 2.0  # seconds that the declaration of a fault waits for what this pass's recovery comes to
_AT_THE_END = 0.2  # seconds that a declaration which has waited so long is waited for; it goes on by itself
_FROM_SPOOL = 3.0  # seconds in which sends are begun under the lock, which a spool needs; each has its time for answers
_LOCK = 30.0  # seconds that the lock is waited for to write what was sent while the store went away


class PassDelivery:
    """The delivery of one pass: `go` between its other work, `end` when all else is done."""

    def __init__(self, app: App, keeper: "Keeper") -> None:
        from heartbeat_cli.config import places
        from heartbeat_cli.system import lock

        self._app, self._keeper = app, keeper
        self._delivering: Delivering | None = None  # made when something waits: most passes have nothing to send
        self._turn = lock.Shared(places.config_folder(app.config), lock.DELIVERY)
        self._unkept: list[Callable[[Database], None]] = []
        self._awaiting: list[tuple[float, float]] = []  # until when: by the app's clock, and by time.monotonic()
        self.begun = False  # whether something was sent, or would have been

    def go(self, patience: float = _SHORT_WAIT, *, last: bool = False) -> None:
        """Send what is due. What a slow channel has not taken within `patience` seconds goes on beside the rest of the
        pass. A channel that failed is tried again later in the pass, unless this is the `last` time."""

        def work(db: "Database") -> None:
            self._look(db)
            # What other processes of this host are sending just now is not in a spool.
            if self._delivering is not None and self._turn.take(alone=self._keeper.degraded is not None):
                self._delivering.work(db, self._record, patience, more_follows=not last)

        self._keeper.run(work, self._app.now())

    @property
    def awaits(self) -> bool:
        """Whether the declaration of a fault waits for recovery."""
        return bool(self._awaiting)

    def await_recovery(self, declared: Collection[str]) -> None:
        """Have the messages that declare these components' faults wait a moment for what recovery comes to, where it
        acts by itself: if that is a handoff, both are one message. They go alone after 2 seconds, and if this process
        is killed; nothing else waits for them."""
        known = self._app.config.components
        ids = [id_ for id_ in declared if id_ in known and known[id_].plan.ladder and known[id_].plan.mode == "on"]
        if not ids:
            return
        from heartbeat_cli.store.outbox import delay

        now = round(self._app.now(), 3)
        if self._keeper.run(lambda db: delay.delay(db, ids, self._app.now(), now + _AWAIT), now):
            self._awaiting.append((now + _AWAIT, time.monotonic() + _AWAIT))

    def tick(self) -> None:
        """Call it while recovery goes on: sends what has waited for it long enough."""
        if self._awaiting and time.monotonic() >= self._awaiting[0][1]:
            self._release(self._awaiting.pop(0)[0])
            self.go(_AT_THE_END)

    def release(self) -> None:
        """Recovery has come to what it could: nothing waits for it any longer."""
        while self._awaiting:
            self._release(self._awaiting.pop()[0])

    def _release(self, until: float) -> None:
        from heartbeat_cli.store.outbox import delay

        self._keeper.run(lambda db: delay.release(db, self._app.now(), until), self._app.now())

    def _look(self, db: "Database") -> None:
        """Make ready to deliver, if something waits."""
        from heartbeat_cli.store.outbox import alerts

        self.begun = True
        if self._delivering is None and alerts.is_waiting(db):
            from heartbeat_cli.passes.deliver.deliver import Delivering
            from heartbeat_cli.store.outbox import delay

            if not self._awaiting:  # no run but this one is at work on this host
                delay.release_left(db, self._app.now(), _AWAIT)

            self._delivering = Delivering(self._app.config, self._app.now)

    def end(self) -> list["Delivered"]:
        """Release the lock of the pass and deliver the rest, for as long as a pass may take. Returns how all of it
        went."""
        self.release()
        if not self.begun:
            self._keeper.run(self._look, self._app.now())
        delivering = self._delivering if self._delivering is not None and self._delivering.unfinished else None
        if delivering is not None and self.results:
            self._keeper.refresh_mirror(self._app.now())  # the next pass may have nothing else to go by
        outside = delivering is not None and self._keeper.unlock()
        try:
            if delivering is not None:
                self._rest(delivering, outside)
            if self.results and not self._keeper.refresh_mirror(self._app.now()):
                self._keeper.run(lambda db: db.rows("SELECT 1"), self._app.now())  # is it the store, or only the disk?
            if outside:
                self._tell_a_spool()
        except StoreError as error:
            if delivering is None or not outside:
                raise
            self._store_away(delivering, error)
        self._turn.release()
        self._say()
        return self.results

    def _tell_a_spool(self) -> None:
        """Another pass may have found the store away meanwhile and begun a spool, from a mirror that knows nothing of
        what has been sent since. Call it when the mirror knows: a spool that begins later does, too."""
        from heartbeat_cli.config import places
        from heartbeat_cli.store.standby import spool
        from heartbeat_cli.system.lock import Busy

        if not self._keeper.recorded or not spool.existing(places.store_folder(self._app.config)):
            return
        with suppress(Busy), self._app.keeper(_LOCK) as keeper:
            if keeper.degraded is not None:
                for outcome in self._keeper.recorded:
                    keeper.record(outcome, self._app.now())

    def _rest(self, delivering: "Delivering", outside: bool) -> None:
        from heartbeat_cli.passes.deliver.deliver import WHOLE
        from heartbeat_cli.passes.deliver.send import TIMEOUT

        self.go(WHOLE if outside else _FROM_SPOOL, last=True)
        delivering.finish(self._record, 0.0 if outside else TIMEOUT)

    def _say(self) -> None:
        """What a person should know of it, beside how each message went."""
        for one in self._delivering.redirected if self._delivering is not None else ():
            to = Text("sent to {names}", names=", ".join(one.to))
            if not one.to:
                to = Text("known already on the channels there are")
            self._app.remark(
                Text.counted(
                    one.many,
                    "heartbeat: channel {channel} is no longer in the configuration: {n} message for it {to}",
                    "heartbeat: channel {channel} is no longer in the configuration: {n} messages for it {to}",
                    channel=one.channel,
                    to=to,
                )
            )
        for note in dict.fromkeys(
            Text("{channel}: {note}", channel=one.channel, note=one.note)
            for one in self.results
            if one.note and not one.printed
        ):
            self._app.remark(note)

    @property
    def results(self) -> list["Delivered"]:
        return self._delivering.results if self._delivering is not None else []

    def _record(self, sends: "Sends") -> None:
        """Write how sends went. They have happened outside: a spool that is begun later must know."""
        try:
            self._keeper.record(_saving(sends), self._app.now())
        except StoreError:
            self._set_aside(sends)
            raise

    def _set_aside(self, sends: "Sends") -> None:
        self._unkept.append(_saving(sends))

    def _store_away(self, delivering: "Delivering", error: StoreError) -> None:
        """The store failed after the lock had been given back: what has been sent, and is being sent, is written under
        the lock, into the spool if need be, and the rest goes out from there. Raises the error when the lock is not to
        be had: then what is on its way goes out once more, when its lease is over."""
        from heartbeat_cli.passes.deliver.send import TIMEOUT
        from heartbeat_cli.system.lock import Busy

        delivering.finish(self._set_aside, TIMEOUT)
        try:
            with self._app.keeper(_LOCK) as keeper:
                for outcome in [*self._keeper.recorded, *self._unkept]:
                    keeper.record(outcome, self._app.now())
                self._turn.release()
                self._keeper = keeper
                self._rest(delivering, outside=False)
                keeper.refresh_mirror(self._app.now())
        except Busy:
            raise error from None


def _saving(sends: "Sends") -> Callable[["Database"], None]:
    from heartbeat_cli.store.outbox import outcomes

    return lambda db: outcomes.save_all(db, sends)


def deliver(app: App, keeper: "Keeper") -> list["Delivered"]:
    """Send what is due, wait for it, and refresh the mirror."""
    return PassDelivery(app, keeper).end()


def line(one: "Delivered") -> str:
    """How a notification went, for a person."""
    went = one.error or (Text("printed") if one.printed else Text("sent"))
    return Text("{alert} to {channel}: {went}", alert=one.alert, channel=one.channel, went=went)


def summed_up(found: list["Delivered"]) -> Text:
    """How many notifications were sent, and how many were only printed."""
    taken = [one for one in found if one.error is None]
    printed = sum(one.printed for one in taken)
    sent = Text.counted(len(taken) - printed, "{n} notification sent", "{n} notifications sent")
    return Text("{sent}, {printed} printed", sent=sent, printed=printed) if printed else sent
