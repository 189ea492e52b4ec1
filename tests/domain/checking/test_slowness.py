"""Slow against the own past: a floor, too little past, a spike, being slow for good, and memory that is garbage."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.config import load
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.checking.slowness import KEPT, LEAST, MEMORY, SLOW, judge, percentile
from heartbeat_cli.domain.component import Common
from heartbeat_cli.passes.check import engine
from tests.parts.http import Answer, healthy_server

OWN = Common(slow_factor=3.0, slow_floor=0.2)
TIMES = st.floats(0, 3600, allow_nan=False)


def live(times: list[float], common: Common = OWN, memory: Any = None) -> tuple[str, dict[str, Any]]:
    """A letter a check (`.` healthy, `s` slow), and what is remembered at the end; memory travels as JSON."""
    memory, said = memory or {}, ""
    for took in times:
        reading = judge(common, Reading("healthy", took), memory)
        said += "s" if reading.status == "degraded" else "."
        memory = json.loads(json.dumps(dict(reading.memory)))
    return said, memory


def test_the_percentile_is_the_nearest_rank() -> None:
    twenty = [float(n) for n in range(1, 21)]
    assert percentile(twenty, 0.95) == 19.0  # the 19th of twenty, not the greatest: one spike is none
    assert (percentile([7.0], 0.95), percentile(twenty, 0.0), percentile(twenty, 1.0)) == (7.0, 1.0, 20.0)


def test_a_fixed_limit_needs_no_past() -> None:
    reading = judge(Common(slow_after=1.0), Reading("healthy", 1.5), {})
    assert (reading.status, reading.error) == ("degraded", "slow: 1.50 s (limit 1 s)")
    assert judge(Common(slow_after=1.0), Reading("healthy", 1.0), {}).status == "healthy"
    assert MEMORY not in reading.memory


def test_too_little_past_says_nothing() -> None:
    assert live([0.1] * (LEAST - 1) + [9.0])[0] == "." * LEAST
    assert live([0.1] * LEAST + [9.0])[0] == "." * LEAST + "s"


def test_below_the_floor_nothing_is_slow() -> None:
    assert live([0.001] * 30 + [0.2])[0][-1] == "."
    assert live([0.001] * 30 + [0.21])[0][-1] == "s"


def test_one_spike_moves_nothing() -> None:
    said, memory = live([0.1] * 30 + [30.0] + [0.1] * 5 + [0.31])
    assert said == "." * 30 + "s" + "." * 5 + "s"
    assert max(memory[MEMORY]) < 0.31


def test_a_spike_before_there_is_a_past_moves_nothing_either() -> None:
    assert live([0.1] * 10 + [30.0] + [0.1] * 9 + [0.5])[0][-1] == "s"


def test_an_hour_of_slowness_is_called_so_and_one_for_good_not_for_ever() -> None:
    said, _ = live([0.1] * 50 + [0.5] * 100)
    slow = said.count("s")
    assert said == "." * 50 + "s" * slow + "." * (100 - slow), "without going to and fro"
    assert 10 <= slow <= 40
    drift, _ = live([0.1 * 1.01**n for n in range(400)])  # fifty-fold in 400 checks, so slowly that none is late
    assert "s" not in drift


def test_what_answered_badly_or_not_at_all_is_no_past() -> None:
    _, memory = live([0.1] * 30)
    for reading in (Reading("error"), Reading("unhealthy", 9.0), Reading("degraded", 9.0), Reading("healthy", None)):
        judged = judge(OWN, reading, memory)
        assert (judged.status, judged.memory[MEMORY]) == (reading.status, memory[MEMORY])


def test_what_the_monitor_remembers_stays() -> None:
    assert judge(OWN, Reading("healthy", 0.1, memory={"counter": 7}), {}).memory == {"counter": 7, MEMORY: [0.1]}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@pytest.mark.whole
@given(json_values, TIMES)
def test_garbage_in_memory_stops_nothing(stored: Any, took: float) -> None:
    kept = judge(OWN, Reading("healthy", took), {MEMORY: stored}).memory[MEMORY]
    assert len(kept) <= KEPT and all(0 <= one < 1e6 for one in kept)


@given(st.lists(TIMES, max_size=120))
def test_properties(times: list[float]) -> None:
    said, memory = live(times)
    assert len(memory.get(MEMORY, [])) == min(len(times), KEPT)
    assert "s" not in said[:LEAST]
    assert all(took > OWN.slow_floor for took, letter in zip(times, said, strict=True) if letter == "s")


@given(st.lists(st.floats(0.5, 1.0), min_size=LEAST, max_size=80))
def test_within_its_own_range_nothing_is_late(times: list[float]) -> None:
    assert "s" not in live(times)[0]
    assert live([*times, 3.01])[0][-1] == "s"


def test_the_reason_names_limit_and_measure() -> None:
    _, memory = live([0.1] * 30)
    reading = judge(OWN, Reading("healthy", 0.5), memory)
    assert reading.error == f"{SLOW}0.50 s (3 times its recent 95th percentile is 0.30 s)"


@pytest.mark.whole
def test_a_real_server_that_becomes_slow() -> None:
    """Through the engine, over HTTP: its own past, then answers that take many times as long, then its old self."""
    with healthy_server() as server:
        tables = {"components": {"a": {"kind": "agent", "url": server.url, "slow_factor": 3, "slow_floor": 0.15}}}
        component = load.load(tables, "test").components["a"]
        memory: dict[str, Any] = {}
        said = ""
        for number in range(LEAST + 6):
            server.answer = Answer(delay=0.6 if LEAST <= number < LEAST + 3 else 0.0)
            asked = engine.Asked(component, CheckContext("a", 5.0, 1000.0 + number, memory))
            reading = engine.run_checks([asked], time.monotonic() + 6.0)["a"]
            memory = json.loads(json.dumps(dict(reading.memory)))
            said += "s" if reading.status == "degraded" else "." if reading.status == "healthy" else "!"
        assert said == "." * LEAST + "sss" + "..."
        assert len(memory[MEMORY]) == LEAST + 6
