"""Checks real servers, sockets and programs: mixed, slow, hanging, broken; each under its deadline."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from heartbeat_cli import plugins
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading
from heartbeat_cli.domain.checking.slowness import judge
from heartbeat_cli.domain.component import Common, Component
from heartbeat_cli.passes.check import engine
from heartbeat_cli.passes.check.engine import Asked, run_checks, tidy
from tests.parts.hostile import closes_at_once, drips_body, hostile_server, silent, unused_port
from tests.parts.http import Answer, healthy_server

SLACK = 3.0  # generous: two cores, and others at work on them


def component(id_: str, kind: str, common: Common | None = None, **keys: Any) -> Component:
    return Component(id_, kind, plugins.load("monitors", kind).Settings(**keys), common or Common(retries=0))


def asked(one: Component, timeout: float = 5.0, memory: Any = None) -> Asked:
    return Asked(one, CheckContext(one.id, timeout, time.time(), memory or {}))


def check(*wanted: Asked, within: float = 20.0) -> dict[str, Reading]:
    """Readings, and that they came back in time, one for each that was asked, in order."""
    began = time.monotonic()
    readings = run_checks(wanted, began + within)
    assert time.monotonic() - began < within + SLACK
    assert list(readings) == [one.component.id for one in wanted]
    return readings


@contextmanager
def listening() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        yield int(server.getsockname()[1])


def test_exchanges_calls_and_batches_mixed() -> None:
    with healthy_server() as good, healthy_server(Answer(503, b"no")) as bad, listening() as port:
        readings = check(
            asked(component("good", "agent", url=good.url)),
            asked(component("port", "tcp", host="127.0.0.1", port=port)),
            asked(component("bad", "agent", url=bad.url)),
            asked(component("cmd", "command", command=("/bin/sh", "-c", "echo WARN; exit 1"))),
            asked(component("host", "host")),
            asked(component("unit", "service", unit="no-such-unit.service")),
            asked(component("closed", "tcp", host="127.0.0.1", port=unused_port())),
        )
    found = {id_: reading.status for id_, reading in readings.items()}
    assert {**found, "host": "", "unit": ""} == {
        "good": "healthy", "port": "healthy", "bad": "unhealthy", "cmd": "degraded",
        "host": "", "unit": "", "closed": "error",
    }  # fmt: skip
    assert readings["cmd"].error == "WARN"
    assert len(readings["host"].metrics) > 3


def test_nothing_asked_nothing_seen() -> None:
    assert run_checks([], time.monotonic() + 1) == {}


def test_slow_ones_are_checked_together() -> None:
    """Sixty programs of 0.3 s and sixty answers of 0.3 s are one wait, not a hundred and twenty."""
    with healthy_server(Answer(delay=0.3)) as server:
        wanted = [asked(component(f"c{n}", "command", command=("/bin/sleep", "0.3"))) for n in range(60)]
        wanted += [asked(component(f"a{n}", "agent", url=server.url)) for n in range(60)]
        began = time.monotonic()
        readings = check(*wanted)
        assert time.monotonic() - began < 0.3 * 30
    assert {reading.status for reading in readings.values()} == {"healthy"}


@pytest.mark.whole
@pytest.mark.parametrize("behaviour", [silent, drips_body])
def test_what_never_answers_costs_its_timeout_and_nobody_else_anything(behaviour: Any) -> None:
    with hostile_server(behaviour) as hung, healthy_server() as good, listening() as port:
        began = time.monotonic()
        readings = check(
            asked(component("hung", "agent", url=hung.url), 0.8),
            asked(component("good", "agent", url=good.url), 5.0),
            asked(component("mute", "tcp", host="127.0.0.1", port=port, banner="220"), 0.8),
            asked(component("stuck", "command", command=("/bin/sleep", "60")), 0.8),
        )
        assert time.monotonic() - began < 0.8 + SLACK
    assert {id_: reading.status for id_, reading in readings.items()} == {
        "hung": "error", "good": "healthy", "mute": "error", "stuck": "error"
    }  # fmt: skip
    assert all(readings[id_].response_time is None for id_ in ("hung", "mute", "stuck"))


def test_the_pass_s_deadline_stands_above_every_timeout() -> None:
    with hostile_server(silent) as hung, listening() as port:
        began = time.monotonic()
        readings = check(
            asked(component("hung", "agent", url=hung.url), 30.0),
            asked(component("mute", "tcp", host="127.0.0.1", port=port, banner="220"), 30.0, {"n": 1}),
            within=0.7,
        )
        assert time.monotonic() - began < 0.7 + SLACK
    assert readings["hung"].status == "error"
    assert readings["mute"].status == "unknown" and readings["mute"].memory == {"n": 1}
    assert "heartbeat went on without it" in str(readings["mute"].error)


def test_asking_many_is_not_taken_from_their_time() -> None:
    """Four hundred add 0.4 s to the pass: the first of them has its half second, not what a few would leave of it."""
    with listening() as port:
        wanted = [asked(component(f"a{n}", "agent", url=f"http://127.0.0.1:{port}/"), 0.5) for n in range(400)]
        readings = run_checks(wanted, time.monotonic() + 0.2)
    said = str(readings["a0"].error).removeprefix("no answer within ")
    assert float(said.split()[0]) > 0.25, f"{said}: on a busy machine it is not the whole of it, but more than 0.2"


_LEAVES = """
import sys, time
from heartbeat_cli.passes.check import engine
from heartbeat_cli import plugins
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.checking.result import CheckContext
settings = plugins.load("monitors", "tcp").Settings(host="127.0.0.1", port=int(sys.argv[1]), banner="220")
one = engine.Asked(Component("mute", "tcp", settings), CheckContext("mute", 60.0, time.time()))
print(engine.run_checks([one], time.monotonic() + 0.3)["mute"].status)
"""


def test_a_thread_that_does_not_return_does_not_hold_the_process_either() -> None:
    with listening() as port:
        done = subprocess.run(
            [sys.executable, "-c", _LEAVES, str(port)], capture_output=True, text=True, timeout=30, check=True
        )
    assert done.stdout == "unknown\n"


@pytest.mark.whole
def test_many_that_hang_starve_none_that_would_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them at once: were there two turns, the second would end twice as late, which is too late even here."""
    monkeypatch.setattr(engine, "_SLACK", 2.5)  # a slow machine takes a while to start and wake so many threads
    with ExitStack() as stack:
        port = stack.enter_context(listening())
        wanted = [
            asked(component(f"mute{n}", "tcp", host="127.0.0.1", port=port, banner="220"), 3.0) for n in range(120)
        ]
        wanted += [asked(component(f"good{n}", "tcp", host="127.0.0.1", port=port), 3.0) for n in range(80)]
        readings = check(*wanted)
    assert {readings[f"good{n}"].status for n in range(80)} == {"healthy"}
    assert {readings[f"mute{n}"].status for n in range(120)} == {"error"}  # and none of them `unknown`


def test_two_hundred_agents() -> None:
    with healthy_server() as server:
        readings = check(*[asked(component(f"a{n}", "agent", url=f"{server.url}/{n}")) for n in range(200)])
        paths = sorted(one.path for one in server.seen)
    assert paths == sorted(f"/{n}" for n in range(200))
    assert {reading.status for reading in readings.values()} == {"healthy"}


# --- trying again --------------------------------------------------------------------------------------------------


def test_no_answer_is_tried_again_and_the_tries_are_counted() -> None:
    with hostile_server(closes_at_once) as dead:
        readings = check(
            asked(component("agent", "agent", Common(retries=2), url=dead.url)),
            asked(component("port", "tcp", Common(retries=2), host="127.0.0.1", port=unused_port())),
            asked(component("once", "agent", Common(retries=0), url=dead.url)),
        )
    assert {id_: (r.status, r.attempts) for id_, r in readings.items()} == {
        "agent": ("error", 3), "port": ("error", 3), "once": ("error", 1)
    }  # fmt: skip


def test_a_try_that_succeeds_is_healthy_and_says_that_it_was_not_the_first() -> None:
    def refuses_once(connection: socket.socket, stop: threading.Event) -> None:
        calls.append(1)
        if len(calls) > 1:
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"ok"}')

    calls: list[int] = []
    with hostile_server(refuses_once) as server:
        reading = check(asked(component("a", "agent", Common(retries=1), url=server.url)))["a"]
    assert (reading.status, reading.attempts, reading.error) == ("healthy", 2, None)


def test_a_program_that_succeeds_later(tmp_path: Path) -> None:
    """The port opens after the first try: the second one, inside the same timeout, finds it."""
    port = unused_port()
    opened: list[socket.socket] = []
    timer = threading.Timer(0.05, lambda: opened.append(socket.create_server(("127.0.0.1", port))))
    timer.start()
    reading = check(asked(component("p", "tcp", Common(retries=5), host="127.0.0.1", port=port), 10.0))["p"]
    timer.join()
    opened[0].close()
    assert reading.status == "healthy" and 2 <= reading.attempts <= 6


def test_a_bad_answer_is_an_answer_and_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / "check").write_text(f"#!/bin/sh\necho x >> {tmp_path}/calls\nexit 2\n")
    (tmp_path / "check").chmod(0o755)
    with healthy_server(Answer(500, b"{}")) as server:
        readings = check(
            asked(component("a", "agent", Common(retries=2), url=server.url)),
            asked(component("c", "command", Common(retries=2), command=(str(tmp_path / "check"),))),
        )
        assert len(server.seen) == 1
    assert {(one.status, one.attempts) for one in readings.values()} == {("unhealthy", 1)}
    assert (tmp_path / "calls").read_text() == "x\n"


def test_a_good_answer_is_not_tried_again() -> None:
    with healthy_server() as server:
        reading = check(asked(component("a", "agent", Common(retries=3), url=server.url)))["a"]
        assert len(server.seen) == 1
    assert (reading.status, reading.attempts) == ("healthy", 1)


def test_trying_again_stays_inside_the_timeout() -> None:
    with hostile_server(silent) as hung:
        began = time.monotonic()
        reading = check(asked(component("a", "agent", Common(retries=10), url=hung.url), 0.5))["a"]
        assert time.monotonic() - began < 0.5 + SLACK
    assert (reading.status, reading.attempts) == ("error", 1)


# --- judging and tidying -------------------------------------------------------------------------------------------


def test_a_good_answer_that_comes_late_is_degraded() -> None:
    with healthy_server(Answer(delay=0.3)) as server:
        readings = check(
            asked(component("slow", "agent", Common(slow_after=0.1), url=server.url)),
            asked(component("fine", "agent", Common(slow_after=20), url=server.url)),
            asked(component("cmd", "command", Common(slow_after=0.1), command=("/bin/sleep", "0.2"))),
        )
    assert {id_: reading.status for id_, reading in readings.items()} == {
        "slow": "degraded", "fine": "healthy", "cmd": "degraded"
    }  # fmt: skip
    assert str(readings["slow"].error).startswith("slow: 0.3") and "(limit 0.1 s)" in str(readings["slow"].error)


@pytest.mark.parametrize(
    ("status", "took", "limit", "judged"),
    [
        ("healthy", 1.0, 1.0, "healthy"),
        ("healthy", 1.001, 1.0, "degraded"),
        ("healthy", None, 1.0, "healthy"),
        ("healthy", 99.0, None, "healthy"),
        ("unhealthy", 99.0, 1.0, "unhealthy"),
        ("error", 99.0, 1.0, "error"),
        ("unknown", 99.0, 1.0, "unknown"),
        ("degraded", 99.0, 1.0, "degraded"),
    ],
)
def test_slowness_makes_only_good_answers_worse(status: Any, took: float | None, limit: float, judged: str) -> None:
    reading = Reading(status, took, "as it was")
    found = judge(Common(slow_after=limit), reading, {})
    assert found.status == judged
    assert (found.error == "as it was") == (status == judged)


def test_what_could_not_be_checked_is_unknown_and_keeps_its_memory() -> None:
    memory = {"seen": 7}
    with listening() as port:
        readings = check(
            asked(component("cmd", "command", Common(retries=3), command=("/no/such/program",)), memory=memory),
            asked(component("ca", "tcp", host="127.0.0.1", port=port, tls=True, ca_file="/no/such"), memory=memory),
            asked(component("key", "agent", url=f"https://127.0.0.1:{port}/", ca_file="/no/such"), memory=memory),
        )
    assert {reading.status for reading in readings.values()} == {"unknown"}
    assert str(readings["cmd"].error).startswith("cannot run /no/such/program: No such file or directory")
    assert all(reading.memory == memory and reading.attempts == 1 for reading in readings.values())


def test_a_component_whose_settings_lead_nowhere_is_unknown_and_the_rest_goes_on() -> None:
    with healthy_server() as server:
        broken = component("b", "agent", url=server.url)._replace(broken="components.b.url: $URL is not set")
        readings = check(asked(broken, memory={"n": 1}), asked(component("a", "agent", url=server.url)))
        assert len(server.seen) == 1
    assert readings["b"] == Reading("unknown", error="components.b.url: $URL is not set", memory={"n": 1})
    assert readings["a"].status == "healthy"


def test_a_bug_of_one_monitor_is_its_own_component_s_unknown() -> None:
    """Settings of another kind make a monitor fail in a way it does not expect."""
    wrong = component("wrong", "tcp", host="x", port=1)._replace(settings=("nonsense",))
    also = component("also", "agent", url="http://x")._replace(settings=("nonsense",))
    batch = component("batch", "service", unit="x")._replace(settings=("nonsense",))
    readings = check(
        asked(wrong, memory={"n": 1}),
        asked(also),
        asked(batch),
        asked(component("ok", "command", command=("/bin/true",))),
    )
    assert {id_: r.status for id_, r in readings.items()} == {
        "wrong": "unknown", "also": "unknown", "batch": "unknown", "ok": "healthy"
    }  # fmt: skip
    assert readings["wrong"].memory == {"n": 1}
    assert "heartbeat's own fault: AttributeError" in str(readings["wrong"].error)


def test_what_is_no_reading_in_a_batch_costs_its_own_component_only() -> None:
    units = [asked(component(id_, "service", unit=id_)) for id_ in "abc"]
    module = ModuleType("monitor")
    module.probe_all = lambda pairs: [Reading("healthy"), None, Reading("degraded")]  # type: ignore[attr-defined]
    readings = engine._batch(engine._Job(tuple(units), module, engine._batch))
    assert [one.status for one in readings] == ["healthy", "unknown", "degraded"]
    assert "the monitor gave NoneType instead of a Reading" in str(readings[1].error)


def test_what_a_monitor_took_over_from_outside_is_made_fit() -> None:
    metrics = (Metric("a", float("nan")), Metric("b", 1.0), Metric("c", float("-inf")))
    found = tidy(
        Reading(
            "error", float("inf"), "two\nlines \0\x1b[31m" + "x" * 1_000_000, metrics, {"log\n": "a\0b\udcff\n" * 9999}
        )
    )
    assert found.response_time is None
    assert found.error is not None and found.error.startswith("two lines [31mxxx") and len(found.error) == 300
    assert found.metrics == (Metric("b", 1.0),)
    assert list(found.evidence) == ["log"] and len(found.evidence["log"]) <= 2000
    assert found.evidence["log"].startswith("ab\nab\n")
    plain = Reading("healthy", 0.1, None, (Metric("b", 1.0),), {"log": "fine"}, {"n": 1}, 2)
    assert tidy(plain) == plain
