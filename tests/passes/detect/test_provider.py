"""Whose fault it is, through the graph: a provider's status page is an agent's parent. The block is the manual's."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli.store.sql.database import Database
from tests.parts.http import Answer, Server, healthy_server
from tests.parts.recipes import Recipe, runs
from tests.parts.scene import Scene

pytestmark = runs("models-and-mcp", "Whose fault it is")


def indicator(word: str) -> Answer:
    """As Statuspage answers /api/v2/status.json."""
    body = {"page": {"id": "p", "name": "Provider"}, "status": {"indicator": word, "description": "x"}}
    return Answer(200, json.dumps(body).encode())


@pytest.fixture
def status_page() -> Iterator[Server]:
    with healthy_server(indicator("none")) as one:
        yield one


@pytest.fixture
def agent() -> Iterator[Server]:
    with healthy_server() as one:
        yield one


@pytest.fixture
def scene(recipe: Recipe, store: Database, store_url: str, tmp_path: Path, status_page: Server, agent: Server) -> Scene:
    here = {"https://status.example.com": status_page.url, "http://localhost:8000": agent.url}
    tables = recipe.tables(here)["components"]
    tables["assistant"]["recovery"] = {"ladder": [{"action": "command", "command": ["false"]}]}
    return Scene(store, store_url, tmp_path, tables)


@pytest.mark.parametrize("word", ["major", "critical"])
def test_an_outage_of_the_provider_is_one_message_and_no_restart(
    scene: Scene, status_page: Server, agent: Server, word: str
) -> None:
    assert scene.pass_(2) == []
    status_page.answer, agent.answer = indicator(word), Answer(503, b'{"status": "down"}')
    scene.pass_(4)
    scene.recover()
    assert scene.attempts == []
    incidents = scene.incidents
    assert (incidents["provider-status"].category, incidents["provider-status"].remedy) == ("provider", "wait")
    assert incidents["assistant"].held_by == "provider-status"
    scene.deliver()
    (message,) = scene.messages
    assert message["title"] == "Provider is down"
    assert message["text"].splitlines()[2].startswith(("status.indicator", "outage is")), message["text"]
    assert message["text"].splitlines()[2].endswith("; heartbeat waits until it is over")
    assert "Affected by it: assistant" in message["text"]


def test_a_minor_trouble_of_the_provider_excuses_nobody(scene: Scene, status_page: Server, agent: Server) -> None:
    status_page.answer, agent.answer = indicator("minor"), Answer(503, b'{"status": "down"}')
    scene.pass_(3)
    assert set(scene.incidents) == {"assistant"} and scene.incidents["assistant"].held_by is None
