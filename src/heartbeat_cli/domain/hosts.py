"""The hosts that share a store: when one counts as silent, and what nobody restarts because of that. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from heartbeat_cli.domain.component import Component, healed_by
from heartbeat_cli.domain.coverage import Watch

LEAST = 300.0  # seconds without a pass that are never a silence
_PASSES = 3  # of its own distance


class Gone(NamedTuple):
    """The healer that a component has and that is not there: the host that made the last pass of those that may
    restart it, and when (epoch seconds); where none ever made one, what the configuration says, and None."""

    healer: str
    since: float | None


def after(every: float) -> float:
    """Seconds without a pass from which a host counts as silent, when one is expected `every` so many."""
    return max(_PASSES * every, LEAST)


def is_silent(watch: Watch, now: float) -> bool:
    """Whether a host has made no pass for too long, by its own clock."""
    return now - watch.started > after(watch.every)


def has_healer(component: Component) -> bool:
    """Whether it is some hosts' alone to restart it, and it is to be restarted at all."""
    return component.common.healer != "*" and bool(component.plan.ladder) and component.plan.mode != "off"


def healer_gone(component: Component, watches: Mapping[str, Watch], now: float) -> Gone | None:
    """Who should restart it and is not there; None while somebody is who may."""
    if not has_healer(component):
        return None
    able = {host: watch for host, watch in watches.items() if healed_by(component, host)}
    if not able:
        return Gone(component.common.healer, None)
    if not all(is_silent(watch, now) for watch in able.values()):
        return None
    last = max(able, key=lambda host: able[host].started)
    return Gone(last, able[last].started)
