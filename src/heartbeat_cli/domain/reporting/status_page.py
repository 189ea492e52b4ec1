"""What the page that everybody may see is made of: the store gathers, the views word."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.detection.quorum import Round
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.reporting.board import Glance, Known

DAYS = 90  # of availability and incidents
AHEAD = 14 * 86_400.0  # seconds for which maintenance is announced


class Planned(Record):
    """A maintenance of some of the components: `starts` is 0 where it has begun without a date, `ends` infinite where
    it has none (epoch seconds). Several times of one window bear its name."""

    window: str
    starts: float
    ends: float
    components: tuple[str, ...]

    def is_on(self, now: float) -> bool:
        """Whether it has begun and not ended."""
        return self.starts <= now < self.ends


class Facts(Record):
    """Of the components that are shown: states, newest checks and votes, what is known of each day since
    `midnights[0]`, the incidents of these days (newest first; `is_complete`: all of them), those that a recovery step
    has ended, and maintenance. `salt` belongs to the store: ids that are shown are made with it. `trouble` says why the
    history, or with `is_read` False also the states, could not be read; without a history there are only the open
    incidents, if any."""

    midnights: Sequence[float]
    states: Mapping[str, State] = MappingProxyType({})
    glances: Mapping[str, Glance] = MappingProxyType({})
    rounds: Mapping[str, Round] = MappingProxyType({})
    days: Mapping[str, Sequence[Known]] = MappingProxyType({})
    incidents: Sequence[Incident] = ()
    is_complete: bool = True
    healed: Collection[str] = ()
    maintenance: Sequence[Planned] = ()
    salt: str = ""
    has_history: bool = True
    is_read: bool = True
    trouble: str = ""


STATUSES = ("down", "degraded", "not_observed", "maintenance", "operational")  # the worst first


def public_status(state: State | None, glance: Glance | None, late: bool, alone: bool, in_maintenance: bool) -> str:
    """The status of a component on the public page, from its state, its newest check, whether that is `late`, and
    whether it fails and nobody confirms that (`alone`). What fails or warns below the threshold is degraded; what
    nobody knows is not observed, unless it was in fault when it was seen last."""
    if in_maintenance:
        return "maintenance"
    if state is not None and state.state == "fault":
        return "down"
    if alone:
        return "degraded"
    if state is None or glance is None or late or state.unobserved or not state.judged or glance.status == "unknown":
        return "not_observed"
    fails = state.state != "healthy" or state.flapping or glance.status in FAILURES
    return "degraded" if fails or state.degraded or glance.status == "degraded" else "operational"
