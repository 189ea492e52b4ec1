"""The hosts that share a store: where each stands, and what nobody restarts because one is silent. Pure."""

from collections.abc import Collection, Mapping, Sequence

from heartbeat_cli.domain.checking.coverage import REACH, Watch
from heartbeat_cli.domain.component import Component, healed_by
from heartbeat_cli.domain.detection.quorum import Vote
from heartbeat_cli.domain.record import Record


class Gone(Record):
    """The healer that a component has and that is not there: the host that made the last pass of those that may
    restart it, and when (epoch seconds); where none ever made one, what the configuration says, and None."""

    healer: str
    since: float | None


class Standing(Record):
    """Where a host stands: the start of its last pass and the seconds until the next one, what it checks, and what of
    that others check, too."""

    observer: str
    silent: bool
    last_pass: float
    every: float
    components: tuple[str, ...]
    shared: tuple[str, ...]


def standing(
    host: str, watch: Watch, votes: Mapping[str, Sequence[Vote]], reaches: Mapping[str, float], silent: bool
) -> Standing:
    """A host, by the newest checks of all at each component; `reaches`: for how long a check of what is configured is a
    vote."""
    checked = {id_: max((one.at for one in of if one.observer == host), default=0.0) for id_, of in votes.items()}
    fresh = [id_ for id_, at in checked.items() if at and at >= watch.started - reaches.get(id_, REACH)]
    shared = [
        id_
        for id_ in fresh
        if id_ in reaches and any(one.observer != host and one.at > checked[id_] - reaches[id_] for one in votes[id_])
    ]
    return Standing(host, silent, watch.started, watch.every, tuple(sorted(fresh)), tuple(sorted(shared)))


def has_healer(component: Component) -> bool:
    """Whether it is some hosts' alone to restart it, and it is to be restarted at all."""
    return component.common.healer != "*" and bool(component.plan.ladder) and component.plan.mode != "off"


def healer_gone(component: Component, watches: Mapping[str, Watch], silent: Collection[str]) -> Gone | None:
    """Who should restart it and is not there, of the hosts that are known; None while somebody is who may."""
    if not has_healer(component):
        return None
    able = {host: watch for host, watch in watches.items() if healed_by(component, host)}
    if not able:
        return Gone(component.common.healer, None)
    if not able.keys() <= set(silent):
        return None
    last = max(able, key=lambda host: able[host].started)
    return Gone(last, able[last].started)
