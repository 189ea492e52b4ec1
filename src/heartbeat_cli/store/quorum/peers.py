"""The other hosts of a store: their votes on the components that several hosts check, and what this host remembers of
them while the store is away."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.domain.category import failure_by_number
from heartbeat_cli.domain.checking.coverage import REACH, TICK, reach
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.quorum import Round, Vote, standing
from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.history.passes import SHARED_SETTING
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.conditions import among
from heartbeat_cli.store.sql.database import Database, placeholders
from heartbeat_cli.store.sql.text import number, understood

# What an observer and any other have checked. Most hosts check mostly what is theirs alone.
_SHARED = (
    "SELECT mine.component FROM heartbeat_looks mine WHERE mine.observer = ? AND EXISTS (SELECT 1 FROM heartbeat_looks"
    " other WHERE other.component = mine.component AND other.observer <> mine.observer)"
)
_UNCONFIRMED_SETTING = "doubts"  # the setting with the unconfirmed faults of all hosts


class UnconfirmedFault(Record):
    """A component that fails for some hosts, but that too few hosts check to confirm it: since when (epoch seconds),
    for how many rounds, and the starts of those that people were notified of. There is one as a rule, and more where
    hosts have notified people without the store."""

    since: float
    rounds: int
    notified: tuple[float, ...] = ()


class PeerState(Record):
    """What a host remembers between passes.

    hosts: which hosts check each component that it shares with others
    unconfirmed: the unconfirmed faults
    checked_apart: when it last checked while the store was away (epoch seconds; 0: never)
    found_apart: whether it found some of the faults without the store, which the other hosts do not know of yet
    """

    hosts: Mapping[str, list[str]] = {}
    unconfirmed: Mapping[str, UnconfirmedFault] = {}
    checked_apart: float = 0.0
    found_apart: bool = False


def is_spool(db: Database) -> bool:
    """Whether this is a spool that is used in place of the store: it has no checks of other hosts."""
    return db.dialect == "sqlite" and bool(db.rows("SELECT 1 FROM heartbeat_degraded WHERE ended IS NULL LIMIT 1"))


class Votes(Record):
    """By component, the newest vote of every other host, and when this host had checked before its own newest check."""

    others: Mapping[str, list[Vote]] = {}
    before: Mapping[str, float] = {}


def votes(db: Database, observer: str, since: float) -> Votes:
    """The votes since a moment (epoch seconds) on the components that this host and others check."""
    others: dict[str, list[Vote]] = {}
    before: dict[str, float] = {}
    rows = db.rows(
        "SELECT component, observer, at, status, error, ended, failure, before FROM heartbeat_looks"
        " WHERE at >= to_timestamp(?)"
        f" AND component {among(db, _SHARED)}",
        (since, observer),
    )
    for component, name, at, status, error, ended, failure, earlier in rows:
        if name == observer:
            before[component] = earlier or 0.0
        else:
            others.setdefault(component, []).append(
                Vote(name, at, status, error, ended or 0.0, failure_by_number(failure))
            )
    return Votes(others, before)


def end_rounds(db: Database, observer: str, checks: Mapping[str, float]) -> None:
    """Note that these checks of this host (time by component) each ended a round."""
    for at in sorted(set(checks.values())):
        ids = [id_ for id_, moment in checks.items() if moment == at]
        which = f"observer = ? AND component IN ({placeholders(ids)})"
        db.run(f"UPDATE heartbeat_looks SET ended = to_timestamp(?) WHERE {which}", (at, observer, *ids))


def newest_votes(db: Database) -> dict[str, list[Vote]]:
    """The newest vote of every host on every component."""
    found: dict[str, list[Vote]] = {}
    rows = db.rows("SELECT component, observer, at, status, error FROM heartbeat_looks ORDER BY component, observer")
    for component, *rest in rows:
        found.setdefault(component, []).append(Vote(*rest))
    return found


def rounds(db: Database, components: Iterable[Component]) -> dict[str, Round]:
    """The current result of the votes, for each component that several hosts check."""
    votes, found = newest_votes(db), {}
    for one in components:
        round_ = standing(quorum_of(one), votes.get(one.id, ()), reaches(one))
        if round_ is not None:
            found[one.id] = round_
    return found


def quorum_of(component: Component) -> int | None:
    """How many hosts must see it fail; None: more than half. A component that is not reached over a network is a
    different one on each host, even under the same name: there one host is enough."""
    if component.common.quorum is not None:
        return component.common.quorum
    return None if plugins.uses_network(component.kind, component.settings) else 1


def reaches(component: Component) -> float:
    """Seconds for which a host's check is its vote: as long as the check counts for the component."""
    return reach(component.common.interval or TICK) or REACH


def read(db: Database, observer: str) -> PeerState:
    """What was last saved, here or in the store that this spool replaces. Unconfirmed faults belong to all hosts; those
    that a host had alone without the store are merged into them when it is back."""
    names = (SHARED_SETTING + observer, _UNCONFIRMED_SETTING)
    rows = db.rows("SELECT name, value FROM heartbeat_settings WHERE name IN (?, ?)", names)
    found: dict[str, str] = dict(rows)
    hosts, own, checked_apart = understood(found.get(SHARED_SETTING + observer), _parse_shared) or _NOTHING
    unconfirmed = understood(found.get(_UNCONFIRMED_SETTING), _parse_unconfirmed) or {}
    for id_, one in own.items():
        unconfirmed[id_] = _merge(unconfirmed.get(id_), one)
    return PeerState(hosts, unconfirmed, checked_apart, bool(own))


def all_unconfirmed(db: Database) -> dict[str, UnconfirmedFault]:
    """All unconfirmed faults, whichever host remembers them."""
    rows = db.rows(
        "SELECT name, value FROM heartbeat_settings WHERE name LIKE ? OR name = ?",
        (f"{SHARED_SETTING}%", _UNCONFIRMED_SETTING),
    )
    found: dict[str, UnconfirmedFault] = {}
    for name, text in rows:
        if name == _UNCONFIRMED_SETTING:
            unconfirmed = understood(text, _parse_unconfirmed) or {}
        else:
            unconfirmed = (understood(text, _parse_shared) or _NOTHING)[1]
        for id_, one in unconfirmed.items():
            found[id_] = _merge(found.get(id_), one)
    return found


_NOTHING: tuple[dict[str, list[str]], dict[str, UnconfirmedFault], float] = ({}, {}, 0.0)


def _parse_shared(stored: list[Any]) -> tuple[dict[str, list[str]], dict[str, UnconfirmedFault], float]:
    shared, own, checked_apart = stored
    hosts = {id_: list(map(str, names)) for id_, names in shared.items()}
    return hosts, _parse_unconfirmed(own), number(checked_apart)


def _parse_unconfirmed(stored: dict[str, list[Any]]) -> dict[str, UnconfirmedFault]:
    return {
        id_: UnconfirmedFault(number(since), int(rounds), tuple(map(number, notified)))
        for id_, (since, rounds, notified) in stored.items()
    }


def _merge(one: UnconfirmedFault | None, other: UnconfirmedFault) -> UnconfirmedFault:
    if one is None:
        return other
    notified = tuple(sorted({*one.notified, *other.notified}))
    return UnconfirmedFault(min(one.since, other.since), max(one.rounds, other.rounds), notified)


def save(db: Database, observer: str, shared: PeerState, *, apart: bool) -> None:
    """Save the state for the next pass. In a spool (`apart`) it is saved as this host's own, in the store as that of
    all."""
    own = shared.unconfirmed if apart else {}
    preferences.put(db, SHARED_SETTING + observer, json.dumps((shared.hosts, own, shared.checked_apart)))
    if not apart:
        preferences.put(db, _UNCONFIRMED_SETTING, json.dumps(shared.unconfirmed))


def delete(db: Database, observer: str) -> None:
    """Delete a host's votes and state; its history stays."""
    db.run("DELETE FROM heartbeat_looks WHERE observer = ?", (observer,))
    db.run("DELETE FROM heartbeat_settings WHERE name = ?", (SHARED_SETTING + observer,))


def shared_while_apart(db: Database, observer: str) -> Collection[str]:
    """The components that others may be checking without this host's knowledge, because the store is away."""
    return read(db, observer).hosts.keys() if is_spool(db) else ()
