"""Recovery acts only where a restart can help: by the category of what the check sees, on a real server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.passes.alerting.recovery_context import RecoveryContext
from heartbeat_cli.store.sql.database import Database
from tests.parts.http import Answer, Server, healthy_server
from tests.parts.scene import Scene

WEDGED, REFUSED = Answer(500, b"broken"), Answer(401, b'{"error": "invalid api key"}')


@pytest.fixture
def server() -> Iterator[Server]:
    with healthy_server(REFUSED) as one:
        yield one


@pytest.fixture
def build(store: Database, store_url: str, tmp_path: Path, server: Server) -> Any:
    def scene(*mends: list[str] | None) -> Scene:
        steps = [
            {
                "action": "command",
                "command": ["/bin/sh", "-c", f"echo {number} >> {tmp_path}/done; exit 1"],
                **({} if mended is None else {"mends": mended}),
            }
            for number, mended in enumerate(mends)
        ]
        agent = {"kind": "agent", "url": server.url, "retries": 0, "recovery": {"ladder": steps}}
        return Scene(store, store_url, tmp_path, {"main": agent})

    return scene


@pytest.mark.parametrize(
    ("seen", "silent"),
    [
        (Reading("error", None, "no answer within 5 s"), True),
        (Reading("error", 5.0, "at tools/list: no answer within 5 s"), False),
        (Reading("unhealthy", 0.1, "HTTP 500"), False),
    ],
)
def test_only_what_answers_nothing_at_all_is_silent(build: Any, seen: Reading, silent: bool) -> None:
    """A silent unit may be killed while it stops; one that answers a part may be at work."""
    scene = build(None)
    scene.saw(main=seen)
    assert RecoveryContext(scene.db, scene.config, scene.now).is_silent(scene.config.components["main"]) is silent


def steps(scene: Scene) -> list[str]:
    file = scene.folder / "done"
    return file.read_text().split() if file.exists() else []


def test_a_refused_key_is_left_to_a_person_in_one_message(build: Any) -> None:
    scene = build(None)
    assert scene.pass_(3)[-1] == "main opened"
    (result,) = scene.recover()
    assert (result.decision, result.name, result.failed) == ("held", "remedy", False)
    assert result.reason == (
        "held: a restart cannot mend this: its credentials are refused or have expired; a person has to"
    )
    assert steps(scene) == [] and scene.holds == ["remedy"]
    incident = scene.incidents["main"]
    assert (incident.category, incident.remedy) == ("credentials", "person")
    scene.deliver()
    (message,) = scene.messages
    said = "HTTP 401 Unauthorized: invalid api key; a person must fix it"
    assert message["text"].splitlines()[2] == said, message["text"]
    assert "Find the API key or login that is refused" in message["text"]
    scene.pass_(4)
    scene.recover()
    assert len(scene.outbox) == 1


def test_an_order_overrides_it(build: Any) -> None:
    scene = build(None)
    scene.pass_(3)
    assert [one.decision for one in scene.recover("main", forced=True)] == ["ran", "held"]
    assert steps(scene) == ["0"]


def test_a_step_that_mends_it_is_taken_and_the_others_are_passed_over(build: Any) -> None:
    scene = build(None, ["credentials"])
    scene.pass_(3)
    scene.recover()
    assert set(steps(scene)) == {"1"}
    scene.deliver()
    assert "a person must fix it" not in scene.messages[0]["text"]


def test_what_turns_into_a_refused_key_before_the_step_is_not_restarted(build: Any, server: Server) -> None:
    scene = build(None)
    server.answer = WEDGED
    scene.pass_(3)
    server.answer = REFUSED
    (result,) = scene.recover()
    assert (result.decision, result.name, steps(scene)) == ("held", "remedy", [])


def test_a_person_learns_that_it_has_turned_into_what_no_restart_mends(build: Any, server: Server) -> None:
    """The first message promised a restart."""
    scene = build(None)
    server.answer = WEDGED
    scene.pass_(3)
    server.answer = REFUSED
    scene.pass_(1)
    scene.recover()
    scene.pass_(2)
    scene.recover()
    assert scene.outbox == ["agent_down to log: waiting", "recovery_held to log: waiting"]
    assert steps(scene) == []


def test_what_turns_into_a_hang_is_restarted(build: Any, server: Server) -> None:
    scene = build(None)
    scene.pass_(3)
    scene.recover()
    server.answer = WEDGED
    scene.pass_(1)
    scene.recover()
    assert steps(scene)


def test_a_ladder_that_mends_something_else_is_said_in_the_message(build: Any, server: Server) -> None:
    scene = build(["resource"])
    server.answer = WEDGED
    scene.pass_(3)
    assert [one.name for one in scene.recover()] == ["remedy"] and steps(scene) == []
    scene.deliver()
    assert "None of its steps mends a failure of the process itself" in scene.messages[0]["text"].replace(
        "Held: n", "N"
    )
