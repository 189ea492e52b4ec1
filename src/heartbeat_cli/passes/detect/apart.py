"""What a host knows of its components while the store is away: what it checks itself, not what others see."""

from collections.abc import Collection, Mapping

from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.component import Component, watched_by
from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.history import last_checks
from heartbeat_cli.store.history.last_checks import LastCheck
from heartbeat_cli.store.quorum import peers
from heartbeat_cli.store.sql.database import Database

_SLOW = FAILURES | {"degraded"}


class Apart(Record):
    """observer: this host
    shared: the components that other hosts check, too
    seen: this host's own last checks
    """

    observer: str
    shared: Collection[str]
    seen: Mapping[str, LastCheck]

    def still_fails(self, component: Component, *, slow: bool = False) -> bool:
        """Whether a stored fault (or slowness) can be relied on: only this host checks it, or it sees it fail itself.
        Otherwise another host may have seen its end, which is not known here."""
        if not watched_by(component, self.observer):
            return False
        if component.id not in self.shared:
            return True
        last = self.seen.get(component.id)
        return last is not None and last.status in (_SLOW if slow else FAILURES)


def of(spool: Database, observer: str) -> Apart:
    """What this host knows, by its spool."""
    shared = peers.shared_while_apart(spool, observer)
    return Apart(observer, shared, last_checks.read(spool, observer) if shared else {})
