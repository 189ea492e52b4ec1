"""Faults that too few hosts check to confirm them, for the report."""

from collections.abc import Iterable

from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.reporting.summary import Unconfirmed
from heartbeat_cli.store.quorum import peers
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states


def current(db: Database, components: Iterable[Component]) -> list[Unconfirmed]:
    """The unconfirmed faults that people were notified of and that still last, by component."""
    since = {id_: one.since for id_, one in peers.all_unconfirmed(db).items() if one.notified}
    if not since:
        return []
    rounds = peers.rounds(db, [one for one in components if one.id in since])
    in_fault = states.open_incidents(db)
    return [
        Unconfirmed(id_, since[id_], said.words)
        for id_, said in sorted(rounds.items())
        if said.lonely and id_ not in in_fault
    ]
