"""The MCP monitor against real servers of both generations, and a small one that fails at each step."""

import json
import os
import re
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import mcp
from heartbeat_cli.passes.check import engine
from tests.parts import agents, hostile
from tests.parts.http import Answer, certificate, healthy_server
from tests.parts.mcp_server import McpServer, mcp_server
from tests.system.test_dialogue import wait_until_gone

OLD = {"era": "handshake"}


def check(timeout: float = 10.0, memory: dict[str, Any] | None = None, **keys: Any) -> Reading:
    return mcp.probe(mcp.Settings(**keys), CheckContext("it", timeout, time.time(), memory or {}))


@pytest.fixture
def server() -> Iterator[McpServer]:
    with mcp_server() as running:
        yield running


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[agents.Running]:
    with agents.fastmcp_server(tmp_path_factory.mktemp("small")) as running:
        yield running


@pytest.fixture(scope="module")
def small_json(tmp_path_factory: pytest.TempPathFactory) -> Iterator[agents.Running]:
    with agents.fastmcp_server(tmp_path_factory.mktemp("json"), answers="json") as running:
        yield running


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[agents.Running]:
    with agents.everything_server(tmp_path_factory.mktemp("everything")) as running:
        yield running


def sessions(running: agents.Running) -> int:
    with urllib.request.urlopen(running.url + "/sessions", timeout=10) as answer:
        return int(answer.read())


def left_open(running: agents.Running) -> int:
    log = running.log.read_text()
    return log.count("Session initialized with ID") - log.count("removing from transports map")


# --- real servers


@pytest.mark.parametrize("fixture", ["small", "small_json"])
@pytest.mark.parametrize("memory", [{}, OLD], ids=["newest", "handshake"])
def test_a_real_server_in_both_generations(
    fixture: str, memory: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    running = request.getfixturevalue(fixture)
    call = mcp.Call("add", {"a": 1, "b": 2})
    reading = check(url=running.url + "/mcp", memory=memory, tools=("add", "broken"), min_tools=2, call=call)
    assert (reading.status, reading.error) == ("healthy", None)
    assert reading.memory == {"era": "handshake" if memory else "stateless"}
    assert reading.evidence["server"] == "small 4.2.3"
    figures = {metric.name: metric.value for metric in reading.metrics}
    assert figures["tools"] == 2 and figures["tools_call_seconds"] > 0
    assert ("initialize_seconds" in figures) == bool(memory)
    assert sessions(running) == 0


@pytest.mark.parametrize("memory", [{}, OLD], ids=["newest", "handshake"])
def test_what_a_real_server_lacks(small: agents.Running, memory: dict[str, Any]) -> None:
    url = small.url + "/mcp"
    reading = check(url=url, memory=memory, tools=("add", "search"))
    assert (reading.status, reading.category, reading.error) == ("unhealthy", "configuration", "missing tools: search")
    reading = check(url=url, memory=memory, min_tools=3)
    assert reading.error == "2 tools are listed, at least 3 are expected"
    reading = check(url=url, memory=memory, call=mcp.Call("search"))
    assert (reading.status, reading.error) == ("unhealthy", "missing tools: search")
    reading = check(url=url, memory=memory, call=mcp.Call("broken"))
    assert (reading.status, reading.error) == (
        "degraded",
        "tool broken reports an error: Error calling tool 'broken': no disk",
    )
    assert sessions(small) == 0


def test_an_older_server_is_asked_once_and_remembered(everything: agents.Running) -> None:
    reading = check(url=everything.url + "/mcp", tools=("echo",))
    assert (reading.status, reading.error, reading.memory) == ("healthy", None, OLD)
    again = check(url=everything.url + "/mcp", memory=dict(reading.memory), call=mcp.Call("echo", {"message": "hi"}))
    assert again.status == "healthy"
    assert left_open(everything) == 0


def test_a_thousand_checks_leave_no_session(small_json: agents.Running) -> None:
    """The issue of 41 KiB and more a session: neither sessions nor memory grow."""
    url, process = small_json.url + "/mcp", psutil.Process(small_json.process.pid)
    for _ in range(300):
        assert check(url=url, memory=OLD).status == "healthy"
    before = process.memory_info().rss
    for _ in range(700):
        check(url=url, memory=OLD)
    assert sessions(small_json) == 0
    assert process.memory_info().rss - before < 700 * 41 * 1024 / 4


def test_a_wrong_path_of_real_servers(small: agents.Running, everything: agents.Running) -> None:
    for running in (small, everything):
        reading = check(url=running.url + "/nope")
        assert (reading.status, reading.category, reading.error) == (
            "unhealthy",
            "configuration",
            "at initialize: HTTP 404 Not Found",
        )
    reading = check(url=small.url + "/mcp/")
    assert reading.category == "configuration"
    assert reading.error == f"at initialize: HTTP 307 Temporary Redirect, it redirects to {small.url}/mcp"


@pytest.mark.parametrize("memory", [{}, OLD], ids=["newest", "handshake"])
def test_real_programs(memory: dict[str, Any]) -> None:
    before = psutil.Process().children(recursive=True)
    reading = check(60, memory, command=agents.small(), tools=("add",), call=mcp.Call("broken"))
    assert (reading.status, (reading.error or "")[:27]) == ("degraded", "tool broken reports an erro")
    reading = check(60, memory, command=(*agents.everything(), "stdio"), tools=("echo",))
    assert (reading.status, reading.error, reading.memory) == ("healthy", None, OLD)
    assert psutil.Process().children(recursive=True) == before


def test_a_server_killed_in_the_middle(tmp_path: Path) -> None:
    with agents.fastmcp_server(tmp_path) as running:
        stop = threading.Event()
        readings: list[Reading] = []

        def again_and_again() -> None:
            while not stop.is_set():
                readings.append(check(url=running.url + "/mcp", memory=OLD))

        thread = threading.Thread(target=again_and_again)
        thread.start()
        while not readings:
            time.sleep(0.01)
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait(10)
        count = len(readings)
        while len(readings) < count + 2:
            time.sleep(0.01)
        stop.set()
        thread.join(20)
        assert {one.status for one in readings} <= {"healthy", "error", "degraded"}
        last = readings[-1]
        assert (last.status, last.category, last.certain) == ("error", "process", True)
        assert last.error == f"at initialize: connection refused by {running.url.removeprefix('http://')}"


# --- a server that fails at each step

STEPS = ["initialize", "notifications/initialized", "ping", "tools/list", "tools/call"]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_hangs_is_named_and_the_session_closed(server: McpServer, step: str) -> None:
    server.answers[step] = Answer(delay=20)
    reading = check(1.5, OLD, url=server.url, call=mcp.Call("read"))
    assert (reading.status, reading.category, reading.certain) == ("error", "process", False)
    assert (reading.error or "").startswith(f"at {step}: no answer within 1.") or step == "initialize"
    assert (reading.error or "").startswith(f"at {step}: no answer within ")
    assert (reading.response_time is None) == (step == "initialize"), "what answered a step is not silent"
    if step != "initialize":  # of that the name of the session never came
        assert server.opened == 1 and server.sessions == set()
        assert server.methods[-1] == "DELETE"


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("status", "category"), [(401, "credentials"), (403, "credentials"), (402, "quota"), (500, "process"),
                             (503, "process"), (429, "provider")],
)  # fmt: skip
def test_a_step_that_is_refused(server: McpServer, step: str, status: int, category: str) -> None:
    server.answers[step] = Answer(status, b"no", ())
    reading = check(5, OLD, url=server.url, call=mcp.Call("read"))
    assert (reading.status, reading.category) == ("unhealthy", category)
    assert (reading.error or "").startswith(f"at {step}: HTTP {status} ")
    assert server.sessions == set()


@pytest.mark.parametrize("step", [step for step in STEPS if step != "notifications/initialized"])
def test_an_error_at_a_step(server: McpServer, step: str) -> None:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32603, "message": "Internal\nerror"}}
    server.answers[step] = Answer(400, json.dumps(error).encode())
    reading = check(5, OLD, url=server.url, call=mcp.Call("read"))
    assert (reading.status, reading.category) == ("unhealthy", "process")
    assert reading.error == f"at {step}: JSON-RPC error -32603: Internal error"
    assert server.sessions == set()


@pytest.mark.parametrize("status", [404, 405, 406])
def test_a_wrong_place_is_a_matter_of_configuration(server: McpServer, status: int) -> None:
    server.answers["initialize"] = Answer(status, b"")
    reading = check(url=server.url)
    assert (reading.status, reading.category) == ("unhealthy", "configuration")
    assert (reading.error or "").startswith(f"at initialize: HTTP {status} ")


def test_a_page_is_no_mcp_server(server: McpServer) -> None:
    server.answers["initialize"] = Answer(200, b"<html>data: hello</html>", (("Content-Type", "text/html"),))
    reading = check(url=server.url)
    assert (reading.status, reading.category) == ("unhealthy", "configuration")
    assert reading.error == "at initialize: the answer holds no JSON-RPC (text/html)"


def test_a_session_that_is_lost_is_the_servers_fault(server: McpServer) -> None:
    server.answers["tools/list"] = Answer(404, b"")
    reading = check(5, OLD, url=server.url)
    assert (reading.category, reading.error) == ("process", "at tools/list: HTTP 404 Not Found")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(500, b""), "its session could not be closed: HTTP 500 Internal Server Error"),
        (Answer(405, b""), None),
        (Answer(404, b""), None),
    ],
)
def test_a_session_that_cannot_be_closed(server: McpServer, answer: Answer, error: str | None) -> None:
    server.answers["DELETE"] = answer
    reading = check(5, OLD, url=server.url)
    assert (reading.status, reading.error) == ("degraded" if error else "healthy", error)


def test_a_delete_that_hangs_ends_with_the_check(server: McpServer) -> None:
    server.answers["DELETE"] = Answer(delay=20)
    reading = check(1.0, OLD, url=server.url)
    assert reading.status == "degraded"
    assert (reading.error or "").startswith("its session could not be closed: no answer within 0.2 s")


def test_tools_on_many_pages(server: McpServer) -> None:
    server.pages = [["a"], ["b", "c"], ["d"]]
    assert check(5, OLD, url=server.url, tools=("a", "d"), min_tools=4).status == "healthy"
    server.endless = True
    reading = check(30, OLD, url=server.url, tools=("a",))
    assert (reading.status, reading.error) == (
        "unhealthy",
        "at tools/list: the list does not end after 50 pages",
    )
    server.same_cursor = True
    assert check(30, OLD, url=server.url).error == "at tools/list: the list does not end after 2 pages"
    assert server.sessions == set()


def test_many_missing_tools_are_counted(server: McpServer) -> None:
    reading = check(5, OLD, url=server.url, tools=tuple(f"t{n}" for n in range(12)))
    assert (reading.error or "").endswith("t8, t9; 2 more")


def test_what_goes_out(server: McpServer) -> None:
    check(5, url=server.url, headers={"Authorization": "Bearer x"}, call=mcp.Call("read", {"path": ("a", 1)}))
    discover, first, *others, last = server.seen
    assert discover.headers["mcp-method"] == "server/discover"
    assert json.loads(discover.body)["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    assert "mcp-method" not in first.headers and "mcp-protocol-version" not in first.headers
    for seen in (first, *others, last):
        assert seen.headers["authorization"] == "Bearer x"
        assert seen.headers["accept"] == "application/json, text/event-stream"
    assert {seen.headers["mcp-protocol-version"] for seen in (*others, last)} == {"2025-06-18"}
    assert json.loads(others[-1].body)["params"] == {"name": "read", "arguments": {"path": ["a", 1]}}
    assert (last.method, last.body) == ("DELETE", b"")


def test_a_stream_that_stays_open_is_not_waited_for() -> None:
    """After the answer a server may send more for as long as it likes."""
    said = {"jsonrpc": "2.0", "id": 1, "result": {"supportedVersions": ["2026-07-28"]}}
    tools = {"jsonrpc": "2.0", "id": 2, "result": {"tools": []}}
    noise = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"id": 1}}

    def stays_open(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n")
        for value in (noise, said, tools):
            connection.sendall(b"event: message\ndata: " + json.dumps(value).encode() + b"\n\n")
        stop.wait(60)

    with hostile.hostile_server(stays_open) as peer:
        assert check(20, url=peer.url).status == "healthy"


@pytest.mark.parametrize(
    "behaviour",
    [hostile.resets_at_once, hostile.closes_mid_body, hostile.garbage, hostile.endless_headers, hostile.drips_body,
     hostile.gzip_bomb, hostile.strange_encoding],
)  # fmt: skip
def test_hostile_peers_end_in_time(behaviour: hostile.Behaviour) -> None:
    with hostile.hostile_server(behaviour) as peer:
        try:
            reading = check(2.0, url=peer.url)
            assert reading.status in ("error", "unhealthy")
        except Unobservable as error:
            assert "larger than" in str(error)


def test_an_answer_that_is_too_large_says_nothing() -> None:
    with hostile.hostile_server(hostile.endless_body) as peer, pytest.raises(Unobservable, match="larger than 1048576"):
        check(10, OLD, url=peer.url)


def test_a_server_of_newer_revisions_only_is_none_of_ours(server: McpServer) -> None:
    data = {"supported": ["2031-01-01"], "requested": "2025-11-25"}
    error = {"code": -32022, "message": "Unsupported protocol version", "data": data}
    refused = Answer(400, json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode())
    server.answers = {"initialize": refused, "server/discover": refused}
    with pytest.raises(Unobservable, match="speaks protocol revisions 2031-01-01 only"):
        check(url=server.url)


def test_a_refused_handshake_leads_to_the_newest_revision(server: McpServer) -> None:
    """A server was replaced by one that has no handshake any more: what was remembered of the old one is given up."""
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "Method not found"}}
    server.answers["initialize"] = Answer(404, json.dumps(error).encode())
    tools = {"jsonrpc": "2.0", "id": 2, "result": {"tools": [{"name": "a"}]}}
    found = {"jsonrpc": "2.0", "id": 1, "result": {"supportedVersions": ["2026-07-28"]}}
    server.answers["server/discover"] = Answer(200, json.dumps(found).encode())
    server.answers["tools/list"] = Answer(200, json.dumps(tools).encode())
    reading = check(memory=OLD, url=server.url, tools=("a",))
    assert (reading.status, reading.memory) == ("healthy", {"era": "stateless"})


def test_a_certificate(tmp_path: Path, server: McpServer) -> None:
    own = certificate(tmp_path, days=5.5)
    with healthy_server(certificate=own) as secure:
        secure.choose = server.choose
        reading = check(url=secure.url + "/mcp", ca_file=str(own.cert))
        assert (reading.status, reading.category) == ("degraded", "certificate")
        assert (reading.error or "").endswith("+00:00, in 5 d 12 h")
        reading = check(url=secure.url + "/mcp")
        assert (reading.status, reading.category) == ("error", "configuration")
        assert reading.error == "at server/discover: TLS certificate is self-signed and not trusted"


# --- programs


def program(script: str) -> tuple[str, ...]:
    return "/bin/sh", "-c", script


REPLY = """
while read -r line; do
  id=$(printf %s "$line" | sed -n 's/.*"id":\\([0-9]*\\).*/\\1/p')
  case $line in
    *discover*) {discover} ;;
    *initialize\\"*) echo '{{"jsonrpc":"2.0","id":'$id',"result":{{"protocolVersion":"2024-11-05"}}}}' ;;
    *tools/list*) {tools} ;;
    *ping*) echo '{{"jsonrpc":"2.0","id":'$id',"result":{{}}}}' ;;
  esac
done
"""
LIST = """echo '{"jsonrpc":"2.0","id":'$id',"result":{"tools":[{"name":"a"}]}}'"""


@pytest.mark.parametrize("discover", ["exit 3", "sleep 100", ":", "echo nonsense"])
def test_a_program_that_cannot_bear_the_newest_question(discover: str) -> None:
    """Programs of the older generation may end, hang or keep silent at it: it is asked once, and never again."""
    command = program(REPLY.format(discover=discover, tools=LIST))
    reading = check(3.0, command=command, tools=("a",))
    assert (reading.status, reading.error, reading.memory) == ("healthy", None, OLD)
    assert check(3.0, dict(reading.memory), command=command).status == "healthy"


@pytest.mark.parametrize(
    ("script", "error", "category"),
    [
        ("exit 3", "at initialize: sh ended with exit code 3", "process"),
        ("kill -9 $$", "at initialize: sh was ended by signal 9", "process"),
        ("sleep 100", "at initialize: no answer within ", "process"),
        ("exec >&-; sleep 100", "at initialize: sh closed its output without an answer", "process"),
        ("echo listening on port 80; cat", "at initialize: sh prints something else than JSON-RPC", "configuration"),
        (REPLY.format(discover=":", tools="exit 4"), "at tools/list: sh ended with exit code 4", "process"),
        (REPLY.format(discover=":", tools="sleep 9"), "at tools/list: no answer within ", "process"),
    ],
)
def test_programs_that_fail(script: str, error: str, category: str) -> None:
    reading = check(2.0, OLD, command=program(f"echo why >&2; {script}"))
    assert (reading.status, reading.category) == ("unhealthy" if category == "configuration" else "error", category)
    assert (reading.error or "").startswith(error)
    assert reading.evidence["stderr"] == "why"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("/nonexistent/server",), "cannot run /nonexistent/server: No such file or directory"),
        (program("exec /nonexistent/server"), "cannot run sh: "),
        (("a\0b",), "NUL character"),
    ],
)
def test_a_program_that_is_missing_is_unknown(command: tuple[str, ...], why: str) -> None:
    with pytest.raises(Unobservable, match=re.escape(why)):
        check(command=command)


def test_nothing_of_a_program_is_left(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"trap '' TERM; sleep 300 & echo $! >{pid}; exec 3>&1; while :; do sleep 1; done"
    check(1.5, OLD, command=program(script))
    wait_until_gone(int(pid.read_text()))


def test_a_flood_on_both_pipes_is_bounded() -> None:
    with pytest.raises(Unobservable, match="larger than 4194304 bytes"):
        check(20, OLD, command=program("yes complaint >&2 & yes x"))


def test_no_secret_of_heartbeat_reaches_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTBEAT_TEST_SECRET", "hush")
    seen = tmp_path / "env"
    check(1.5, OLD, command=program(f"env >{seen}; echo $GIVEN >>{seen}"), env={"GIVEN": "given"})
    text = seen.read_text()
    assert "hush" not in text and "LC_ALL=C.UTF-8" in text and text.endswith("given\n")


# --- the rest


def test_the_engine_checks_many_at_once(server: McpServer) -> None:
    asked = [
        engine.Asked(
            Component(f"m{n}", "mcp", mcp.Settings(url=server.url)), CheckContext(f"m{n}", 10.0, time.time(), OLD)
        )
        for n in range(20)
    ]
    readings = engine.run_checks(asked, time.monotonic() + 11)
    assert {one.status for one in readings.values()} == {"healthy"}
    assert server.opened == 20 and server.sessions == set()


GOOD: list[dict[str, Any]] = [
    {"url": "https://h/mcp", "headers": {"Authorization": "x"}, "call": mcp.Call("a", {"b": [1, {"c": None}]})},
    {"command": ("npx", "it"), "env": {"A": "b"}, "cwd": "/tmp"},
    {"url": "http://h/mcp", "unit": "it.service", "user": True},
]
BAD: list[tuple[dict[str, Any], str, str]] = [
    ({}, "", "expected either url, or command"),
    ({"url": "http://h/", "command": ("x",)}, "", "expected either url, or command"),
    ({"url": "h"}, "url", "is not an address like"),
    ({"command": ("",)}, "command", "its first item, the program, is empty"),
    ({"command": ("x",), "headers": {"A": "b"}}, "headers", "works only with url"),
    ({"command": ("x",), "unit": "a.service"}, "unit", "works only with url"),
    ({"url": "http://h/", "env": {"A": "b"}}, "env", "works only with command"),
    ({"url": "http://h/", "headers": {"MCP-Session-Id": "b"}}, "headers", "is set by heartbeat itself"),
    ({"url": "http://h/", "headers": {"A": "b\nC: d"}}, "headers", "has no line breaks"),
    ({"url": "http://h/", "min_tools": -1}, "min_tools", "must not be negative"),
    ({"url": "http://h/", "user": True}, "user", "works only with unit"),
    ({"url": "http://h/", "call": mcp.Call("")}, "call.tool", "is empty"),
    ({"url": "http://h/", "call": mcp.Call("a", {"b": float("nan")})}, "call.arguments", "that JSON does not have"),
]


@pytest.mark.parametrize("keys", GOOD, ids=range(len(GOOD)))
def test_good_settings(keys: dict[str, Any]) -> None:
    assert mcp.problems(mcp.Settings(**keys)) == []


@pytest.mark.parametrize(("keys", "key", "text"), BAD, ids=range(len(BAD)))
def test_bad_settings(keys: dict[str, Any], key: str, text: str) -> None:
    ((found, said),) = mcp.problems(mcp.Settings(**keys))
    assert found == key and text in said


@pytest.mark.parametrize(
    ("keys", "actions"),
    [
        ({"url": "http://h/"}, ["script"]),
        ({"url": "http://h/", "unit": "a.service"}, ["systemd", "script"]),
        ({"command": ("x",)}, []),
    ],
)
def test_the_ladder(keys: dict[str, Any], actions: list[str]) -> None:
    assert [step["action"] for step in mcp.ladder(mcp.Settings(**keys))] == actions


def test_the_host_that_must_be_reached() -> None:
    host_of: Callable[[mcp.Settings], str | None] = mcp.host_of
    assert host_of(mcp.Settings(url="https://a.example:8443/mcp")) == "a.example"
    assert host_of(mcp.Settings(command=("x",))) is None
