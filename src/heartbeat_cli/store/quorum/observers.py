"""The hosts that write to a store, as `heartbeat observers` and the dashboard show them."""

from collections.abc import Mapping

from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.hosts import Standing, standing
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.quorum import peer_liveness, peers
from heartbeat_cli.store.sql.database import Database


def standings(
    db: Database, components: Mapping[str, Component], observer: str, now: float, *, several: bool = False
) -> list[Standing]:
    """Every host, by name, as this `observer` sees it. Checks of components that are not configured here count for the
    usual time. `several`: return nothing where there is only one host, at the cost of one statement."""
    watches = gaps.watches(db)
    if several and len(watches) < 2:
        return []
    votes = peers.newest_votes(db)
    reaches = {id_: peers.reaches(one) for id_, one in components.items()}
    silent = peer_liveness.silent(db, observer, watches, now)
    return [standing(host, watch, votes, reaches, host in silent) for host, watch in watches.items()]
