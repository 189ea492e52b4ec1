"""The other hosts of a store: what they see, and what this one knows of them while the store is away."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from heartbeat_cli import plugins
from heartbeat_cli.domain.checking.coverage import REACH, TICK, reach
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.quorum import Round, Vote, standing
from heartbeat_cli.store.history.passes import SHARED_SETTING
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database, placeholders

_UNCONFIRMED_SETTING = "doubts"  # among the settings


class UnconfirmedFault(NamedTuple):
    """A component that some see failing and that too few look at: since when (epoch seconds), for how many rounds, and
    when those began of which people have heard: as a rule one, more where hosts told of it without the store."""

    since: float
    rounds: int
    notified: tuple[float, ...] = ()


class PeerState(NamedTuple):
    """What a host knows of the components that others look at, too: their hosts `hosts` component, the `unconfirmed` about
    them, when it last looked while the store was `checked_apart` (epoch seconds; 0: never), and whether it has `brought` doubts
    along that the others have not heard of."""

    hosts: Mapping[str, list[str]] = {}
    unconfirmed: Mapping[str, UnconfirmedFault] = {}
    checked_apart: float = 0.0
    brought: bool = False


def is_spool(db: Database) -> bool:
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
            f"UPDATE heartbeat_looks SET ended = to_timestamp(?) WHERE observer = ? AND component IN ({placeholders(ids)})",
            (at, observer, *ids),
        )


def newest_votes(db: Database) -> dict[str, list[Vote]]:
    """The newest look of every host at every component."""
    found: dict[str, list[Vote]] = {}
    rows = db.rows("SELECT component, observer, at, status, error FROM heartbeat_looks ORDER BY component, observer")
    for component, *rest in rows:
        found.setdefault(component, []).append(Vote(*rest))
    return found


def rounds(db: Database, components: Iterable[Component]) -> dict[str, Round]:
    """What the hosts say together now, of each component that several look at."""
    votes, found = newest_votes(db), {}
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


def read(db: Database, observer: str) -> PeerState:
    """What was last kept, here or in the store that this spool stands in for. Doubts are everybody's; those that a host
    had alone without the store come to them when it is back."""
    names = (SHARED_SETTING + observer, _UNCONFIRMED_SETTING)
    rows = db.rows("SELECT name, value FROM heartbeat_settings WHERE name IN (?, ?)", names)
    found: dict[str, str] = dict(rows)
    by, own, away = json.loads(found.get(SHARED_SETTING + observer) or "[{}, {}, 0]")
    doubts = {id_: _parse_unconfirmed(one) for id_, one in json.loads(found.get(_UNCONFIRMED_SETTING) or "{}").items()}
    for id_, one in own.items():
        doubts[id_] = _merge(doubts.get(id_), _parse_unconfirmed(one))
    return PeerState(by, doubts, away, bool(own))


def all_unconfirmed(db: Database) -> dict[str, UnconfirmedFault]:
    """What some see failing and too few look at, whoever of the hosts remembers it."""
    rows = db.rows(
        "SELECT name, value FROM heartbeat_settings WHERE name LIKE ? OR name = ?",
        (f"{SHARED_SETTING}%", _UNCONFIRMED_SETTING),
    )
    found: dict[str, UnconfirmedFault] = {}
    for name, text in rows:
        for id_, one in (json.loads(text) if name == _UNCONFIRMED_SETTING else json.loads(text)[1]).items():
            found[id_] = _merge(found.get(id_), _parse_unconfirmed(one))
    return found


def _parse_unconfirmed(stored: list[Any]) -> UnconfirmedFault:
    since, rounds, told = stored
    return UnconfirmedFault(since, rounds, tuple(told))


def _merge(one: UnconfirmedFault | None, other: UnconfirmedFault) -> UnconfirmedFault:
    if one is None:
        return other
    told = tuple(sorted({*one.notified, *other.notified}))
    return UnconfirmedFault(min(one.since, other.since), max(one.rounds, other.rounds), told)


def save(db: Database, observer: str, shared: PeerState, *, apart: bool) -> None:
    """Keep it for the next pass: what is everybody's only in the store itself."""
    own = shared.unconfirmed if apart else {}
    preferences.put(db, SHARED_SETTING + observer, json.dumps((shared.hosts, own, shared.checked_apart)))
    if not apart:
        preferences.put(db, _UNCONFIRMED_SETTING, json.dumps(shared.unconfirmed))


def delete(db: Database, observer: str) -> None:
    """A host's newest looks are nobody's vote any more; its history stays."""
    db.run("DELETE FROM heartbeat_looks WHERE observer = ?", (observer,))
    db.run("DELETE FROM heartbeat_settings WHERE name = ?", (SHARED_SETTING + observer,))


def shared_while_apart(db: Database, observer: str) -> Collection[str]:
    """The components that others may look at just now without our hearing of it."""
    return read(db, observer).hosts.keys() if is_spool(db) else ()
