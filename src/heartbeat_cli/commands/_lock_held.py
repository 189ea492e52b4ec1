"""What `run` does when another one has the lock: it ends, unless that one has had it for too long."""

from contextlib import suppress
from typing import TYPE_CHECKING

from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError, StoreError

if TYPE_CHECKING:
    from heartbeat_cli.commands._base import App
    from heartbeat_cli.system.lock import Busy


class LockHeld(HeartbeatError):
    """No pass can be made: the lock is held for longer than a pass may take."""


def refuse_to_wait(app: "App", busy: "Busy") -> None:
    """Raises LockHeld, after people were notified, when the holder of the lock has had it for too long."""
    from heartbeat_cli.passes.housekeeping import lock_held

    if not lock_held.too_long(app.config, busy):
        return
    with suppress(StoreError):  # the store may be what its holder hangs on
        _notify(app, busy)
    reason, remedy = lock_held.reason(app.config, busy), lock_held.remedy(busy)
    raise LockHeld(Text("{reason}; heartbeat makes no pass until it has ended; {remedy}", reason=reason, remedy=remedy))


def _notify(app: "App", busy: "Busy") -> None:
    from heartbeat_cli.config import places
    from heartbeat_cli.passes.deliver.deliver import deliver
    from heartbeat_cli.passes.housekeeping import lock_held
    from heartbeat_cli.store.standby import spool

    if spool.existing(places.store_folder(app.config)):
        return  # the news of what was sent is in the spool, which only the holder of the lock may bring to the store
    with app.configured_store() as db:
        lock_held.notify(db, app.config, busy, app.now())
        deliver(db, app.config, app.now)
        app.update_mirror(db)
