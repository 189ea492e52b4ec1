"""Notifies once of runs that were not started: the first run after the gap records it, the one after that raises the
alert, which is about the host and not about its components.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.coverage import Watch, silent_after
from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.text import Text
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.sql.database import Database

if TYPE_CHECKING:
    from heartbeat_cli.store.state.silences import Silence


def missed(
    db: Database, config: Config, watch: Watch | None, in_force: "Callable[[], Iterable[Silence]]", now: float
) -> str | None:
    """Notify of the gap that the watch still owes people, if it matters; gives the reason. The pass that found the gap
    does not: its clock may have jumped. The next one does, if the clock still stands after the gap. A silence of
    everything, or of this host's name, keeps it back."""
    if watch is None or watch.gap is None or not watch.owed or watch.started <= watch.owed:
        return None
    gaps.save_watch(db, config.observer, watch._replace(owed=0.0))
    if not watch.regular:
        return None
    begun, ended = watch.gap
    from heartbeat_cli.passes.alerting.enqueue import enqueue_host_alert, host_alert
    from heartbeat_cli.passes.check.check import expected_every
    from heartbeat_cli.passes.detect import silent_hosts

    every = expected_every(db, config)
    if ended - begun <= silent_after(every):
        return None
    reason = Text("no pass for {span}, expected every {every}", span=duration(ended - begun), every=duration(every))
    if silent_hosts.back(db, config, watch.gap, now):
        return reason  # another host has notified of it; the same channels get the end
    about = incident_id(config.observer, begun)
    details = {"started": begun, "ended": ended, "minutes": round((ended - begun) / 60), "kind": "observer"}
    alert = host_alert(config, "missed_runs", "medium", about, ended, reason, details, ends=False)
    made = enqueue_host_alert(db, config, alert, now, in_force())
    return made.reason if made.new or made.muted else None
