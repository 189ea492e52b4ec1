"""A check that follows its answer up with one more exchange: against real servers, within the time of one check.

The kind `openclaw` does: where there is no readiness page it asks for the liveness page."""

import time
from typing import NoReturn

import pytest

from heartbeat_cli.domain.checking.exchange import Fault, FollowUp, Request, Response
from heartbeat_cli.domain.checking.guarded import answered, guarded
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.component import Common, Component
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors.openclaw import Settings
from heartbeat_cli.passes.check.engine import Asked, run_checks
from tests.parts.http import Answer, Seen, Server, healthy_server

HTML = Answer(200, b"<!doctype html>", (("Content-Type", "text/html"),))
LIVE = Answer(200, b'{"ok":true,"status":"live"}')
CONTEXT = CheckContext("gateway", 5.0, 1_800_000_000.0, {"kept": 1})


def check(server: Server, *, timeout: float = 10.0, within: float = 20.0, retries: int = 0) -> Reading:
    component = Component("gateway", "openclaw", Settings(server.url), Common(retries=retries))
    asked = Asked(component, CheckContext("gateway", timeout, time.time()))
    return run_checks([asked], time.monotonic() + within)["gateway"]


def paths(server: Server) -> list[str]:
    return [one.path for one in server.seen]


def test_the_follow_up_decides() -> None:
    with healthy_server(HTML) as server:
        server.answers["/healthz"] = LIVE
        reading = check(server, retries=3)
        assert paths(server) == ["/readyz", "/healthz"]
    assert (reading.status, reading.attempts) == ("degraded", 1)


def test_a_follow_up_without_an_answer_is_tried_again_from_the_first_exchange() -> None:
    def breaks_once(asked: Seen) -> Answer:
        if asked.path == "/readyz":
            return HTML
        if paths(server).count("/healthz") == 1:
            raise ConnectionAbortedError
        return LIVE

    with healthy_server() as server:
        server.choose = breaks_once
        reading = check(server, retries=2)
        assert paths(server) == ["/readyz", "/healthz"] * 2
    assert (reading.status, reading.attempts) == ("degraded", 2)


def test_a_follow_up_that_never_has_an_answer_is_an_error() -> None:
    def breaks(asked: Seen) -> Answer:
        if asked.path == "/healthz":
            raise ConnectionAbortedError
        return HTML

    with healthy_server() as server:
        server.choose = breaks
        reading = check(server, retries=1)
        assert paths(server) == ["/readyz", "/healthz"] * 2
    assert (reading.status, reading.attempts) == ("error", 2)


def test_an_answer_after_a_first_try_without_one_may_be_followed_up() -> None:
    def comes_up(asked: Seen) -> Answer:
        if len(server.seen) == 1:
            raise ConnectionAbortedError
        return LIVE if asked.path == "/healthz" else HTML

    with healthy_server() as server:
        server.choose = comes_up
        reading = check(server, retries=1)
        assert paths(server) == ["/readyz", "/readyz", "/healthz"]
    assert (reading.status, reading.attempts) == ("degraded", 2)


def test_what_had_no_time_left_for_the_follow_up_is_not_blamed() -> None:
    """The pass ends before the liveness page can come: that says nothing about the gateway."""
    with healthy_server(Answer(200, b"<html>", delay=1.5)) as server:
        server.answers["/healthz"] = Answer(200, LIVE.body, delay=30.0)
        reading = check(server, timeout=30.0, within=3.0)
        assert paths(server) == ["/readyz", "/healthz"]
    assert reading.status == "unknown"
    assert reading.error == "asked late, and the pass had no time left to wait for the answer"


def test_a_follow_up_has_what_is_left_of_the_time() -> None:
    with healthy_server(Answer(200, b"<html>", delay=1.0)) as server:
        server.answers["/healthz"] = Answer(200, LIVE.body, delay=30.0)
        reading = check(server, timeout=4.0)
    assert reading.status == "error"
    said = str(reading.error).removeprefix("no answer within ")
    assert float(said.split()[0]) <= 3.01


def test_a_try_that_was_answered_does_not_give_way_to_one_that_was_not() -> None:
    """The first try had no answer. The second one had, and no time for its follow-up, which proves no silence."""

    def answers_late(asked: Seen) -> Answer:
        if len(server.seen) == 1:
            raise ConnectionAbortedError
        return Answer(200, b"<html>", delay=2.5 if asked.path == "/readyz" else 30.0)

    with healthy_server() as server:
        server.choose = answers_late
        reading = check(server, timeout=4.0, retries=1)
        assert paths(server) == ["/readyz", "/readyz", "/healthz"]
    assert (reading.status, reading.attempts) == ("unknown", 2)


def test_a_follow_up_to_no_answer_and_a_second_one_are_a_bug_of_the_monitor() -> None:
    """There is one follow-up at most, so no monitor can keep the pass busy."""
    more = FollowUp(Request("http://127.0.0.1:9/"), lambda _: Reading("healthy"))
    silent, answer = Response(0, fault=Fault("timeout", "no answer")), Response(200)
    assert answered(CONTEXT, lambda *_: more, None, answer) is more
    for reading in (answered(CONTEXT, lambda *_: more, None, silent), guarded(CONTEXT, lambda _: more, answer)):  # type: ignore[arg-type,return-value]
        assert isinstance(reading, Reading)
        assert (reading.status, reading.memory) == ("unknown", {"kept": 1})
        assert reading.error == "heartbeat's own fault: TypeError: the monitor gave FollowUp instead of a Reading"


@pytest.mark.parametrize(("error", "said"), [(Unobservable("no"), "no"), (KeyError("x"), "KeyError: 'x'")])
def test_what_a_monitor_raises_is_its_own_components_unknown(error: Exception, said: str) -> None:
    def raises(*_: object) -> NoReturn:
        raise error

    for reading in (answered(CONTEXT, raises, None, Response(200)), guarded(CONTEXT, raises)):
        assert isinstance(reading, Reading)
        assert reading.status == "unknown" and str(reading.error).endswith(said)
