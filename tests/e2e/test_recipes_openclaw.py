"""The blocks of docs/recipes/openclaw.md under real passes, against what a gateway answers (recorded: see
tests/monitors/test_openclaw.py)."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.http import Answer, Server, healthy_server
from tests.parts.recipes import STUCK, WELL, Recipe, World, runs, secret

PAGE = "openclaw"
PAGES = Path(__file__).parents[1] / "monitors/openclaw_pages"
KIND = 'kind = "openclaw"'


def page(name: str) -> Answer:
    body = (PAGES / f"{name}.json").read_bytes()
    return Answer(200 if json.loads(body)["ready"] else 503, body)


@pytest.fixture
def gateway() -> Iterator[Server]:
    with healthy_server(page("ready")) as running:
        yield running


@runs(PAGE, "From nothing to healed")
def test_a_gateway(recipe: Recipe, gateway: Server, tmp_path: Path) -> None:
    """The required channel that is refused is a person's, an error inside the gateway is mended by a restart."""
    with World(recipe, tmp_path, {KIND: f'{KIND}\nurl = "{gateway.url}"'}) as world:
        assert world.said() == WELL
        gateway.answer = page("channel-refused")
        assert world.said() == ("unhealthy", "credentials", "person")
        gateway.answer = page("internal")
        assert world.said() == STUCK
        plan = world.config.components["openclaw"].plan
        unit = plan.ladder[0].settings
        assert (plan.startup_grace, unit.unit, unit.user) == (120, "openclaw-gateway.service", True)


@runs(PAGE, "Restart without cutting off work")
def test_a_safe_restart(recipe: Recipe, gateway: Server, tmp_path: Path) -> None:
    """The command is tried first, and the gateway that it has restarted is well."""
    asked = tmp_path / "asked"
    command = tmp_path / "openclaw"
    restart = f"import urllib.request; urllib.request.urlopen('{gateway.url}/restart')"
    command.write_text(f'#!/bin/sh\necho "$@" >>{asked}\nexec {sys.executable} -c "{restart}"\n')
    command.chmod(0o755)
    gateway.choose = lambda seen: restarted(gateway) if seen.path == "/restart" else gateway.answer
    with World(recipe, tmp_path, {KIND: f'{KIND}\nurl = "{gateway.url}"', "/usr/bin/openclaw": str(command)}) as world:
        assert world.said() == WELL
        gateway.answer = page("internal")
        world.readings(3)
        assert [one.category for one in world.incidents.values()] == ["process"]
        world.recover()
        assert asked.read_text() == "gateway restart --safe\n"
        assert [(one.action, one.outcome) for one in world.attempts] == [("command", "done")]
        assert world.said() == WELL


def restarted(gateway: Server) -> Answer:
    gateway.answer = page("ready")
    return Answer()


@runs(PAGE, "A gateway on another host")
def test_a_gateway_on_another_host(recipe: Recipe, gateway: Server, tmp_path: Path) -> None:
    """It gives its reasons to who has its token; without one a person is called."""
    secret(tmp_path, "gateway.token", "Bearer gateway-token-123")
    gateway.choose = lambda seen: gateway.answer if seen.headers.get("authorization") else page("remote-not-ready")
    with World(recipe, tmp_path, {"https://gateway.example.org": gateway.url}) as world:
        assert world.said() == WELL
        assert {one.headers["authorization"] for one in gateway.seen} == {"Bearer gateway-token-123"}
        gateway.answer = page("state-database")
        assert world.said() == ("unhealthy", "dependency", "person")
        gateway.answer = page("remote-not-ready")
        assert world.said() == ("unhealthy", "process", "person")
        gateway.answer = Answer(403)
        assert world.said() == ("unknown", None, None)
        assert "systemd" not in world.steps("gateway")
