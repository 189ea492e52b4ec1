"""The in-flight guard against real servers that answer in every form, or not at all, and real programs."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.actions import command, http
from heartbeat_cli.domain.component import Guard, Step
from heartbeat_cli.passes.recover import in_flight
from tests.parts import hostile
from tests.parts.http import Answer, Server, healthy_server

SLACK = 5.0


def asking(url: str, **more: object) -> Guard:
    return Guard(busy=Step("http", http.Settings(url, "GET", **more)))  # type: ignore[arg-type]


def running(*argv: str, **more: object) -> Guard:
    return Guard(busy=Step("command", command.Settings(argv, **more)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, '{"running": 3}', "3 running, says 127.0.0.1"),
        (200, '{"busy": true}', "busy, says 127.0.0.1"),
        (200, '{"in_flight": 2.5}', "2.5 in flight, says 127.0.0.1"),
        (200, '{"jobs": ["a", "b"]}', "2 jobs, says 127.0.0.1"),
        (200, '{"busy": true, "active": 4}', "4 active, says 127.0.0.1"),
        (200, '{"busy": false, "jobs": [], "running": true}', "running, says 127.0.0.1"),
        (202, "true", "busy, says 127.0.0.1"),
        (200, " 7 ", "7 busy, says 127.0.0.1"),
        (200, "Busy\n", "busy, says 127.0.0.1"),
        (200, f'{{"jobs": {10**400}}}', "1000000000000000000… jobs, says 127.0.0.1"),
        (200, '{"running": 1e400}', "inf running, says 127.0.0.1"),
        (409, "", "busy: 127.0.0.1 answered 409"),
        (423, '{"running": 0}', "busy: 127.0.0.1 answered 423"),
        # idle
        (200, '{"running": 0, "busy": false, "jobs": [], "active": null}', None),
        (200, '{"status": "ok"}', None),
        (200, "false", None),
        (200, "0", None),
        (200, "-1", None),
        (200, "idle", None),
        (204, "", None),
        # it does not say
        (200, '{"running": NaN}', None),
        (200, '{"running": "3", "jobs": {"a": 1}}', None),
        (200, "[1, 2]", None),
        (200, '{"running": 3', None),
        (200, "[" * 60_000, None),
        (200, '{"running": 3, "log": "' + "x" * 70_000 + '"}', None),
        (200, "\x00\ufffd", None),
        (302, '{"running": 3}', None),
        (401, '{"running": 3}', None),
        (404, '{"running": 3}', None),
        (500, '{"running": 3}', None),
        (503, "busy", None),
    ],
)
def test_what_an_answer_says(status: int, body: str, said: str | None) -> None:
    with healthy_server(Answer(status, body.encode(), (("Location", "/other"),))) as server:
        assert in_flight.busy(asking(server.url + "/secret?key=1"), timeout=10) == said
        assert [(seen.method, seen.path) for seen in server.seen] == [("GET", "/secret?key=1")]


def test_it_is_asked_as_configured() -> None:
    with healthy_server(Answer(200, b"busy")) as server:
        guard = asking(server.url.replace("//", "//me:pass@"), headers={"X-Token": "t"})
        assert in_flight.busy(guard, timeout=10) == "busy, says 127.0.0.1"
        (seen,) = server.seen
    assert (seen.headers["x-token"], seen.headers["authorization"]) == ("t", "Basic bWU6cGFzcw==")


@pytest.mark.parametrize(
    "behaviour",
    [
        *(hostile.silent, hostile.drips_headers, hostile.drips_status_line, hostile.drips_body),
        *(hostile.endless_headers, hostile.chunked_forever),
    ],
)
def test_what_hangs_or_drips_cannot_be_waited_for(behaviour: hostile.Behaviour) -> None:
    started = time.monotonic()
    with hostile.hostile_server(behaviour) as server:
        assert in_flight.busy(asking(server.url), timeout=0.5) is None
        assert time.monotonic() - started < 0.5 + SLACK


@pytest.mark.parametrize(
    "behaviour",
    [
        *(hostile.closes_at_once, hostile.resets_at_once, hostile.closes_mid_body, hostile.garbage),
        *(hostile.broken_status_line, hostile.strange_encoding, hostile.endless_body),
    ],
)
def test_what_breaks_off_is_not_busy(behaviour: hostile.Behaviour) -> None:
    with hostile.hostile_server(behaviour) as server:
        assert in_flight.busy(asking(server.url), timeout=10) is None


def test_nobody_there() -> None:
    assert in_flight.busy(asking(f"http://127.0.0.1:{hostile.unused_port()}/"), timeout=10) is None
    assert in_flight.busy(asking("http://\u00ad/"), timeout=10) is None
    assert in_flight.busy(Guard(), timeout=10) is None


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo '  two jobs'; echo more", "two jobs, says sh"),
        ("exit 0", "busy, says sh"),
        ("printf '\\033[31mred\\n'", "[31mred, says sh"),
        ("echo said on stderr >&2", "busy, says sh"),
        ("echo one job; exit 1", None),
        ("echo one job; exit 2", None),
        ("echo one job; kill -9 $$", None),
    ],
)
def test_an_exit_code_of_0_is_busy(script: str, said: str | None) -> None:
    assert in_flight.busy(running("/bin/sh", "-c", script), timeout=10) == said


def test_a_command_is_no_shell_line_and_runs_where_it_should(tmp_path: Path) -> None:
    guard = running("printenv", "HB_WHO", cwd=str(tmp_path), env={"HB_WHO": "$(id) {id}"})
    assert in_flight.busy(guard, timeout=10) == "$(id) {id}, says printenv"
    assert in_flight.busy(running("pwd", cwd=str(tmp_path)), timeout=10) == f"{tmp_path}, says pwd"


def test_a_command_that_cannot_run() -> None:
    for argv in (("/nowhere/busy",), ("/",), ("/bin/sh", "a\0b")):
        assert in_flight.busy(running(*argv), timeout=10) is None
    assert in_flight.busy(running("true", cwd="/nowhere"), timeout=10) is None


@pytest.mark.whole
def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    late = tmp_path / "late"
    script = f"(trap '' TERM; sleep 1; touch {late}) & echo one job; wait"
    assert in_flight.busy(running("/bin/sh", "-c", script), timeout=0.3) is None
    time.sleep(1.2)
    assert not late.exists()


# --- drain -------------------------------------------------------------------------------------------------------


def drain(call: Step | None, timeout: float = 10.0) -> tuple[str, str, str]:
    return in_flight.drain(Guard(drain=call), timeout=timeout)


@pytest.fixture
def agent() -> Iterator[Server]:
    with healthy_server(Answer(202, b"finishing 2")) as server:
        yield server


def test_it_is_reported_once(agent: Server) -> None:
    told = drain(Step("http", http.Settings(agent.url + "/drain?key=1")))
    assert told == ("done", "hook at 127.0.0.1 answered 202", "finishing 2")
    assert [(seen.method, seen.path) for seen in agent.seen] == [("POST", "/drain?key=1")]


def test_it_may_be_a_command() -> None:
    told = drain(Step("command", command.Settings(("echo", "drained"))))
    assert told == ("done", "echo ended with exit code 0", "drained")


def test_whatever_happens_it_says_so() -> None:
    assert drain(None)[:2] == ("refused", "no drain call is configured")
    assert drain(Step("command", command.Settings(("/nowhere/drain",))))[0] == "failed"
    assert drain(Step("http", http.Settings("gopher://h")))[0] == "refused"
    with hostile.hostile_server(hostile.drips_body) as server:
        late = "hook at 127.0.0.1: no complete answer within 0.5 s"
        assert drain(Step("http", http.Settings(server.url)), 0.5) == ("failed", late, "")
    broken = drain(Step("http", None))
    assert broken == ("failed", "heartbeat's own fault: AttributeError: 'NoneType' object has no attribute 'url'", "")
