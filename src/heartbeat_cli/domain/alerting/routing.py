"""Which channels take an alert, at once or when nobody has acknowledged it, and when they may be disturbed. Pure."""

from collections.abc import Mapping
from datetime import tzinfo

from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.alerting.windows import quiet_hours, quiet_until
from heartbeat_cli.domain.component import Component, Severity, may_go_by, severity_rank

_DAY = 86_400.0


def takes(channel: ChannelCommon, severity: Severity, component: Component | None) -> bool:
    """Whether a channel wants what is this grave and about this component (None: about the host that checks)."""
    if severity_rank(severity) < severity_rank(channel.min_severity):
        return False
    if component is None or channel.components is None:
        return True
    return any(may_go_by(component, name) for name in channel.components)


def audience(channels: Mapping[str, ChannelCommon], severity: Severity, component: Component | None) -> list[str]:
    """The channels that an alert goes to: those that the component names, or all, as far as they take it."""
    named = component.common.channels if component else None
    chosen = channels if named is None else [id_ for id_ in named if id_ in channels]
    return [id_ for id_ in chosen if takes(channels[id_], severity, component)]


def split(channels: Mapping[str, ChannelCommon], ids: list[str]) -> tuple[list[str], dict[str, float]]:
    """Those of `ids` that are notified at once, and those that are notified only after so many seconds."""
    later = {id_: after for id_ in ids if (after := channels[id_].escalate_after) is not None}
    return [id_ for id_ in ids if id_ not in later], later


def may_wait(channel: ChannelCommon, severity: Severity) -> bool:
    """Whether something is slight enough for this channel's quiet hours."""
    return channel.quiet_hours is not None and severity_rank(severity) <= severity_rank(channel.quiet_severity)


def waits_until(channel: ChannelCommon, severity: Severity, now: float, zone: tzinfo) -> float | None:
    """When the channel's quiet time is over, for what has to wait until then; None for what may go out now."""
    if channel.quiet_hours is None or not may_wait(channel, severity):
        return None
    return quiet_until(quiet_hours(channel.quiet_hours), now, zone)


def reminder_distance(first: float, made: int) -> float:
    """Seconds between the last message about an incident and its next reminder, when `made` were made already: twice
    as long each time, a day at most."""
    return min(first * 2.0 ** min(made, 30), max(first, _DAY))
