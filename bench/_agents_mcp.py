"""The scenarios over real MCP servers and LiteLLM, in the environment that `.ci/agents` makes.

It is looked for in `$HEARTBEAT_TEST_AGENTS`, else in `.venv/agents`.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.parts import lacking

from bench._agents_parts import Part, only_notes
from bench._agents_scenario import Place, Restart, Scenario, nothing

_ROOT = Path(__file__).parent.parent
_KEY = "sk-" + "of-this-bench-0123456789"

# `/drop` takes the tool `search` away, as a release without it would.
_FASTMCP = """
import sys
import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier
from starlette.responses import PlainTextResponse

guarded = sys.argv[2] == "guarded"
auth = StaticTokenVerifier(tokens={"good": {"client_id": "heartbeat", "scopes": []}}) if guarded else None
server = FastMCP("small", auth=auth)
broken = False

@server.tool
def add(a: int, b: int) -> int:
    return a + b

@server.tool
def search(query: str) -> str:
    if broken:
        raise ValueError("the index is gone")
    return "nothing found"

app = server.http_app(transport="http")

async def drop(_):
    server.local_provider.remove_tool("search")
    return PlainTextResponse("dropped")

async def spoil(_):
    global broken
    broken = True
    return PlainTextResponse("spoilt")

app.add_route("/drop", drop)
app.add_route("/spoil", spoil)
app.add_route("/health", lambda _: PlainTextResponse("ok"))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
"""


def _folder() -> Path:
    return Path(os.environ.get("HEARTBEAT_TEST_AGENTS") or _ROOT / ".venv/agents").absolute()


def _python() -> str:
    if not (_folder() / "python.done").is_file():
        lacking(f"no agent software in {_folder()} (run .ci/agents)")
    return str(_folder() / "python/bin/python")


def _everything() -> list[str]:
    program = _folder() / "node/node_modules/@modelcontextprotocol/server-everything/dist/index.js"
    node = shutil.which("node")
    if node is None or not (_folder() / "node.done").is_file():
        lacking(f"no reference MCP server in {_folder()}, or no node (run .ci/agents)")
    return [node, str(program)]


def fastmcp(place: Place) -> Iterator[Scenario]:
    """FastMCP over HTTP."""
    first = _server(place, "mcp-killed")
    yield _mcp("mcp-killed", "process", "must", first, first.kill)
    second = _server(place, "mcp-wedged")
    yield _mcp("mcp-wedged", "process", "must", second, second.freeze)
    third = _server(place, "mcp-tool-missing")
    yield _mcp("mcp-tool-missing", "configuration", "never", third, _get(third, "/drop"), tools=["add", "search"])
    fourth = _server(place, "mcp-tool-broken", shared=True)
    call = {"tool": "search", "arguments": {"query": "ping"}}
    yield _mcp("mcp-tool-broken", "none", "never", fourth, _get(fourth, "/spoil"), call=call)
    moved = _mcp("mcp-wrong-path", "configuration", "never", fourth, nothing)
    yield moved._replace(after={"url": fourth.url("/mpc")}, steps=(only_notes(place.folder / moved.id),))
    guarded = _server(place, "mcp-token-refused", "guarded")
    refused = _mcp("mcp-token-refused", "credentials", "never", guarded, nothing, headers=_bearer("good"))
    yield refused._replace(after={"headers": _bearer("of yesterday")})


def _server(place: Place, name: str, how: str = "open", *, shared: bool = False) -> Part:
    part = Part(place.folder / name, [_python(), "-P", "server.py", "PORT", how], shared=shared)
    (part.folder / "server.py").write_text(_FASTMCP)
    return place.add(part)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _get(part: Part, path: str) -> Callable[[], None]:
    return lambda: urlopen(part.url(path), timeout=20).close()


def _mcp(name: str, label: str, restart: Restart, part: Part, fail: Callable[[], object], **settings: Any) -> Scenario:
    keys = {"url": part.url("/mcp"), **settings}
    # A start takes some seconds of CPU, and several restart at once.
    return Scenario(name, "mcp", label, restart, keys, fail, part.url(), (part.step,), keys={"timeout": 3},
                    recovery={"startup_grace": 40})  # fmt: skip


def everything(place: Place) -> Iterator[Scenario]:
    """The reference server, over HTTP and started at every check."""
    command = _everything()
    part = Part(place.folder / "everything-killed", [*command, "streamableHttp"], {"PORT": "PORT"})
    yield _mcp("everything-killed", "process", "must", place.add(part), part.kill)._replace(curl=None)
    stdio = {"command": [*command, "stdio"], "tools": ["echo"]}
    for name, label, after in (
        ("everything-stdio-tool-missing", "configuration", {"tools": ["echo", "search"]}),
        ("everything-stdio-program-gone", "unknown", {"command": [str(place.folder / "no-such-program"), "stdio"]}),
    ):
        slow = {"timeout": 20, "interval": 6}
        step = only_notes(place.folder / name)
        yield Scenario(name, "mcp", label, "never", stdio, steps=(step,), after=after, keys=slow)


def litellm(place: Place) -> Iterator[Scenario]:
    """A LiteLLM proxy that is stopped, and one whose provider fails: its liveliness page answers 200 all the time."""
    _python()
    provider = place.small("provider", {"*": _MODELS, "/v1/chat/completions": _COMPLETION}, shared=True)
    stopped = _proxy(place, "litellm-wedged", provider.url("/v1"))
    alive = stopped.url("/health/liveliness")
    slow: Mapping[str, Any] = {"timeout": 4}
    yield Scenario("litellm-wedged", "agent", "process", "must", {"url": alive}, stopped.freeze, alive,
                   (stopped.step,), keys=slow, recovery={"startup_grace": 60})  # fmt: skip
    proxy = _proxy(place, "litellm-provider-down", provider.url("/v1"))
    broken = {"status": 503, "body": '{"error": {"message": "overloaded", "type": "server_error"}}'}
    check = {"path": "healthy_count", "op": ">=", "critical": 1, "category": "provider"}
    settings = {"url": proxy.url("/health"), "headers": _bearer(_KEY), "checks": [check]}
    fail = provider.breaks({"*": _MODELS, "/v1/chat/completions": broken})
    yield Scenario("litellm-provider-down", "agent", "provider", "never", settings, fail,
                   proxy.url("/health/liveliness"), (proxy.step,), keys=slow)  # fmt: skip


_MODELS = {"body": '{"object": "list", "data": [{"id": "small", "object": "model"}]}'}
_COMPLETION = {
    "body": json.dumps({
        "id": "c", "object": "chat.completion", "created": 1, "model": "small",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "p"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    })
}  # fmt: skip


def _proxy(place: Place, name: str, backend: str) -> Part:
    program = str(Path(_python()).with_name("litellm"))
    argv = [program, "--config", "litellm.json", "--host", "127.0.0.1", "--port", "PORT"]
    part = Part(place.folder / name, argv, {"LITELLM_LOCAL_MODEL_COST_MAP": "True"})
    model = {"model": "openai/small", "api_base": backend, "api_key": "sk-behind"}
    settings = {
        "model_list": [{"model_name": "small", "litellm_params": model}],
        "litellm_settings": {"num_retries": 0, "telemetry": False},
        "router_settings": {"disable_cooldowns": True},
        "general_settings": {"master_key": _KEY},
    }
    (part.folder / "litellm.json").write_text(json.dumps(settings))  # JSON is YAML
    return place.add(part)
