"""The blocks of docs/recipes/models-and-mcp.md, each under real passes: first all is well, then comes its fault.

Real are LiteLLM, FastMCP, the reference MCP server and LangGraph's development server. The small provider of the tests
stands for Ollama, vLLM and the provider, and answers as their API does: the programs are too big, or want a GPU."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import agents
from tests.parts.hostile import unused_port
from tests.parts.http import Answer, healthy_server
from tests.parts.model_provider import Provider, model_provider
from tests.parts.recipes import STUCK, WELL, Recipe, World, runs, secret

PAGE = "models-and-mcp"
REFUSED = ("error", "process", "restart")
WRONG = ("unhealthy", "configuration", "person")
LOCKED_OUT = ("unhealthy", "credentials", "person")


@pytest.fixture
def provider() -> Iterator[Provider]:
    with model_provider() as running:
        yield running


# --- models


@runs(PAGE, "Ollama")
def test_ollama(recipe: Recipe, provider: Provider, tmp_path: Path) -> None:
    provider.models = ["llama3.2:latest"]
    with World(recipe, tmp_path, {"http://localhost:11434/v1": provider.url}) as world:
        assert world.said() == WELL
        assert [one["model"] for one in provider.completions] == ["llama3.2"]
        provider.mood = "500"
        assert world.said(after=900) == STUCK
        provider.mood, provider.models = "ok", ["mistral:latest"]
        assert world.said(after=900) == WRONG


@runs(PAGE, "vLLM")
def test_vllm(recipe: Recipe, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is dead behind a list of models that is answered all the time."""
    monkeypatch.setenv("VLLM_API_KEY", "sk-vllm-123456")
    provider.models = ["Qwen/Qwen3-8B"]
    with World(recipe, tmp_path, {"http://localhost:8000/v1": provider.url}) as world:
        assert world.said() == WELL
        assert set(provider.keys) == {"Bearer sk-vllm-123456"}
        provider.mood = "500"
        assert world.said(after=270) == WELL, "a canary before its time"
        assert world.said(after=30) == STUCK
        assert world.said(after=10) == ("unknown", None, None), "a failure counts once"


@runs(PAGE, "LiteLLM and other gateways")
def test_litellm(recipe: Recipe, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real gateway: what its provider does is no reason to restart it, what it does itself is one."""
    monkeypatch.setenv("LITELLM_KEY", "sk-litellm-1234567890")
    with (
        agents.litellm_server(tmp_path, provider.url, "sk-litellm-1234567890", "gpt-4o-mini") as gateway,
        World(recipe, tmp_path, {"http://localhost:4000": gateway.url}) as world,
    ):
        assert world.said() == WELL
        provider.mood = "500"
        assert world.said(after=900) == ("unhealthy", "provider", "wait")
        provider.mood = "429"
        assert world.said(after=900) == ("degraded", "provider", "wait")
        os.killpg(gateway.process.pid, signal.SIGKILL)
        gateway.process.wait(10)
        assert world.said(after=900) == REFUSED


@runs(PAGE, "A provider")
def test_a_provider(recipe: Recipe, provider: Provider, tmp_path: Path) -> None:
    """None of its failures is mended by a restart."""
    provider.models = ["gpt-4o-mini"]
    elsewhere = provider.url.replace("127.0.0.1", "0x7f.0.0.1")  # the same to the network, no host of ours by its name
    here = {
        "https://api.openai.com/v1": elsewhere,
        "/etc/heartbeat/openai.key": secret(tmp_path, "openai.key", "sk-provider-123"),
    }
    with World(recipe, tmp_path, here) as world:
        assert world.said() == WELL
        (asked,) = provider.completions
        assert asked["max_completion_tokens"] == 1 and "max_tokens" not in asked
        assert set(provider.keys) == {"Bearer sk-provider-123"}
        for mood, expected in (
            ("500", ("unhealthy", "provider", "wait")),
            ("401", LOCKED_OUT),
            ("quota", ("unhealthy", "quota", "person")),
            ("429", ("degraded", "provider", "wait")),
        ):
            provider.mood = mood
            assert (mood, *world.said(after=900)) == (mood, *expected)
        assert world.steps("provider") == []


# --- MCP servers


@runs(PAGE, "An MCP server", 1)
def test_mcp_over_http(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_AUTHORIZATION", "Bearer mcp-secret-123")
    with (
        agents.fastmcp_server(tmp_path, TOOLS="read_file write_file", TOKEN="mcp-secret-123") as server,
        World(recipe, tmp_path, {"http://localhost:8931": server.url}) as world,
    ):
        assert world.said() == WELL
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(10)
        assert world.said() == REFUSED


@pytest.mark.parametrize(
    ("tools", "token", "expected", "line"),
    [
        ("read_file", "mcp-secret-123", WRONG, "missing tools: write_file"),
        ("read_file write_file", "another-secret", LOCKED_OUT, "HTTP 401 Unauthorized"),
    ],
)
@runs(PAGE, "An MCP server", 1)
def test_mcp_over_http_with_what_a_person_has_to_mend(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tools: str, token: str, expected: object, line: str
) -> None:
    monkeypatch.setenv("MCP_AUTHORIZATION", "Bearer mcp-secret-123")
    with (
        agents.fastmcp_server(tmp_path, TOOLS=tools, TOKEN=token) as server,
        World(recipe, tmp_path, {"http://localhost:8931": server.url}) as world,
    ):
        assert world.said() == expected
        assert line in str(world.reading().error)


@runs(PAGE, "An MCP server", 2)
def test_a_call_of_an_mcp_tool(recipe: Recipe, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    with (
        agents.fastmcp_server(tmp_path, TOOLS="search", BROKEN=str(broken)) as server,
        World(recipe, tmp_path, {"http://localhost:8932": server.url}) as world,
    ):
        assert world.said() == WELL
        broken.touch()
        reading = world.reading()
        assert (reading.status, reading.error) == (
            "degraded",
            "tool search reports an error: Error calling tool 'search': no index",
        )


@runs(PAGE, "An MCP server that is a program")
def test_mcp_as_a_program(recipe: Recipe, tmp_path: Path) -> None:
    node, program = agents.everything()
    script = tmp_path / "server.mjs"
    script.write_text(f'await import("{program}");')
    here = {'"node"': f'"{node}"', "/opt/mcp/server-everything/dist/index.js": str(script)}
    with World(recipe, tmp_path, here) as world:
        assert world.said() == WELL
        script.write_text("process.exit(1)")
        assert world.said(after=900)[:2] == ("error", "process")
        assert world.steps("everything") == []


# --- LangGraph


@runs(PAGE, "LangGraph")
def test_langgraph(recipe: Recipe, tmp_path: Path) -> None:
    port = unused_port()
    with World(recipe, tmp_path, {"http://localhost:2024": f"http://127.0.0.1:{port}"}) as world:
        with agents.langgraph_server(tmp_path, port):
            assert world.said() == WELL
        reading = world.reading()
        assert (reading.status, reading.failure and reading.failure.remedy, reading.certain) == (
            "error",
            "restart",
            True,
        )


@runs(PAGE, "LangGraph")
def test_langgraph_that_took_another_port(recipe: Recipe, tmp_path: Path) -> None:
    """Another program answers at its port: with a page of its own, as many do at every path, and with JSON."""
    with (
        healthy_server(Answer(200, b"<!doctype html><html></html>", (("Content-Type", "text/html"),))) as other,
        agents.langgraph_server(tmp_path, other.port) as moved,
    ):
        assert f"Port {other.port} is already in use" in moved.log.read_text()
        with World(recipe, tmp_path, {"http://localhost:2024": other.url}) as world:
            assert world.said() == WRONG
            other.answer = Answer(404)
            assert world.said() == WRONG
            other.answer = Answer(200, b'{"status": "ok"}')
            assert world.reading().status == "unhealthy"
