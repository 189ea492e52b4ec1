"""The figures of one moment for a time series database: the store gathers, the view words."""

from collections.abc import Mapping, Sequence

from heartbeat_cli.domain.checking.result import Metric
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.reporting.board import Glance, LastPass


class Figures(Record):
    """`looks`: checks of the last hour by status, `alerts` by (type, severity), `notifications` by (channel, state),
    `attempts` to heal by (outcome, whether the same check passed again), `metrics` of each component's last check."""

    last_pass: LastPass | None
    states: Mapping[str, State]
    glances: Mapping[str, Glance]
    incidents: Sequence[Incident]
    looks: Mapping[str, int]
    alerts: Mapping[tuple[str, str], int]
    notifications: Mapping[tuple[str, str], int]
    attempts: Mapping[tuple[str, bool], int]
    metrics: Mapping[str, Sequence[Metric]]
