"""The Prometheus exposition: a strict reading of the text format, what stands in it, and hostile names."""

import re
from pathlib import Path
from typing import Any, NamedTuple

from heartbeat_cli.domain.checking.result import Metric
from heartbeat_cli.domain.reporting.figures import Figures
from heartbeat_cli.store.board import figures
from heartbeat_cli.views import prometheus
from tests.parts import deployment

NOW = 1_795_000_000.0
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"'
_LINE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)?\}})? (\S+)")


class Read(NamedTuple):
    types: dict[str, str]
    samples: dict[tuple[str, tuple[tuple[str, str], ...]], float]

    def value(self, name: str, /, **labels: str) -> float:
        """The one sample of a name that has at least these labels."""
        hits = [v for (n, found), v in self.samples.items() if n == name and labels.items() <= dict(found).items()]
        assert len(hits) == 1, (name, labels, hits)
        return hits[0]


def read(text: str) -> Read:
    """Parse an exposition as strictly as a collector that refuses the whole file for one bad line."""
    assert text.endswith("\n") and "\r" not in text
    types: dict[str, str] = {}
    samples: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    helped = current = ""
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            helped = line.split(" ")[2]
        elif line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert current == helped and current not in types, "each family once, help before type"
            types[current] = kind
        else:
            match = _LINE.fullmatch(line)
            assert match, line
            assert match[1] == current, "samples stand below their type"
            labels = tuple((m[1], m[2]) for m in re.finditer(_LABEL, match[2] or ""))
            assert len({name for name, _ in labels}) == len(labels), line
            key = (match[1], tuple(sorted(labels)))
            assert key not in samples, f"double series: {line}"
            samples[key] = float(match[match.lastindex or 1])
    return Read(types, samples)


def exposed(folder: Path, story: deployment.Story, **sections: Any) -> str:
    config = deployment.config(folder, **sections)
    with deployment.store(config) as db:
        deployment.live(db, config, NOW, story, step=600.0)
        return prometheus.text(figures.read(db, config.observer, NOW), config)


def test_a_bad_day_in_figures(tmp_path: Path) -> None:
    found = read(exposed(tmp_path, deployment.trouble))
    assert found.value("heartbeat_component_state", component="db", state="fault") == 1
    assert found.value("heartbeat_component_state", component="db", state="healthy") == 0
    assert found.value("heartbeat_component_status", component="weather", status="degraded") == 1
    assert found.value("heartbeat_component_failed_looks", component="db") == 10
    assert found.value("heartbeat_component_look_timestamp_seconds", component="main") == NOW - 4
    assert 0 < found.value("heartbeat_component_response_seconds", component="coding") < 1
    assert found.value("heartbeat_component_info", component="main", name="Main Agent", kind="agent") == 1
    assert found.value("heartbeat_incidents_open", severity="severe") == 1
    assert found.value("heartbeat_incidents_open", severity="high") == 3
    assert found.value("heartbeat_incidents_needing_person") == 1
    assert found.value("heartbeat_alerts_total", type="database_down", severity="severe") == 1
    assert found.value("heartbeat_recoveries_total", outcome="failed") == 2
    assert found.value("heartbeat_recoveries_verified_total") == 2
    assert found.value("heartbeat_last_pass_duration_seconds", observer="agents-01") == 0.31
    assert not [
        1 for name, labels in found.samples if name.endswith("response_seconds") and ("component", "db") in labels
    ]


def test_names_and_types_follow_the_conventions(tmp_path: Path) -> None:
    found = read(exposed(tmp_path, deployment.trouble))
    for name, kind in found.types.items():
        assert name.startswith("heartbeat_")
        assert (kind == "counter") == name.endswith("_total"), name
        assert not re.search(r"percent|millis|_ms\b|_kb", name), "base units"
    for component in {dict(labels)["component"] for _, labels in found.samples if "component" in dict(labels)}:
        hot = [v for (n, ls), v in found.samples.items() if n.endswith("_state") and ("component", component) in ls]
        assert sorted(hot) == [0, 0, 0, 0, 0, 1]


def test_what_monitors_measured_comes_in_base_units_with_its_labels(tmp_path: Path) -> None:
    found = read(exposed(tmp_path, deployment.calm))
    assert found.value("heartbeat_metric_disk_used_ratio", component="host", mount="/srv/models") == 0.415
    assert found.value("heartbeat_metric_query_seconds", component="db") < 0.1
    assert found.types["heartbeat_metric_memory_available_bytes"] == "gauge"


def metrics_of(folder: Path, *measured: Metric, name: str = "x") -> Read:
    config = deployment.config(folder, components={"c": {"kind": "tcp", "host": "h", "port": 1, "name": name}})
    empty = Figures(None, {}, {}, [], {}, {}, {}, {}, {"c": list(measured), "gone": [Metric("a", 1.0)]})
    return read(prometheus.text(empty, config))


def test_hostile_names_and_values_leave_a_file_a_collector_takes(tmp_path: Path) -> None:
    found = metrics_of(
        tmp_path,
        Metric('we"ird {name}\n', 1.0, metadata={"9 lives": 'a"b\\c\nd', "component": "other", "__x": "y"}),
        Metric("we_ird__name__", 2.0, metadata={"9_lives": 'a"b\\c d'}),
        Metric("", 3.0),
        Metric("runs", 7.0, "counter"),
        Metric("runs_total", 8.0, "counter", {"unit": "runs"}),
        Metric("runs_total", 9.0, "gauge"),
        Metric("endless", float("inf")),
        Metric("odd", 1e300, "histogram"),
        name='"}\\ hunter2 token=hunter2-secret',
    )
    assert found.value("heartbeat_metric_we_ird__name__", component="c", _9_lives=r"a\"b\\c d") == 1.0
    assert found.types["heartbeat_metric_runs_total"] == "counter"
    assert found.value("heartbeat_metric_runs_total") == 7.0, "the first of two equal series is kept"
    assert found.value("heartbeat_metric_endless") == float("inf")
    assert found.types["heartbeat_metric_odd"] == "untyped"
    assert not any("hunter2-secret" in str(key) for key in found.samples)
    assert not any("gone" in str(key) for key in found.samples), "a component that is no longer configured"
