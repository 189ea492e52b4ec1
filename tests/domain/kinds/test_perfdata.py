"""The plugin grammar both ways: what real plugins print, garbage, and a round trip of anything."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.checking.result import Metric
from heartbeat_cli.domain.kinds import perfdata
from heartbeat_cli.domain.kinds.perfdata import Perf


def test_the_output_of_check_disk_with_several_lines() -> None:
    output = perfdata.parse_output(
        "DISK OK - free space: / 3326 MB (56%); | /=2643MB;5948;5958;0;5968\n"
        "/ 15272 MB (77%);\n"
        "/boot 68 MB (69%);\n"
        "/home 69357 MB (27%); | /boot=68MB;88;93;0;98\n"
        "/home=69357MB;253404;253409;0;253414\n"
        "'/var/log'=818MB;970;975;0;980\n"
    )
    assert output.summary == "DISK OK - free space: / 3326 MB (56%);"
    assert output.details.splitlines()[0] == "/ 15272 MB (77%);"
    assert [figure.label for figure in output.figures] == ["/", "/boot", "/home", "/var/log"]
    assert output.figures[0] == Perf("/", 2643, "MB", "5948", "5958", "0", "5968")


def test_plain_text_without_figures() -> None:
    assert perfdata.parse_output("OK\n") == ("OK", "", ())
    assert perfdata.parse_output("") == ("", "", ())


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("time=0.0156s;;;0.000000 size=512B;;;0", [("time", 0.0156, "s"), ("size", 512, "B")]),
        ("'it''s here'=5%;80;90", [("it's here", 5, "%")]),
        ("a=-1.5e3 b=.5 c=+2c", [("a", -1500, ""), ("b", 0.5, ""), ("c", 2, "c")]),
        ("load=1,25;5,0", [("load", 1.25, "")]),
        ("a=U b=1", [("b", 1, "")]),
        ("a=1;2;3;4;5 b=2;;", [("a", 1, ""), ("b", 2, "")]),
        ("a=1e999 b=nan c=inf d=7", [("d", 7, "")]),
        ("", []),
        ("no figures here, = =5 'open=3", []),
        ("x=5=6 y=1", [("y", 1, "")]),
        ("a=12abc;~:5;@1:2 b=3KiB", [("a", 12, "abc"), ("b", 3, "KiB")]),
    ],
)
def test_figures(text: str, figures: list[tuple[str, float, str]]) -> None:
    assert [(f.label, f.value, f.uom) for f in perfdata.parse_perfdata(text)] == figures


def test_figures_are_bounded() -> None:
    assert len(perfdata.parse_perfdata(" ".join(f"a{n}=1" for n in range(5000)))) == perfdata.MOST


@given(st.text(max_size=400))
def test_garbage_never_raises(text: str) -> None:
    perfdata.to_metrics(perfdata.parse_output(text).figures)


@pytest.mark.parametrize(
    ("figure", "metric"),
    [
        (Perf("time", 15, "ms"), Metric("time_seconds", 0.015, "gauge", {"unit": "seconds"})),
        (Perf("size", 2, "KB"), Metric("size_bytes", 2048, "gauge", {"unit": "bytes"})),
        (Perf("cpu_percent", 5, "%"), Metric("cpu_percent", 5, "gauge", {"unit": "percent"})),
        (Perf("requests", 9, "c"), Metric("requests", 9, "counter")),
        (
            Perf("/home", 1, "MB"),
            Metric("home_bytes", 1024.0**2, "gauge", {"label": "/home", "unit": "bytes"}),
        ),
        (Perf("/", 1, "%"), Metric("value_percent", 1, "gauge", {"label": "/", "unit": "percent"})),
        (Perf("5min avg", 1, ""), Metric("n5min_avg", 1, "gauge", {"label": "5min avg"})),
        (Perf("fan", 900, "rpm"), Metric("fan", 900, "gauge", {"unit": "rpm"})),
    ],
)
def test_figures_become_metrics_in_base_units(figure: Perf, metric: Metric) -> None:
    (found,) = perfdata.to_metrics([figure])
    assert found._replace(value=0) == metric._replace(value=0)
    assert math.isclose(found.value, metric.value)


@pytest.mark.parametrize(
    ("text", "alerts", "quiet"),
    [
        ("10", [-0.1, 10.1], [0, 10]),
        ("10:", [9.9, -5], [10, 1e9]),
        ("~:10", [10.1], [-1e9, 10]),
        ("10:20", [9, 21], [10, 20]),
        ("@10:20", [10, 15, 20], [9, 21]),
        ("@5", [0, 5], [-1, 6]),
        ("-5:-1", [0, -6], [-5, -1]),
        ("0.5:1.5", [0.4], [1.0]),
    ],
)
def test_ranges(text: str, alerts: list[float], quiet: list[float]) -> None:
    found = perfdata.parse_range(text)
    assert all(found.alerts(value) for value in alerts)
    assert not any(found.alerts(value) for value in quiet)


@pytest.mark.parametrize("text", ["", "@", "abc", "20:10", "1:2:3", "~", "10~"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a range"):
        perfdata.parse_range(text)


def test_our_own_line() -> None:
    figures = [
        perfdata.from_metric(Metric("disk_used_percent", 96.25, metadata={"mount": "/srv/my data"})),
        perfdata.from_metric(Metric("query_seconds", 0.0123)),
        perfdata.from_metric(Metric("restarts", 3, "counter", {"unit": "x"})),
    ]
    assert perfdata.format_line("CRITICAL | db\ndown", figures) == (
        "CRITICAL / db down | 'disk_used_percent_/srv/my data'=96.25% query_seconds=0.0123s restarts=3c"
    )
    assert perfdata.format_line("OK") == "OK"


def test_limits_are_printed_without_empty_ends() -> None:
    assert perfdata.format_perf(Perf("a", 1, "", "5", "", "0")) == "a=1;5;;0"
    assert perfdata.format_perf(Perf("a", math.nan)) == "a=U"
    assert perfdata.format_perf(Perf("a", 1e-12)) == "a=0"


_labels = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="=|"), min_size=1)


@given(_labels, st.floats(-1e12, 1e12).map(lambda value: round(value, 3)))
def test_what_is_printed_can_be_read_again(label: str, value: float) -> None:
    (found,) = perfdata.parse_perfdata(perfdata.format_perf(Perf(label, value, "s", "1:2")))
    assert (found.label, found.value, found.warn) == (label, value, "1:2")
