"""What is not well while something else ends: for the last line of the message of an end."""

from collections.abc import Collection, Mapping, Sequence

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.component import watched_by
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.quorum import peer_liveness, peers
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states

_NAMED = 3  # of each; more are counted

Details = dict[str, object]


def of(
    db: Database, config: Config, now: float, without: Collection[str] = (), known: Mapping[str, State] | None = None
) -> Details:
    """`open`: the faults, the silent hosts and the components that cannot be checked, `without` these names. Each is a
    list: how many there are, then the first ones with their beginnings (epoch seconds), of faults with who has
    acknowledged them. `known` are the states as they stand now (None: those of the store). A fault that a parent's
    fault explains is not counted. While the store of several hosts is away these are what this host checks, and
    `apart` is there: what the others see is not known."""
    watches = gaps.watches(db)
    apart = len({*watches, config.observer}) > 1 and peers.is_spool(db)
    own = {id_ for id_, one in config.components.items() if watched_by(one, config.observer)} if apart else set()
    known = states.needed(db, config.observer) if known is None else known
    faults = [
        [_name(config, id_), (one.relapses or (one,))[-1].started, one.acked_by or ""]
        for id_, one in states.open_incidents(db).items()
        if one.held_by is None and id_ not in without and (not apart or id_ in own)
    ]
    silent = [
        [host, since]
        for host, since in ({} if apart else peer_liveness.silent(db, config.observer, watches, now)).items()
        if watches[host].regular and host != config.observer and host not in without
    ]
    unseen = [
        [_name(config, id_), one.unknown_since]
        for id_, one in known.items()
        if one.unobserved and id_ in config.components and id_ not in without and (not apart or id_ in own)
    ]
    found = {"faults": _first(faults), "hosts": _first(silent), "unseen": _first(unseen)}
    return {"open": {**found, "apart": True} if apart else found}


def added(db: Database, config: Config, alert: Alert, now: float) -> Alert:
    """The alert of an end with what is not well now, as the store knows it."""
    open_ = of(db, config, now, {alert.component, *alert.members})
    return alert._replace(details={**alert.details, **open_})


def unacknowledged(db: Database, config: Config) -> Details:
    """`open`: the faults that nobody has acknowledged, as in `of`."""
    faults = [
        [_name(config, id_), (one.relapses or (one,))[-1].started]
        for id_, one in states.open_incidents(db).items()
        if one.held_by is None and not one.acked
    ]
    return {"open": {"faults": _first(faults)}}


def _first(rows: Sequence[Sequence[object]]) -> list[object]:
    return [len(rows), *sorted(rows, key=lambda row: row[1] or 0.0)[:_NAMED]]  # type: ignore[arg-type,return-value]


def _name(config: Config, id_: str) -> str:
    component = config.components.get(id_)
    return component.name if component else id_
