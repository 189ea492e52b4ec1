"""The other hosts of a store: what they see, and what this one knows of them while the store is away."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from heartbeat_cli import plugins
from heartbeat_cli.domain.checking.coverage import REACH, TICK, reach
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.quorum import Round, Vote, standing
from heartbeat_cli.store.history.passes import SHARED
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database, marks
from heartbeat_cli.store.sql.text import number, understood

_DOUBTS = "doubts"  # among the settings


class Doubt(NamedTuple):
    """A component that some see failing and that too few look at: since when (epoch seconds), for how many rounds, and
    when those began of which people have heard: as a rule one, more where hosts told of it without the store."""

    since: float
    rounds: int
    told: tuple[float, ...] = ()


class Shared(NamedTuple):
    """What a host knows of the components that others look at, too: their hosts `by` component, the `doubts` about
    them, when it last looked while the store was `away` (epoch seconds; 0: never), and whether it has `brought` doubts
    along that the others have not heard of."""

    by: Mapping[str, list[str]] = {}
    doubts: Mapping[str, Doubt] = {}
    away: float = 0.0
    brought: bool = False


def is_apart(db: Database) -> bool:
    """Whether this is a spool that stands in for the store: then nobody else's looks are in it."""
    return db.dialect == "sqlite" and bool(db.rows("SELECT 1 FROM heartbeat_degraded WHERE ended IS NULL LIMIT 1"))


class Votes(NamedTuple):
    """By component the newest look of every other host, and when this one had looked before its own newest."""

    others: Mapping[str, list[Vote]] = {}
    before: Mapping[str, float] = {}


def votes(db: Database, observer: str, since: float) -> Votes:
    """The looks since a moment at what this host looks at."""
    others: dict[str, list[Vote]] = {}
    before: dict[str, float] = {}
    rows = db.rows(
        "SELECT component, observer, at, status, error, ended, before FROM heartbeat_looks WHERE at >= to_timestamp(?)"
        " AND component IN (SELECT component FROM heartbeat_looks WHERE observer = ?)",
        (since, observer),
    )
    for component, name, at, status, error, ended, earlier in rows:
        if name == observer:
            before[component] = earlier or 0.0
        else:
            others.setdefault(component, []).append(Vote(name, at, status, error, ended or 0.0))
    return Votes(others, before)


def end_rounds(db: Database, observer: str, looks: Mapping[str, float]) -> None:
    """These looks of this host, by component, ended a round."""
    for at in sorted(set(looks.values())):
        ids = [id_ for id_, moment in looks.items() if moment == at]
        db.run(
            f"UPDATE heartbeat_looks SET ended = to_timestamp(?) WHERE observer = ? AND component IN ({marks(ids)})",
            (at, observer, *ids),
        )


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
    return None if plugins.uses_network(component.kind, component.settings) else 1


def reaches(component: Component) -> float:
    """Seconds for which a host's look is its vote: as long as the look speaks for the component."""
    return reach(component.common.interval or TICK) or REACH


def known(db: Database, observer: str) -> Shared:
    """What was last kept, here or in the store that this spool stands in for. Doubts are everybody's; those that a host
    had alone without the store come to them when it is back."""
    names = (SHARED + observer, _DOUBTS)
    rows = db.rows("SELECT name, value FROM heartbeat_settings WHERE name IN (?, ?)", names)
    found: dict[str, str] = dict(rows)
    by, own, away = understood(found.get(SHARED + observer), _shared) or _NOTHING
    doubts = understood(found.get(_DOUBTS), _doubts) or {}
    for id_, one in own.items():
        doubts[id_] = _joined(doubts.get(id_), one)
    return Shared(by, doubts, away, bool(own))


def every_doubt(db: Database) -> dict[str, Doubt]:
    """What some see failing and too few look at, whoever of the hosts remembers it."""
    rows = db.rows("SELECT name, value FROM heartbeat_settings WHERE name LIKE ? OR name = ?", (f"{SHARED}%", _DOUBTS))
    found: dict[str, Doubt] = {}
    for name, text in rows:
        doubts = understood(text, _doubts) if name == _DOUBTS else (understood(text, _shared) or _NOTHING)[1]
        for id_, one in (doubts or {}).items():
            found[id_] = _joined(found.get(id_), one)
    return found


_NOTHING: tuple[dict[str, list[str]], dict[str, Doubt], float] = ({}, {}, 0.0)


def _shared(stored: list[Any]) -> tuple[dict[str, list[str]], dict[str, Doubt], float]:
    by, own, away = stored
    return {id_: list(map(str, hosts)) for id_, hosts in by.items()}, _doubts(own), number(away)


def _doubts(stored: dict[str, list[Any]]) -> dict[str, Doubt]:
    return {
        id_: Doubt(number(since), int(rounds), tuple(map(number, told)))
        for id_, (since, rounds, told) in stored.items()
    }


def _joined(one: Doubt | None, other: Doubt) -> Doubt:
    if one is None:
        return other
    told = tuple(sorted({*one.told, *other.told}))
    return Doubt(min(one.since, other.since), max(one.rounds, other.rounds), told)


def keep(db: Database, observer: str, shared: Shared, *, apart: bool) -> None:
    """Keep it for the next pass: what is everybody's only in the store itself."""
    own = shared.doubts if apart else {}
    preferences.put(db, SHARED + observer, json.dumps((shared.by, own, shared.away)))
    if not apart:
        preferences.put(db, _DOUBTS, json.dumps(shared.doubts))


def forget(db: Database, observer: str) -> None:
    """A host's newest looks are nobody's vote any more; its history stays."""
    db.run("DELETE FROM heartbeat_looks WHERE observer = ?", (observer,))
    db.run("DELETE FROM heartbeat_settings WHERE name = ?", (SHARED + observer,))


def while_apart(db: Database, observer: str) -> Collection[str]:
    """The components that others may look at just now without our hearing of it."""
    return known(db, observer).by.keys() if is_apart(db) else ()
