"""Real agent software, pinned, in an environment of its own that `.ci/agents` makes: MCP servers, LiteLLM, LangGraph.

It is looked for in `$HEARTBEAT_TEST_AGENTS`, else in `.venv/agents`.
"""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.parts import lacking
from tests.parts.hostile import unused_port

_ROOT = Path(__file__).parent.parent.parent
_FOLDER = Path(os.environ.get("HEARTBEAT_TEST_AGENTS", _ROOT / ".venv/agents")).absolute()
_SMALL = Path(__file__).parent / "fastmcp_server.py"
_START_SECONDS = 120.0
_GRAPH = """
from typing import TypedDict
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    said: str


def answer(state: State) -> State:
    return {"said": "pong"}


graph = StateGraph(State).add_node("answer", answer).add_edge(START, "answer").add_edge("answer", END).compile()
"""


class Running(NamedTuple):
    """A server: its base address, its process, and the file with what it prints."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path


def python() -> str:
    """The interpreter that has mcp, fastmcp and litellm."""
    if not (_FOLDER / "python.done").is_file():
        lacking(f"agent software in {_FOLDER}: run .ci/agents", "agents")
    return str(_FOLDER / "python/bin/python")


def with_metrics() -> None:
    """Skip the test where LiteLLM lacks what its callback `prometheus` needs."""
    if not list(Path(python()).parent.parent.glob("lib/*/site-packages/prometheus_client")):
        lacking(f"prometheus-client in {_FOLDER}: run .ci/agents", "agents")


def small() -> tuple[str, ...]:
    """The command of the small FastMCP server on standard input and output."""
    return python(), "-P", str(_SMALL), "stdio"


def everything() -> tuple[str, ...]:
    """The command of the reference server, but for its transport."""
    program = _FOLDER / "node/node_modules/@modelcontextprotocol/server-everything/dist/index.js"
    if not (_FOLDER / "node.done").is_file() or (node := shutil.which("node")) is None:
        lacking(f"the reference MCP server in {_FOLDER}, and node: run .ci/agents", "agents")
    return node, str(program)


@contextmanager
def fastmcp_server(folder: Path, *, answers: str = "sse", **variables: str) -> Iterator[Running]:
    """The small FastMCP server over HTTP; `answers` is sse or json. `/sessions` says how many it has."""
    port = unused_port()
    command = (python(), "-P", str(_SMALL), str(port), answers)  # -P: the parts beside it have names of modules
    with _started(command, folder, port, "/sessions", variables) as server:
        yield server


@contextmanager
def everything_server(folder: Path) -> Iterator[Running]:
    """The reference server over HTTP."""
    port = unused_port()
    with _started((*everything(), "streamableHttp"), folder, port, "/", {"PORT": str(port)}) as server:
        yield server


@contextmanager
def litellm_server(folder: Path, backend: str, key: str, name: str = "small", price: float = 0) -> Iterator[Running]:
    """A LiteLLM proxy that passes the model `name` on to `backend`, for clients with this key. With a price (USD a
    token) it counts on `/metrics/` what is spent."""
    port = unused_port()
    config = folder / "litellm.json"
    model = {"model": "openai/small", "api_base": backend, "api_key": "sk-behind"}
    priced = {"input_cost_per_token": price, "output_cost_per_token": price} if price else {}
    settings = {
        "model_list": [{"model_name": name, "litellm_params": model | priced}],
        "litellm_settings": {"num_retries": 0, "telemetry": False, "callbacks": ["prometheus"] if price else []},
        "router_settings": {"disable_cooldowns": True},
        "general_settings": {"master_key": key},
    }
    config.write_text(json.dumps(settings))  # JSON is YAML
    program = str(Path(python()).with_name("litellm"))
    command = (program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port))
    with _started(command, folder, port, "/health/liveliness", {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}) as server:
        yield server


LANGGRAPH_ENVIRONMENT = {"LANGSMITH_TRACING": "false"}


def langgraph_command(folder: Path, port: str) -> tuple[str, ...]:
    """What starts LangGraph's development server with the graph of a folder (`write_graph`)."""
    if not (_FOLDER / "langgraph.done").is_file():
        lacking(f"LangGraph in {_FOLDER}: run .ci/agents", "agents")
    options = ("--config", str(folder / "langgraph.json"), "--host", "127.0.0.1", "--port", port)
    return (str(_FOLDER / "langgraph/bin/langgraph"), "dev", *options, "--no-browser", "--no-reload")


def write_graph(folder: Path) -> None:
    """A graph of one step."""
    (folder / "graph.py").write_text(_GRAPH)
    (folder / "langgraph.json").write_text('{"dependencies": ["."], "graphs": {"agent": "./graph.py:graph"}}')


@contextmanager
def langgraph_server(folder: Path, port: int) -> Iterator[Running]:
    """LangGraph's development server with a graph of one step, told to use this port. It is not asked whether it
    answers there: it moves where the port is taken."""
    command = langgraph_command(folder, str(port))
    write_graph(folder)
    with _started(command, folder, port, "", LANGGRAPH_ENVIRONMENT) as server:
        end = time.monotonic() + _START_SECONDS
        while "Application started up" not in server.log.read_text(errors="replace"):
            assert server.process.poll() is None and time.monotonic() < end, server.log.read_text()[-2_000:]
            time.sleep(0.1)
        yield server


@contextmanager
def _started(
    command: tuple[str, ...], folder: Path, port: int, ready: str, env: Mapping[str, str]
) -> Iterator[Running]:
    log = folder / f"server-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **env},
            start_new_session=True,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + _START_SECONDS
        while ready and not _answers(url + ready):
            assert process.poll() is None and time.monotonic() < end, log.read_text(errors="replace")[-2_000:]
            time.sleep(0.1)
        yield Running(url, process, log)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True
