"""The other hosts of a store: what they see, and what this one knows of them while the store is away."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from heartbeat_cli import plugins
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.coverage import REACH, TICK, reach
from heartbeat_cli.domain.quorum import Round, Vote, standing
from heartbeat_cli.store import preferences
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.passes import SHARED


class Doubt(NamedTuple):
    """A component that this host sees failing and that too few others look at: since when (epoch seconds), for how many
    rounds, and whether people have heard of it."""

    since: float
    rounds: int
    told: bool


class Shared(NamedTuple):
    """What a host knows of the components that others look at, too: their hosts `by` component, and its `doubts`."""

    by: Mapping[str, list[str]]
    doubts: Mapping[str, Doubt]


def is_apart(db: Database) -> bool:
    """Whether this is a spool that stands in for the store: then nobody else's looks are in it."""
    return db.dialect == "sqlite" and bool(db.rows("SELECT 1 FROM heartbeat_degraded WHERE ended IS NULL LIMIT 1"))


def votes(db: Database, observer: str, since: float) -> dict[str, list[Vote]]:
    """The newest look of every other host, since a moment, at what this one looks at; by component."""
    found: dict[str, list[Vote]] = {}
    rows = db.rows(
        "SELECT component, observer, at, status, error FROM heartbeat_looks WHERE observer <> ?"
        " AND at >= to_timestamp(?) AND component IN (SELECT component FROM heartbeat_looks WHERE observer = ?)",
        (observer, since, observer),
    )
    for component, *rest in rows:
        found.setdefault(component, []).append(Vote(*rest))
    return found


def lookers(db: Database) -> dict[str, list[Vote]]:
    """The newest look of every host at every component."""
    found: dict[str, list[Vote]] = {}
    rows = db.rows("SELECT component, observer, at, status, error FROM heartbeat_looks ORDER BY component, observer")
    for component, *rest in rows:
        found.setdefault(component, []).append(Vote(*rest))
    return found


def rounds(db: Database, components: Iterable[Component]) -> dict[str, Round]:
    """What the hosts say together now, of each component that several look at."""
    votes, found = lookers(db), {}
    for one in components:
        round_ = standing(quorum_of(one), votes.get(one.id, ()), reaches(one))
        if round_ is not None:
            found[one.id] = round_
    return found


def quorum_of(component: Component) -> int | None:
    """How many hosts must see it fail, None: more than half. What is not reached over a network is another thing on
    each host that looks at one of its name: there one is enough."""
    if component.common.quorum is not None:
        return component.common.quorum
    return None if plugins.looks_out(component.kind, component.settings) else 1


def reaches(component: Component) -> float:
    """Seconds for which a host's look is its vote: as long as the look speaks for the component."""
    return reach(component.common.interval or TICK) or REACH


def known(db: Database, observer: str) -> Shared:
    """What was last kept, here or in the store that this spool stands in for."""
    text = preferences.get(db, SHARED + observer)
    if text is None:
        return Shared({}, {})
    by, doubts = json.loads(text)
    return Shared(by, {id_: Doubt(*one) for id_, one in doubts.items()})


def keep(db: Database, observer: str, shared: Shared) -> None:
    preferences.put(db, SHARED + observer, json.dumps(shared))


def forget(db: Database, observer: str) -> None:
    """A host's newest looks are nobody's vote any more; its history stays."""
    db.run("DELETE FROM heartbeat_looks WHERE observer = ?", (observer,))
    db.run("DELETE FROM heartbeat_settings WHERE name = ?", (SHARED + observer,))


def while_apart(db: Database, observer: str) -> Collection[str]:
    """The components that others may look at just now without our hearing of it."""
    return known(db, observer).by.keys() if is_apart(db) else ()
