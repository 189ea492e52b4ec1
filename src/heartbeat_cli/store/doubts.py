"""What fails and too few hosts look at to make a fault of it, as the hosts remember it: for the report."""

import json
from collections.abc import Iterable

from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.summary import Unconfirmed
from heartbeat_cli.store import company, states
from heartbeat_cli.store.company import Doubt
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.passes import SHARED


def standing(db: Database, components: Iterable[Component]) -> list[Unconfirmed]:
    """The doubts that people were told of and that still stand, by component."""
    since: dict[str, float] = {}
    for (text,) in db.rows("SELECT value FROM heartbeat_settings WHERE name LIKE ?", (f"{SHARED}%",)):
        for id_, one in json.loads(text)[1].items():
            doubt = Doubt(*one)
            if doubt.told:
                since[id_] = min(doubt.since, since.get(id_, doubt.since))
    if not since:
        return []
    rounds = company.rounds(db, [one for one in components if one.id in since])
    in_fault = states.open_incidents(db)
    return [
        Unconfirmed(id_, since[id_], said.words)
        for id_, said in sorted(rounds.items())
        if said.lonely and id_ not in in_fault
    ]
