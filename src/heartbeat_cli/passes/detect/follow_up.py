"""What a fault that lasts, or slowness, still owes people: alerts that a silence withheld, and reminders; and incidents
of components that were removed are closed, as is what people know of those that were unobserved.

Used by detection, inside its transaction, while something is in fault, slow or unobserved.
"""

from collections.abc import Callable, Iterator, MutableMapping
from functools import partial
from typing import TYPE_CHECKING

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import alert_severity
from heartbeat_cli.domain.alerting.windows import LONGEST
from heartbeat_cli.domain.component import Component, watched_by
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.alerting.enqueue import add_channels, channels_for
from heartbeat_cli.passes.detect.reminders import Details, Unacknowledged, remind
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.quorum import peers
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state.silences import Silence

if TYPE_CHECKING:
    from heartbeat_cli.passes.detect.apart import Apart

Decision = tuple[str, str, str]  # about which component, what, and why


class FollowUp(Record):
    """What detection knows once a pass is judged: the states, the open incidents (those of removed components are taken
    out), the silences in force, and what gathers the details of an alert about a fault that lasts."""

    db: Database
    config: Config
    states: MutableMapping[str, State]
    open: dict[str, Incident]
    silences: Callable[[], list[Silence]]
    details: Callable[[Component, Incident], Details]
    now: float

    def decisions(self) -> Iterator[Decision]:
        """Enqueue what is due; yields what was decided."""
        apart = self._apart()
        if any(state.state in ("fault", "recovering") for state in self.states.values()):
            yield from self._close_what_was_removed()
            yield from self._send_withheld(alerts.unnotified(self.db), apart)
            yield from remind(self.db, self.config, self._unacknowledged(apart), self.now)
        if slow := [id_ for id_, state in self.states.items() if state.degraded]:
            withheld = alerts.unnotified_slowness(self.db, slow, self.now - LONGEST)
            yield from self._send_withheld(withheld, apart)
        known = self.config.components
        if any(state.unobserved_alert and id_ not in known for id_, state in self.states.items()):
            yield from self._end_unobserved()

    def _apart(self) -> "Apart | None":
        """What this host knows without the store; None while that answers."""
        if not peers.is_spool(self.db):
            return None
        from heartbeat_cli.passes.detect import apart

        return apart.of(self.db, self.config.observer)

    def _end_unobserved(self) -> Iterator[Decision]:
        from heartbeat_cli.passes.check import clock
        from heartbeat_cli.passes.detect import removed, unobserved_removed

        if clock.suspicion(self.db, self.config.observer, self.now) is None:
            gone = removed.unobserved(self.db, self.config, self.states, self.now)
            yield from unobserved_removed.end(self.db, self.config, self.states, gone, self.now)

    def _close_what_was_removed(self) -> Iterator[Decision]:
        known, here = self.config.components, self.config.observer
        if any(id_ not in known or not watched_by(known[id_], here) for id_ in self.open):
            from heartbeat_cli.passes.check import clock
            from heartbeat_cli.passes.detect import removed

            if clock.suspicion(self.db, here, self.now) is not None:
                return  # by a wrong clock nothing is old
            for id_, reason in removed.close(self.db, self.config, self.open, self.now).items():
                del self.open[id_]
                yield id_, "closed", reason

    def _send_withheld(self, withheld: list[tuple[str, str, str]], apart: "Apart | None") -> Iterator[Decision]:
        """Send the alerts that a silence withheld, where the silence is over and the fault, or slowness, is not."""
        for alert_id, kind, id_ in withheld:
            component, state = self.config.components.get(id_), self.states.get(id_)
            if component is None or state is None or self._is_silenced(component):
                continue
            slow = kind.endswith(("_slow", "_degraded"))
            if not (state.degraded if slow else state.state == "fault"):
                continue
            if apart is not None and not apart.still_fails(component, slow=slow):
                continue
            severity = alert_severity(component, kind)
            channels = channels_for(self.db, self.config, kind, severity, component, self.now)
            if channels:
                add_channels(self.db, self.config, alert_id, severity, channels, self.now)
                yield id_, "notified", Text("the silence that kept it back is over")

    def _unacknowledged(self, apart: "Apart | None") -> Iterator[Unacknowledged]:
        """Faults that last and that nobody has acknowledged; not those about to be over, nor, without the store, those
        that only others can know of."""
        for id_, incident in self.open.items():
            component, state = self.config.components.get(id_), self.states.get(id_)
            if component is None or incident.held_by is not None or incident.acked is not None:
                continue
            if state is None or state.state != "fault" or self._is_silenced(component):
                continue
            if apart is None or apart.still_fails(component):
                yield Unacknowledged(component, incident, partial(self.details, component, incident))

    def _is_silenced(self, component: Component) -> bool:
        return any(silence.covers(component, self.now) for silence in self.silences())
