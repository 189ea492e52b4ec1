"""Checks that confirm a certain failure within the same run: what is dead need not wait for the next runs of cron.

Each is a heartbeat of its own, and the thresholds stay as they are. Used by `run`, between detection and recovery.
"""

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import ancestors
from heartbeat_cli.domain.record import Record
from heartbeat_cli.passes.check.check import Checked
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states

LONGEST = 15.0  # seconds that one run confirms; what wants longer is confirmed by the next ones


class Next(Record):
    """Which components are to be checked again, and in how many seconds."""

    components: list[str]
    wait: float


def due(db: Database, config: Config, seen: Checked) -> Next | None:
    """What `seen` asks to be confirmed: components whose failure is certain, and which are not in fault yet. What such
    a component depends on has to be judged first, where that fails. None where there is nothing to wait for."""
    pace = seen.done.strategy
    wanted = {id_: config.components[id_].confirm_every(pace) for id_, one in seen.readings.items() if one.certain}
    if not any(wanted.values()):
        return None
    known = states.needed(db, config.observer)
    failing = {id_ for id_, state in known.items() if state.state in ("suspect", "fault")}
    found = {
        id_: every
        for id_, every in wanted.items()
        if every > 0
        and id_ in known
        and known[id_].state == "suspect"
        and failing.isdisjoint(ancestors(id_, config.components))
    }
    return Next(list(found), min(found.values())) if found else None
