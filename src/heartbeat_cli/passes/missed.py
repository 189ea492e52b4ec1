"""Runs that did not come, noticed by the first one that did: told once, of the host and not of its components."""

from collections.abc import Callable, Iterable

from heartbeat_cli.config import Config
from heartbeat_cli.domain.alert import Alert
from heartbeat_cli.domain.component import goes_to
from heartbeat_cli.domain.coverage import silent_after
from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.passes.tell import add, muted, tell_of_observer
from heartbeat_cli.store import gaps
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.silences import Silence
from heartbeat_cli.views import wording

_SAME = 0.001  # seconds: a store keeps microseconds


def missed(
    db: Database, config: Config, started: Iterable[float], quiet: Callable[[], Iterable[Silence]], now: float
) -> str | None:
    """Tell of the gap that one of the passes which `started` then has ended, if there is one that matters; gives the
    reason. A silence of everything, or of this host's name, keeps it back."""
    watch = gaps.watch(db, config.observer)
    if watch is None or watch.gap is None or not watch.regular:
        return None
    begun, ended = watch.gap
    if not any(abs(one - ended) < _SAME for one in started):
        return None
    from heartbeat_cli.passes import silent
    from heartbeat_cli.passes.check import expected_every

    every = expected_every(db, config)
    if ended - begun <= silent_after(every):
        return None
    reason = f"no pass for {duration(ended - begun)}, expected every {duration(every)}"
    if silent.back(db, config, watch.gap, now):
        return reason  # another host has told of it, and whoever heard that hears this
    alert = Alert(
        id=f"{incident_id(config.observer, begun)}/missed_runs",
        type="missed_runs",
        severity="medium",
        title=wording.observer_title("missed_runs", config.observer, config.heartbeat.locale),
        component=config.observer,
        at=ended,
        incident=None,
        reason=reason,
        details={"started": begun, "ended": ended, "minutes": round((ended - begun) / 60), "kind": "observer"},
    )
    for silence in quiet():
        if goes_to(silence.target, config.observer):
            add(db, config, muted(alert, silence), (), now)
            return f"{reason}; muted: {silence.kind} {silence.id}"
    return reason if tell_of_observer(db, config, alert, now) else None
