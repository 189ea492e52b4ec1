"""Figures in Prometheus' text format, as node_exporter's textfile collector takes them: no timestamps, a newline at
the end, base units, label values from what is configured or bounded.

What the monitors measured comes out as `heartbeat_metric_<name>`, per cent as a ratio from 0 to 1. Foreign names are
made valid ones; should two of them become the same series, the first is kept, since one double series would make a
collector refuse the whole file.
"""

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence

from prometheus_client import Metric as Exposed
from prometheus_client import generate_latest
from prometheus_client.registry import Collector

from heartbeat_cli import __version__, plugins
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import FAMILIES, SOUNDLESS
from heartbeat_cli.domain.checking.result import STATUSES, Metric
from heartbeat_cli.domain.component import SEVERITIES, Component
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.incident import OUTCOMES
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.reporting.board import LastPass
from heartbeat_cli.domain.reporting.figures import Figures
from heartbeat_cli.redact import redact
from heartbeat_cli.views.titles import TITLES

_SENDING = ("waiting", "sent", "printed", "failed", "handed_over")
_TYPES = {*TITLES, *SOUNDLESS, "report", "test", "button"}  # of alerts, beside those that begin with a kind
STATES = ("healthy", "suspect", "fault", "recovering", "unknown", "unobserved")
_INVALID = re.compile(r"[^a-zA-Z0-9_]")
_OTHER = "other"
_LABEL = 120  # characters of a label value

Labels = tuple[tuple[str, str], ...]
Samples = Sequence[tuple[Labels, float]]


class Family(Record):
    """All series of one name."""

    name: str
    type: str
    help: str
    samples: Samples


class _Collected(Collector):
    """What the library writes out."""

    def __init__(self, families: Iterable[Exposed]) -> None:
        self._families = families

    def collect(self) -> Iterable[Exposed]:
        return self._families


def text(figures: Figures, config: Config) -> str:
    """The whole exposition."""
    families = [
        *_own(figures, config),
        *_components(figures, config.components),
        *_metrics(figures.metrics, config.components),
    ]
    exposed = [_exposed(one, tuple(config.secrets)) for one in families if one.samples]
    return generate_latest(_Collected(exposed)).decode()


def _own(figures: Figures, config: Config) -> list[Family]:
    """What heartbeat says of itself. Rows of other hosts make no series by other words than there are."""
    channels, alerts = {*config.channels}, _known(figures.alerts, _alert_types(config), SEVERITIES)
    incidents = Counter(one.severity for one in figures.incidents)
    needing = sum(one.needs_person for one in figures.incidents)
    waiting, ended = (
        _known(
            {key: n for key, n in figures.notifications.items() if (key[1] == "waiting") is still}, channels, _SENDING
        )
        for still in (True, False)
    )
    outcomes: Counter[str] = Counter()
    for (outcome, _), count in figures.attempts.items():
        outcomes[outcome] += count
    verified = sum(count for (_, verified), count in figures.attempts.items() if verified)
    return [
        _gauge("build_info", "The version of heartbeat.", [((("version", __version__),), 1)]),
        *_last_pass(figures.last_pass),
        _gauge("looks_last_hour", "Checks of the last hour.", _by("status", STATUSES, figures.looks)),
        _gauge("incidents_open", "Open incidents.", _by("severity", SEVERITIES, incidents)),
        _gauge("incidents_needing_person", "Open incidents that recovery could not end.", [((), needing)]),
        _counter("alerts_total", "Alerts raised.", _pairs(alerts, "type", "severity")),
        _gauge("notifications_waiting", "Notifications not delivered yet.", _pairs(waiting, "channel", "state")),
        _counter("notifications_total", "Notifications sent, printed or given up.", _pairs(ended, "channel", "state")),
        _counter("recoveries_total", "Recovery attempts, and what held one back.", _by("outcome", OUTCOMES, outcomes)),
        _counter("recoveries_verified_total", "Attempts after which the check passed again.", [((), verified)]),
    ]


def _alert_types(config: Config) -> set[str]:
    kinds = {*plugins.kinds("monitors"), *(one.kind for one in config.components.values())}
    return _TYPES | {f"{kind}_{one}" for kind in kinds for one in FAMILIES}


def _known(
    counts: Mapping[tuple[str, str], int], firsts: Container[str], seconds: Container[str]
) -> Counter[tuple[str, str]]:
    """The counts by words that are known; by `other` for all others."""
    found: Counter[tuple[str, str]] = Counter()
    for (first, second), count in counts.items():
        found[first if first in firsts else _OTHER, second if second in seconds else _OTHER] += count
    return found


def _last_pass(last: LastPass | None) -> list[Family]:
    if last is None:
        return []
    labels = (("observer", last.observer),)
    return [
        _gauge("last_pass_timestamp_seconds", "When the last pass started.", [(labels, last.started)]),
        _gauge("last_pass_duration_seconds", "How long it took.", [(labels, round(last.finished - last.started, 6))]),
        _gauge("last_pass_looks", "How many components it checked.", [(labels, last.looks)]),
    ]


def _components(figures: Figures, components: Mapping[str, Component]) -> list[Family]:
    """Where each configured component stands."""
    named: dict[str, Labels] = {id_: (("component", id_), ("kind", one.kind)) for id_, one in components.items()}
    known = {labels: figures.states[id_] for id_, labels in named.items() if id_ in figures.states}
    seen = {labels: figures.glances[id_] for id_, labels in named.items() if id_ in figures.glances}
    info: Samples = [((*labels, ("name", components[id_].name)), 1) for id_, labels in named.items()]
    states: dict[Labels, str] = {one: _state(known.get(one)) for one in named.values()}
    statuses: dict[Labels, str] = {one: seen[one].status if one in seen else "unknown" for one in named.values()}
    failing: Samples = [(one, state.fail_count) for one, state in known.items()]
    failing_by: Samples = [
        ((*one, ("category", look.failure.category), ("remedy", look.failure.remedy)), 1)
        for one, look in seen.items()
        if look.failure is not None
    ]
    took: Samples = [(one, look.response_time) for one, look in seen.items() if look.response_time is not None]
    return [
        _gauge("component_info", "What is watched.", info),
        _gauge("component_state", "1 for the state it is in.", _one_hot("state", STATES, states)),
        _gauge("component_status", "1 for the status of its last look.", _one_hot("status", STATUSES, statuses)),
        _gauge("component_failure", "1 for the kind of failure its last look shows, and what mends it.", failing_by),
        _gauge("component_flapping", "1 while it flaps.", [(one, state.flapping) for one, state in known.items()]),
        _gauge("component_unobserved", "1 while it cannot be checked.", [(o, s.unobserved) for o, s in known.items()]),
        _gauge("component_failed_looks", "Failing checks in a row.", failing),
        _gauge("component_state_timestamp_seconds", "Begin of its state.", [(o, s.since) for o, s in known.items()]),
        _gauge("component_look_timestamp_seconds", "Its last look.", [(one, look.at) for one, look in seen.items()]),
        _gauge("component_response_seconds", "How long its last answer took.", took),
    ]


def _state(state: State | None) -> str:
    if state is None or not (state.judged or state.unobserved):
        return "unknown"
    return "unobserved" if state.unobserved else state.state


def _metrics(metrics: Mapping[str, Sequence[Metric]], components: Mapping[str, Component]) -> list[Family]:
    """What the monitors measured: a family for each name, gauge and counter of one name kept apart."""
    found: dict[str, tuple[Metric, list[tuple[Labels, float]]]] = {}
    for id_, measured in metrics.items():
        if id_ in components:
            for one in measured:
                name, value = _unit(one)
                first, samples = found.setdefault(name, (one, []))
                if first.type == one.type:
                    samples.append((_metric_labels(components[id_], one), value))
    return [
        Family(name, first.type, f"{first.name} as the last look measured it.", samples)
        for name, (first, samples) in sorted(found.items())
    ]


def _unit(one: Metric) -> tuple[str, float]:
    """The family's name and the value in its base unit."""
    name, value = _INVALID.sub("_", one.name)[:_LABEL], float(one.value)
    if name.endswith("_percent"):
        name, value = name.removesuffix("_percent") + "_ratio", value / 100
    if one.type == "counter":
        name = name.removesuffix("_total") + "_total"
    return f"heartbeat_metric_{name}", value


def _metric_labels(component: Component, one: Metric) -> Labels:
    own = (("component", component.id), ("kind", component.kind))
    more = {}
    for key, value in (one.metadata or {}).items():
        label = _INVALID.sub("_", str(key))[:_LABEL]
        if label not in ("component", "kind", "unit", "") and not label.startswith("__"):
            more[f"_{label}" if "0" <= label[0] <= "9" else label] = str(value)
    return (*own, *sorted(more.items()))


def _one_hot(label: str, words: Sequence[str], now: Mapping[Labels, str]) -> Samples:
    return [((*labels, (label, word)), word == value) for labels, value in now.items() for word in words]


def _by(label: str, words: Iterable[str], counts: Mapping[str, int]) -> Samples:
    """A series for every word there is, so that none appears out of nowhere."""
    return [(((label, word),), counts.get(word, 0)) for word in words]


def _pairs(counts: Mapping[tuple[str, str], int], first: str, second: str) -> Samples:
    return [(((first, one), (second, other)), count) for (one, other), count in counts.items()]


def _gauge(name: str, help_: str, samples: Samples) -> Family:
    return Family(f"heartbeat_{name}", "gauge", help_, samples)


def _counter(name: str, help_: str, samples: Samples) -> Family:
    return Family(f"heartbeat_{name}", "counter", help_, samples)


def _exposed(family: Family, secrets: Sequence[str]) -> Exposed:
    """A family as the library takes it, which puts the `_total` of a counter behind its name by itself."""
    kind = family.type if family.type in ("gauge", "counter") else "untyped"
    name = family.name.removesuffix("_total") if kind == "counter" else family.name
    exposed = Exposed(name, redact(one_line(family.help, _LABEL), secrets), kind)
    seen = set()
    for labels, value in family.samples:
        shown = {name: one_line(redact(text, secrets), _LABEL) for name, text in labels}
        if (series := tuple(shown.items())) not in seen:
            seen.add(series)
            exposed.add_sample(family.name, shown, float(value))
    return exposed
