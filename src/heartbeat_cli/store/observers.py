"""The hosts that keep their passes in a store, as `heartbeat observers` and the dashboard show them."""

from collections.abc import Mapping

from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.hosts import Standing, standing
from heartbeat_cli.store import company, gaps
from heartbeat_cli.store.database import Database


def standings(
    db: Database, components: Mapping[str, Component], now: float, *, several: bool = False
) -> list[Standing]:
    """Every host, by name; of what is not configured here, looks count for the usual time. `several`: none where there
    is but one, which is all that is read then."""
    watches = gaps.watches(db)
    if several and len(watches) < 2:
        return []
    votes = company.lookers(db)
    reaches = {id_: company.reaches(one) for id_, one in components.items()}
    return [standing(host, watch, votes, reaches, now) for host, watch in watches.items()]
