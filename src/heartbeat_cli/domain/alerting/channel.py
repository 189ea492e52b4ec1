"""What every channel has in common, whatever its kind: how much it is sent at once, and who stands in for it."""

from collections.abc import Iterable, Mapping

from heartbeat_cli.domain.component import Severity
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds

_PRINTERS = ("console",)  # kinds that print, which nobody may read


class ChannelCommon(Record):
    """Keys that every kind of channel takes.

    digest: send several alerts that are due at once as one message
    rate: messages a minute at most; the rest waits and is sent as one; default: no limit
    fallback: id of the channel that takes over what this one does not take; default: none
    fallback_after: seconds of failing after which the fallback takes over
    min_severity: lowest severity that is sent: low, medium, high or severe
    components: ids, kinds or globs of the components it is notified of; default: all
    quiet_hours: local times of day between which minor alerts wait, as in "22:00-07:00"; default: none
    quiet_severity: severities up to this one wait in quiet_hours and come as one message at their end
    escalate_after: seconds after which this channel is notified of a fault that nobody has acknowledged, or sooner
        if recovery gave up; default: at once
    """

    digest: bool = True
    rate: float | None = None
    fallback: str | None = None
    fallback_after: Seconds = 300.0
    min_severity: Severity = "low"
    components: tuple[str, ...] | None = None
    quiet_hours: str | None = None
    quiet_severity: Severity = "medium"
    escalate_after: Seconds | None = None


def fallback_circle(fallbacks: Mapping[str, str | None]) -> list[str]:
    """A chain of fallbacks that comes back to itself, its first id again at the end; empty when there is none."""
    for start in fallbacks:
        path = [start]
        while (following := fallbacks.get(path[-1])) is not None:
            if following in path:
                return [*path[path.index(following) :], following]
            path.append(following)
    return []


def reach_people(channels: Iterable[tuple[str, str | None]]) -> bool:
    """Whether any of these channels (its kind, and why it cannot be used just now) reaches a person, and does not only
    print."""
    return any(kind not in _PRINTERS and broken is None for kind, broken in channels)
