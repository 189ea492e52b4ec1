"""Real agent software, pinned, in an environment of its own that `.ci/agents` makes: MCP servers and LiteLLM.

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
_FOLDER = Path(os.environ.get("HEARTBEAT_TEST_AGENTS", _ROOT / ".venv/agents"))
_SMALL = Path(__file__).parent / "fastmcp_server.py"
_START_SECONDS = 120.0


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
def fastmcp_server(folder: Path, *, answers: str = "sse") -> Iterator[Running]:
    """The small FastMCP server over HTTP; `answers` is sse or json. `/sessions` says how many it has."""
    port = unused_port()
    command = (python(), "-P", str(_SMALL), str(port), answers)  # -P: the parts beside it have names of modules
    with _started(command, folder, port, "/sessions", {}) as server:
        yield server


@contextmanager
def everything_server(folder: Path) -> Iterator[Running]:
    """The reference server over HTTP."""
    port = unused_port()
    with _started((*everything(), "streamableHttp"), folder, port, "/", {"PORT": str(port)}) as server:
        yield server


@contextmanager
def litellm_server(folder: Path, backend: str, key: str) -> Iterator[Running]:
    """A LiteLLM proxy that passes the model `small` on to `backend`, for clients with this key."""
    port = unused_port()
    config = folder / "litellm.json"
    model = {"model": "openai/small", "api_base": backend, "api_key": "sk-behind"}
    settings = {
        "model_list": [{"model_name": "small", "litellm_params": model}],
        "litellm_settings": {"num_retries": 0, "telemetry": False},
        "router_settings": {"disable_cooldowns": True},
        "general_settings": {"master_key": key},
    }
    config.write_text(json.dumps(settings))  # JSON is YAML
    program = str(Path(python()).with_name("litellm"))
    command = (program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port))
    with _started(command, folder, port, "/health/liveliness", {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}) as server:
        yield server


@contextmanager
def _started(
    command: tuple[str, ...], folder: Path, port: int, ready: str, env: Mapping[str, str]
) -> Iterator[Running]:
    log = folder / f"server-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **env}, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + _START_SECONDS
        while not _answers(url + ready):
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
