"""The Prometheus text format: its own examples, what OpenMetrics adds, and pages that nobody means well with."""

import math
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from heartbeat_cli.domain.kinds.exposition import (
    MOST_LABEL,
    MOST_LABELS,
    MOST_LINE,
    MOST_SERIES,
    BeyondBounds,
    counts_nothing_yet,
    is_exposition,
    select,
    values,
)

# From https://prometheus.io/docs/instrumenting/exposition_formats/
PAGE = r"""# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="+Inf"} 144320
rpc_duration_seconds{quantile="0.01"} 3102
  indented	{ a = "1" , b="2" , }	7
nothing NaN
negative -1.5e-3
"""


@pytest.mark.parametrize(
    ("metric", "labels", "found"),
    [
        ("http_requests_total", {}, [1027, 3]),
        ("http_requests_total", {"code": "400"}, [3]),
        ("http_requests_total", {"code": "400", "method": "get"}, []),
        ("http_requests", {}, [1027, 3]),
        ("metric_without_timestamp_and_labels", {}, [12.47]),
        ("metric_without_timestamp_and_labels", {"host": ""}, [12.47]),  # a label that is not there is empty
        ("something_weird", {}, [math.inf]),
        ("http_request_duration_seconds_bucket", {"le": "+Inf"}, [144320]),
        ("msdos_file_access_time_seconds", {"error": 'Cannot find file:\n"FILE.TXT"'}, [1.458255915e9]),
        ("msdos_file_access_time_seconds", {"path": "C:\\DIR\\FILE.TXT"}, [1.458255915e9]),
        ("indented", {"a": "1", "b": "2"}, [7]),
        ("negative", {}, [-0.0015]),
        ("rpc_duration", {}, []),
        ("HELP", {}, []),
    ],
)
def test_the_examples_of_the_format(metric: str, labels: dict[str, str], found: list[float]) -> None:
    assert values(PAGE, metric, labels) == found


def test_what_is_not_a_number() -> None:
    assert math.isnan(values(PAGE, "nothing", {})[0])


@pytest.mark.parametrize(
    "line",
    [
        'a{b="1} 2',
        'a{b="1" c="2"} 2',
        "a{b=1} 2",
        "a{",
        "a",
        "a ",
        "a x",
        "a 1_000",
        "a 1.2.3",
        'a{b="1"}',
        "ab 2",
        "a1 2",
        "#a 2",
    ],
)
def test_a_line_that_cannot_be_read_is_passed_over(line: str) -> None:
    assert values(f"{line}\na 5\n", "a", {}) == [5]


def test_openmetrics() -> None:
    page = (
        '# TYPE a counter\na_total{b="1"} 5.0 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.67\na_created 1.5e9\n# EOF\n'
    )
    assert values(page, "a", {}) == values(page, "a_total", {"b": "1"}) == [5]


@given(st.dictionaries(st.text(max_size=5), st.floats(), min_size=1, max_size=4))
def test_what_the_client_library_writes_is_read(given_values: dict[str, float]) -> None:
    registry = CollectorRegistry()
    gauge, counter = Gauge("g", "…", ["own"], registry=registry), Counter("c", "…", ["own"], registry=registry)
    for label, value in given_values.items():
        gauge.labels(label).set(value)
        counter.labels(label).inc(2)
    for page in (generate_latest(registry).decode(), openmetrics.generate_latest(registry).decode()):
        for label, value in given_values.items():
            (found,) = values(page, "g", {"own": label})
            assert found == value or (math.isnan(found) and math.isnan(value))
            assert values(page, "c", {"own": label}) == [2]


@pytest.mark.parametrize("write", [generate_latest, openmetrics.generate_latest], ids=["text", "openmetrics"])
def test_a_counter_of_the_client_library_before_and_after_its_first_event(write: Callable[..., bytes]) -> None:
    registry = CollectorRegistry()
    counter = Counter("done", "Jobs that are done.", ["queue"], registry=registry)
    Gauge("depth", "Jobs that wait.", ["queue"], registry=registry)
    page = write(registry).decode()
    found = {name: counts_nothing_yet(page, name) for name in ("done_total", "done", "depth", "one", "done_tota")}
    assert found == {"done_total": True, "done": True, "depth": False, "one": False, "done_tota": False}
    counter.labels(queue="a").inc(0)
    assert not counts_nothing_yet(write(registry).decode(), "done_total")


@given(st.text(alphabet=st.sampled_from('a{}b="\\,# \t\r0.1eE+-NIinf_\n'), max_size=60))
def test_any_text_gives_numbers_or_nothing(text: str) -> None:
    assert all(isinstance(value, float) for value in values(text, "a", {}))
    assert isinstance(is_exposition(text), bool)


@pytest.mark.parametrize(
    "hostile",
    [
        "a" * 4_000_000,
        "a{" * 2_000_000,
        "a{" + 'b="c",' * 600_000,
        'a{b="' + "\\" * 4_000_000,
        "a" + " " * 4_000_000,
        " " * 4_000_000,
        "a{" + "} " * 2_000_000,
        "a " + "1" * 4_000_000,
        "a\n" * 2_000_000,
        "#" + " " * 4_000_000,
        "# TYPE a" + " " * 4_000_000,
        "# TYPE a counter" + " " * 4_000_000 + "x",
        "# TYPE a counter\n" * 250_000,
    ],
    ids=range(13),
)
def test_a_hostile_page_comes_to_an_end(hostile: str) -> None:
    """With an expression of more than linear time it would take days."""
    with suppress(BeyondBounds):
        assert len(values(hostile, "a", {})) <= 1
        counts_nothing_yet(hostile, "a")
    is_exposition(hostile)


def test_many_selectors_are_served_by_one_pass() -> None:
    page = PAGE + 'a{b="1"} 3\na{b="2"} 4\n'
    selectors = [
        ("a", {"b": "2"}),
        ("a", {}),
        ("http_requests", {}),
        ("http_requests_total", {"code": "400"}),
        ("x", {}),
    ]
    assert select(page, selectors) == [values(page, *one) for one in selectors] == [[4], [3, 4], [1027, 3], [3], []]


def calls(act: Callable[[], object]) -> int:
    """How many functions of Python and of C are called by it."""
    count = 0

    def profile(_frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def test_each_line_is_read_once_and_only_where_its_metric_is_asked_for() -> None:
    page = "".join(f'a{{b="{n}",c="{"x" * 50}"}} {n}\n' for n in range(1000))
    one, thirty = [("a", {"b": "1"})], [("a", {"b": str(n)}) for n in range(30)]
    assert calls(lambda: select(page, thirty)) < 12 * calls(lambda: select(page, one))
    assert calls(lambda: select(page, [("other", {})])) < 1000


def test_labels_full_of_escapes_are_not_taken_apart() -> None:
    """Each escape would be a call; the length alone says that it is another value."""
    page = ('a{b="' + r"\n" * 8000 + '"} 1\n') * 20
    assert calls(lambda: select(page, [("a", {"b": "1"})] * 5)) < 5_000
    assert values(page, "a", {"b": "\n" * 8000}) == [1] * 20


@pytest.mark.parametrize("sign", ["x", r"\n", r"\"", "\\\\"], ids=["plain", "line break", "quote", "backslash"])
@pytest.mark.parametrize("signs", [32_000, 2_000_000], ids=["line within its bound", "line beyond it"])
def test_a_long_label_takes_little_memory(sign: str, signs: int) -> None:
    page = 'a{b="' + sign * signs + '"} 1\n'
    tracemalloc.start()
    try:
        with pytest.raises(BeyondBounds):
            values(page, "a", {})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(page) + 2_000_000


@pytest.mark.parametrize(
    ("at_the_bound", "beyond_it", "said"),
    [
        (
            "a" + " " * (MOST_LINE - 1) + "1",
            "a" + " " * MOST_LINE + "1",
            "a line of a is longer than 65,536 characters",
        ),
        (
            "a{" + ",".join(f'l{n}=""' for n in range(MOST_LABELS)) + "} 1",
            "a{" + ",".join(f'l{n}=""' for n in range(MOST_LABELS + 1)) + "} 1",
            "a line of a has more than 128 labels",
        ),
        (
            'a{b="' + "x" * MOST_LABEL + '"} 1',
            'a{b="' + "x" * (MOST_LABEL + 1) + '"} 1',
            "a label of a is longer than 16,384 characters",
        ),
    ],
    ids=["line", "labels", "label"],
)
def test_a_line_beyond_a_bound_is_not_left_out(at_the_bound: str, beyond_it: str, said: str) -> None:
    """Without it a sum would be wrong. Lines of other metrics do not matter."""
    assert values(at_the_bound, "a", {}) == [1]
    with pytest.raises(BeyondBounds, match=f"^{said}$"):
        values(f"a 1\n{beyond_it}\n", "a", {})
    assert values(f"b 1\n{beyond_it}\n", "b", {}) == [1]


def test_a_metric_has_a_bounded_number_of_series() -> None:
    assert len(values("a 1\n" * MOST_SERIES, "a", {})) == MOST_SERIES
    with pytest.raises(BeyondBounds):
        values("a 1\n" * (MOST_SERIES + 1), "a", {})


def test_whether_it_is_a_page_of_metrics() -> None:
    assert is_exposition(PAGE) and is_exposition("a 1") and is_exposition('a{b="}"} NaN')
    for other in ("", "# only a comment\n", "<html>\n<body>up 1</body>", '{"status": "ok"}', "it is all right"):
        assert not is_exposition(other)
