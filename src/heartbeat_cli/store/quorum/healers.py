"""Components that only certain hosts may recover, none of which is there."""

from collections.abc import Iterable

from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.hosts import Gone, has_healer, healer_gone
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.quorum import peer_liveness, peers
from heartbeat_cli.store.sql.database import Database


def missing(db: Database, components: Iterable[Component], observer: str, now: float) -> dict[str, Gone]:
    """Of these components, those whose healer is missing as this `observer` sees it. While a spool replaces the store
    nothing is known of the others: then it is empty."""
    asked = [one for one in components if has_healer(one)]
    if not asked or peers.is_spool(db):
        return {}
    watches = gaps.watches(db)
    silent = peer_liveness.silent(db, observer, watches, now)
    found = {one.id: healer_gone(one, watches, silent) for one in asked}
    return {id_: one for id_, one in found.items() if one is not None}
