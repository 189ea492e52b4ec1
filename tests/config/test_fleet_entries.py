"""Entries of a file that `each` is read from: one that is wrong costs itself alone, and what is not watched for its
sake is unobserved."""

import json
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import fleets, load, places
from heartbeat_cli.config.groups import Found
from heartbeat_cli.config.types import Config
from heartbeat_cli.discovery import fleets as memory
from heartbeat_cli.domain.blocks import Block
from tests.config.test_fleet import BLOCK, OTHER, read, unseen
from tests.parts.verb import heartbeat

ENGINES = """
[components."docker-{h}"]
kind = "docker"
host = "unix:///{h}"
match = { name = "{p}" }
each = { from_file = "fleet.json" }
"""


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"n": "b c"}, 'makes a component "w-b c": an id has 1 to 64'),
        ({"n": "a"}, 'makes two components "w-a"'),
        ({"m": "b"}, 'makes a component "w-{n}"'),
        ({"n": "other"}, 'makes a component "w-other", as "w-other" does'),
        ({"n": ["b"]}, "n: expected texts and numbers, got a list"),
        ({"n": None}, "n: expected texts and numbers, got null"),
        (["b"], "expected a text or a table, got a list"),
        (None, "expected a text or a table, got null"),
        ({"n": "file:/etc/shadow"}, '"file:/etc/shadow" is a reference'),
    ],
)
def test_an_entry_that_makes_no_component_has_one_that_stands_for_it(tmp_path: Path, entry: Any, said: str) -> None:
    other = OTHER + OTHER.replace("other", "w-other")
    config = read(tmp_path, [{"n": "a"}, entry, {"n": "z"}], other=other)
    assert {*config.components} == {"w-a", "w-z", "w-_", "other", "w-other"}
    assert config.components["w-other"].kind == "push" and unseen(config) == {"w-_": "w-{n}"}
    (line,) = config.unresolved
    assert said in line and "components.w-{n}" in line and said in str(config.components["w-_"].broken)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"n": "b", "v": None}, "v: expected texts and numbers, got null"),
        ({"n": "b", "v": [1]}, "v: expected texts and numbers, got a list"),
        ({"n": "b", "v": "env:HOME"}, '"env:HOME" is a reference'),
        ({"n": "b", "a b": 1}, '"a b" cannot be a placeholder'),
        ({"n": "b", "id": "x"}, '"id" cannot be a placeholder'),
        ({"n": "b", "k": "tpc"}, 'unknown kind "tpc"'),
    ],
)
def test_an_entry_with_a_wrong_value_costs_its_own_component(tmp_path: Path, entry: Any, said: str) -> None:
    block = BLOCK.replace('"tcp"', '"{k}"') + 'depends_on = ["{up}"]\n'
    fleet = [{"n": "a", "k": "tcp", "up": "w-b"}, {"k": "tcp", "up": "other"} | entry]
    config = read(tmp_path, fleet, block)
    assert list(config.components) == ["w-a", "w-b", "other"] and [*unseen(config)] == ["w-b"]
    assert said in config.unresolved[0] and said in str(config.components["w-b"].broken)
    assert config.components["w-b"].plan.ladder == ()


def test_an_entry_that_says_nothing_leaves_braces_as_they_are(tmp_path: Path) -> None:
    config = read(tmp_path, [{}, None], BLOCK.replace('"h"', '"{}"'))
    assert unseen(config) == {"w-_": "w-{n}"} and len(config.unresolved) == 2


def test_mistakes_without_end_are_counted(tmp_path: Path) -> None:
    config = read(tmp_path, [{"n": "a"}, *({"n": f"b {n}"} for n in range(500))])
    assert list(config.components) == ["w-a", "other", "w-_"] and len(config.unresolved) < 10
    assert "more" in config.unresolved[-1]


def test_each_wrong_entry_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    """Also those that are only counted."""
    config = read(tmp_path, [{"n": f"b{n}", f"v{n}": None} for n in range(9)])
    said = {id_: str(one.broken) for id_, one in config.components.items() if one.broken}
    assert len(said) == 9 and all(said[f"w-b{n}"].startswith(f"v{n}: expected texts") for n in range(9))


def test_what_stands_for_an_entry_goes_when_the_file_is_right_again(tmp_path: Path) -> None:
    wrong = read(tmp_path, ["a", "b c"], BLOCK.replace("{n}", "{name}"))
    assert wrong.components["w-_"].stands_for == Block("w-{name}", False)
    config = read(tmp_path, ["a", "bc"], BLOCK.replace("{n}", "{name}"))
    assert list(config.components) == ["w-a", "w-bc", "other"]


def test_entries_beside_a_wrong_one_are_remembered(tmp_path: Path) -> None:
    """The file may go away before anybody has mended it; and what it held no longer is not kept for its sake."""
    block = '[heartbeat]\nstate_dir = "state"\n' + BLOCK
    memory.keep(read(tmp_path, [{"n": "a"}, {"n": "old"}], block))
    config = read(tmp_path, [{"n": "a"}, {"n": "b c"}, {"n": "new"}], block)
    assert {*config.components} == {"w-a", "w-new", "w-_", "other"} and config.may_still_have("w-old")
    memory.keep(config)
    assert fleets.remembered(places.config_folder(config))["w-{n}"] == [{"n": "a"}, {"n": "new"}]
    assert {*unseen(read(tmp_path, "[", block))} == {"w-a", "w-new"}


def engines(folder: Path, fleet: Any) -> Config:
    """The configuration of blocks with `match` that the file makes; in each Engine `web` is found."""
    (folder / "fleet.json").write_text(json.dumps(fleet))
    (folder / "hb.toml").write_text(ENGINES + OTHER)
    return load.read(folder / "hb.toml", lambda _, groups: Found({one.id: ["web"] for one in groups}))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"h": "two", "p": 2024}, "expected a table of label, name, project"),
        ({"h": "two", "p": None}, "p: expected texts and numbers, got null"),
        ({"h": "two"}, 'the entry says nothing for "{p}"'),
    ],
)
def test_a_block_with_match_that_the_file_makes_wrong_is_unobserved(tmp_path: Path, entry: Any, said: str) -> None:
    config = engines(tmp_path, [{"h": "one", "p": "w*"}, entry])
    assert {*config.components} == {"docker-one/web", "docker-two", "other"}
    two = config.components["docker-two"]
    assert two.kind == "docker" and config.blocks["docker-two"] in config.unread
    assert two.stands_for == Block("docker-two", True)
    assert said in str(two.broken) and said in config.unresolved[0]
    mended = engines(tmp_path, [{"h": "one", "p": "w*"}, {"h": "two", "p": "w*"}])
    assert {*mended.components} == {"docker-one/web", "docker-two/web", "other"}


@pytest.mark.whole
def test_an_entry_that_stands_twice_hides_nothing_behind_it(tmp_path: Path) -> None:
    text = '[heartbeat]\nstate_dir = "state"\nunobserved_after = 1\n[components."svc-{n}"]\nkind = "file"\n'
    text += f'path = "{tmp_path}/{{n}}"\ninterval = 0.01\nfail_threshold = 1\neach = {{ from_file = "fleet.json" }}\n'
    (tmp_path / "heartbeat.toml").write_text(text)
    (tmp_path / "a").touch()
    (tmp_path / "fleet.json").write_text('[{"n": "a"}, {"n": "a"}, {"n": "not-there"}]')
    line = text.splitlines().index('each = { from_file = "fleet.json" }') + 1
    ran, checked = heartbeat(tmp_path, "run"), heartbeat(tmp_path, "config", "check")
    assert (ran.code, checked.code) == (2, 2) and 'makes two components "svc-a"' in ran.err
    assert f'heartbeat.toml:{line}: components.svc-{{n}}.each: makes two components "svc-a"' in checked.err
    rows = {one["component"]: one for one in json.loads(heartbeat(tmp_path, "status", "--format", "json").out)}
    assert rows["svc-not-there"]["incident"] and rows["svc-_"]["unobserved"] and not rows["svc-a"]["unobserved"]
    (tmp_path / "fleet.json").write_text('[{"n": "a"}, {"n": "a"}]')
    assert heartbeat(tmp_path, "status", "--format", "nagios").code != 0
