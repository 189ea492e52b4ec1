"""Blocks whose `each` is read from a file: whatever becomes of the file, everything else stays watched."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import fleets, load, places
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import ID
from heartbeat_cli.errors import ConfigError
from tests.parts.verb import heartbeat

BLOCK = """
[components."w-{n}"]
kind = "tcp"
host = "h"
port = 1
each = { from_file = "fleet.json" }
"""
OTHER = """
[components.other]
kind = "push"
period = 60
"""


def read(folder: Path, fleet: Any, block: str = BLOCK, other: str = OTHER) -> Config:
    """The configuration with a fleet: JSON text, or what it is made of."""
    (folder / "fleet.json").write_text(fleet if isinstance(fleet, str) else json.dumps(fleet))
    (folder / "hb.toml").write_text(block + other)
    return load.read(folder / "hb.toml")


def unseen(config: Config) -> dict[str, str]:
    """The names of the components that cannot be checked, by id."""
    return {id_: one.name for id_, one in config.components.items() if one.broken}


@pytest.mark.parametrize("mode", [None, 0o666])
def test_a_file_that_cannot_be_read_costs_its_own_block_only(tmp_path: Path, mode: int | None) -> None:
    """As a secret that is away does: the others stay watched, and each run says so with its exit code."""
    if mode is not None:
        (tmp_path / "fleet.json").write_text('["a"]')
        (tmp_path / "fleet.json").chmod(mode)
    (tmp_path / "hb.toml").write_text(BLOCK + OTHER)
    config = load.read(tmp_path / "hb.toml")
    assert unseen(config) == {"w-_": "w-{n}"} and config.components["other"].broken is None
    assert "components.w-{n}.each: from_file: fleet.json cannot be read" in config.unresolved[0]


def test_what_stands_for_a_fleet_keeps_the_keys_of_its_block(tmp_path: Path) -> None:
    keys = 'observer = "there"\nseverity = "low"\ninterval = 7\nchannels = ["log"]\ndepends_on = ["o-{n}"]\n'
    one = read(tmp_path, "[", BLOCK + keys, OTHER + "[channels.log]\nkind = 'console'\n").components["w-_"]
    assert (one.common.observer, one.severity, one.common.interval) == ("there", "low", 7)
    assert (one.common.channels, one.common.depends_on, one.name) == (("log",), (), "w-{n}")


def test_a_fleet_may_be_scaled_to_nothing(tmp_path: Path) -> None:
    config = read(tmp_path, [])
    assert list(config.components) == ["other"] and config.unresolved == ()


@pytest.mark.parametrize(
    ("fleet", "said"),
    [
        ("", "from_file: fleet.json is not JSON: Expecting value"),
        ('[{"n": "a"}, ', "from_file: fleet.json is not JSON: Expecting value"),
        ("[" * 100_000, "from_file: fleet.json is nested too deeply"),
        ("null", "from_file: fleet.json: expected a JSON list"),
        ('{"n": "a"}', "from_file: fleet.json: expected a JSON list"),
        ([{"n": ["a"]}], "n: expected texts and numbers, got a list"),
        ([{"n": None}], "n: expected texts and numbers, got null"),
        ([{"n": n} for n in range(10_001)], "makes 10,001 components"),
    ],
)
def test_a_mistake_in_the_file_costs_its_own_block_only(tmp_path: Path, fleet: Any, said: str) -> None:
    config = read(tmp_path, fleet)
    assert unseen(config) == {"w-_": "w-{n}"} and list(config.components) == ["other", "w-_"]
    (line,) = config.unresolved
    assert "components.w-{n}.each: " in line and said in line


@pytest.mark.parametrize(
    ("fleet", "said"),
    [
        ([{"n": "a"}, {"n": "b c"}, {"n": "z"}], 'makes a component "w-b c": an id has 1 to 64'),
        ([{"n": "a"}, {"n": "z"}, {"n": "a"}], 'makes two components "w-a"'),
        ([{"n": "a"}, {"n": "other"}, {"n": "z"}], 'makes a component "w-other", as "w-other" does'),
    ],
)
def test_an_entry_that_makes_no_component_costs_itself(tmp_path: Path, fleet: Any, said: str) -> None:
    other = OTHER + OTHER.replace("other", "w-other")
    config = read(tmp_path, fleet, other=other)
    assert {*config.components} == {"w-a", "w-z", "other", "w-other", "w-_"} and unseen(config) == {"w-_": "w-{n}"}
    assert config.components["w-other"].kind == "push"  # what is written goes first
    (line,) = config.unresolved
    assert said in line


def test_a_component_of_another_block_goes_before_one_of_the_file(tmp_path: Path) -> None:
    ranged = '[components."w-1{m}"]\nkind = "push"\nperiod = 60\neach = { m = "1..2" }\n'
    config = read(tmp_path, [{"n": "11"}, {"n": "3"}], other=ranged)
    kinds = {id_: one.kind for id_, one in config.components.items()}
    assert kinds == {"w-11": "push", "w-12": "push", "w-3": "tcp", "w-_": "tcp"}
    assert len(config.unresolved) == 1


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("port", "x", "port: expected a whole number"),
        ("port", 99_999, "port: "),
        ("interval", "soon", "interval: expected a number of seconds"),
        ("interval", -5, "interval: "),
        ("severity", "hgih", "severity"),
    ],
)
def test_a_component_that_the_file_makes_wrong_cannot_be_checked(
    tmp_path: Path, key: str, value: Any, said: str
) -> None:
    block = "\n".join(line for line in BLOCK.splitlines() if not line.startswith(key))
    config = read(tmp_path, [{"n": "a", "v": value}], f'{block}\n{key} = "{{v}}"\n')
    assert list(config.components) == ["w-a", "other"]
    assert said in str(config.components["w-a"].broken) and said in config.unresolved[0]


def test_names_in_the_file_that_lead_nowhere(tmp_path: Path) -> None:
    block = BLOCK + 'depends_on = ["{up}"]\nchannels = ["{c}"]\n'
    config = read(tmp_path, [{"n": "a", "up": "othr", "c": "nobody"}], block)
    one = config.components["w-a"]
    assert one.broken is None and one.common.depends_on == () and one.common.channels is None
    assert 'no component "othr"; did you mean other?' in config.unresolved[0] and len(config.unresolved) == 2


def test_a_circle_that_the_file_makes(tmp_path: Path) -> None:
    block = BLOCK + 'depends_on = ["{up}"]\n'
    config = read(tmp_path, [{"n": "a", "up": "w-b"}, {"n": "b", "up": "w-a"}], block)
    assert "goes round in a circle" in config.unresolved[0]
    assert [one.common.depends_on for one in config.components.values()] == [(), (), ()]


def test_a_kind_that_there_is_none_of(tmp_path: Path) -> None:
    block = BLOCK.replace('"tcp"', '"{kind}"') + 'depends_on = ["{up}"]\n'
    fleet = [{"n": "a", "kind": "tpc", "up": "other"}, {"n": "b", "kind": "tcp", "up": "w-a"}]
    config = read(tmp_path, fleet, block)
    assert list(config.components) == ["w-a", "w-b", "other"] and [*unseen(config)] == ["w-a"]
    assert 'unknown kind "tpc"' in config.unresolved[0]


def test_a_block_with_match_that_the_file_makes_wrong(tmp_path: Path) -> None:
    block = '[components."d-{n}"]\nkind = "{kind}"\nmatch = { name = "{n}-*" }\ntimeout = "{t}"\n'
    fleet = [{"n": "a", "kind": "tcp", "t": 3}, {"n": "b", "kind": "docker", "t": "soon"}]
    config = read(tmp_path, fleet, block + 'each = { from_file = "fleet.json" }\n')
    assert "goes with the kinds docker" in config.unresolved[0] and "timeout: " in config.unresolved[1]


@pytest.mark.parametrize("fleet", ["[", [], [{"n": "z"}]])
@pytest.mark.parametrize("name", ["w-a", "w-*", "*-a", "tcp"])
def test_what_names_the_fleet_is_right_whatever_the_file_holds(tmp_path: Path, fleet: Any, name: str) -> None:
    more = f'[channels.log]\nkind = "console"\ncomponents = ["{name}"]\n'
    more += f'[maintenance.m]\ncomponents = ["{name}"]\ncron = "0 2 * * *"\nduration = "2h"\n'
    config = read(tmp_path, fleet, other=OTHER + 'depends_on = ["w-a"]\n' + more)
    assert config.components["other"].common.depends_on == ()


@pytest.mark.parametrize("name", ["v-a", "v*", "dns", "w"])
def test_what_cannot_name_the_fleet_is_a_mistake(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="no component"):
        read(tmp_path, [], other=f'{OTHER}[channels.log]\nkind = "console"\ncomponents = ["{name}"]\n')


def test_config_check_names_the_line_and_a_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "fleet.json").write_text('["a", ')
    text = '[heartbeat]\nstate_dir = "state"\n[components.box]\nkind = "file"\npath = "/etc/hostname"\n'
    block = BLOCK.replace("{n}", "{name}")
    (tmp_path / "heartbeat.toml").write_text(text + block)
    line = (text + block).splitlines().index('each = { from_file = "fleet.json" }') + 1
    checked = heartbeat(tmp_path, "config", "check")
    said = "components.w-{name}.each: from_file: fleet.json is not JSON: Expecting value"
    assert checked.code == 2 and f"heartbeat.toml:{line}: {said}" in checked.err
    ran = heartbeat(tmp_path, "run")
    assert ran.code == 2 and said in ran.err
    assert [row["component"] for row in json.loads(heartbeat(tmp_path, "status", "--format", "json").out)] == [
        "box",
        "w-_",
    ]


@pytest.mark.whole
def test_every_verb_goes_on_with_a_component_that_the_file_makes_wrong(tmp_path: Path) -> None:
    (tmp_path / "fleet.json").write_text('[{"n": "a", "v": "x", "i": -5}, {"n": "b", "v": 1, "i": 1}]')
    block = BLOCK.replace("port = 1", 'port = "{v}"\ninterval = "{i}"').replace('"h"', '"127.0.0.1"')
    (tmp_path / "heartbeat.toml").write_text('[heartbeat]\nstate_dir = "state"\nunobserved_after = 1\n' + block)
    lines = "run,doctor,check --all,detect,recover,report,metrics,replay,dashboard -o d.html,config show,alerts,run"
    for words in map(str.split, lines.split(",")):
        ended = heartbeat(tmp_path, *words)
        assert "Traceback" not in ended.err and "internal" not in ended.err, (words, ended.err)
    rows = {row["component"]: row for row in json.loads(heartbeat(tmp_path, "status", "--format", "json").out)}
    assert rows["w-a"]["unobserved"] and rows["w-b"]["status"] == "error"


@pytest.mark.parametrize(
    "rows", [None, [{"n": "a"}, {"n": "b"}], [], "x", [{"n": ["a"]}], [{"m": "a"}], [{"n": "../x"}]]
)
def test_what_the_file_held_last_stays_and_cannot_be_checked(tmp_path: Path, rows: Any) -> None:
    config = read(tmp_path, [{"n": "a"}], '[heartbeat]\nstate_dir = "state"\n' + BLOCK)
    folder = places.config_folder(config)
    folder.mkdir(parents=True, mode=0o700)
    if rows is not None:
        (folder / "fleets.json").write_text(json.dumps({"w-{n}": rows}))
    (tmp_path / "fleet.json").write_text("[")
    config = load.read(tmp_path / "hb.toml")
    assert {*unseen(config)} == ({"w-a", "w-b"} if rows and rows[0] == {"n": "a"} else {"w-_"})
    assert {one.kind for id_, one in config.components.items() if id_ != "other"} == {"tcp"}
    assert all(one.plan.ladder == () for one in config.components.values())


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"w-{n}": 3}'])
def test_damaged_memory_of_files_is_none(tmp_path: Path, text: str) -> None:
    config = read(tmp_path, "[", '[heartbeat]\nstate_dir = "state"\n' + BLOCK)
    folder = places.config_folder(config)
    folder.mkdir(parents=True, mode=0o700)
    (folder / "fleets.json").write_text(text)
    assert {*unseen(load.read(tmp_path / "hb.toml"))} == {"w-_"}


@pytest.mark.parametrize("block", ["{n}", "_{n}-", "w-{a}.{b}", "é{n}", "{n}" * 40])
def test_what_stands_for_an_unknown_fleet_has_an_id_of_its_own(block: str) -> None:
    taken: dict[str, Any] = {}
    for _ in range(4):
        ((id_, table),) = fleets.stand_in(block, {"kind": "{kind}"}, taken).items()
        assert re.fullmatch(ID, id_) and id_ not in taken and table == {"kind": "file", "name": block}
        taken[id_] = table


WATCHED = """
[heartbeat]
state_dir = "state"
unobserved_after = 1
[components.main]
kind = "file"
path = "/etc/hostname"
interval = 0.01
[components."svc-{name}"]
kind = "file"
path = "FOLDER/{name}"
each = { from_file = "fleet.json" }
interval = 0.01
fail_threshold = 1
[status_page]
file = "www/status.html"
components = [COMPONENTS]
[dashboard]
badges = "www"
"""


def shown(folder: Path) -> tuple[str, list[str], str, str]:
    """The verdict of the status page and its open incidents, that of the report, and the badge of all."""
    page = json.loads((folder / "www/status.json").read_text())
    report = json.loads(heartbeat(folder, "report", "--date", "today", "--format", "json").out)
    open_ = [one["name"] for one in page["incidents"] if one["ended"] is None]
    return page["status"], open_, report["level"], (folder / "www/_all.svg").read_text()


@pytest.mark.whole
@pytest.mark.parametrize("components", ['"*"', '"main", "svc-a", "svc-b"'])
def test_nothing_says_that_all_is_well_while_a_fleet_cannot_be_read(tmp_path: Path, components: str) -> None:
    (tmp_path / "heartbeat.toml").write_text(WATCHED.replace("COMPONENTS", components).replace("FOLDER", str(tmp_path)))
    (tmp_path / "www").mkdir()
    (tmp_path / "fleet.json").write_text('["a", ')
    heartbeat(tmp_path, "run")
    assert heartbeat(tmp_path, "status", "--format", "nagios").code == 3 and heartbeat(tmp_path, "status").code == 1
    status, _, level, badge = shown(tmp_path)
    assert status == "not_observed" and level != "ok" and "all well" not in badge

    (tmp_path / "b").touch()
    (tmp_path / "fleet.json").write_text('["a", "b"]')
    for _ in range(2):
        assert heartbeat(tmp_path, "run").code == 0
    assert shown(tmp_path)[:2] == ("down", ["svc-a"])

    (tmp_path / "fleet.json").write_text('["a", ')
    for _ in range(2):
        assert heartbeat(tmp_path, "run").code == 2
    status, open_, level, badge = shown(tmp_path)
    assert (status, open_) == ("down", ["svc-a"]) and level != "ok" and "all well" not in badge
    rows = {row["component"]: row for row in json.loads(heartbeat(tmp_path, "status", "--format", "json").out)}
    assert {*rows} == {"main", "svc-a", "svc-b"} and rows["svc-a"]["incident"] and rows["svc-a"]["state"] == "fault"
    assert rows["svc-b"]["unobserved"] and "fleet.json is not JSON" in rows["svc-b"]["error"]
    nagios = heartbeat(tmp_path, "status", "--format", "nagios")
    assert nagios.code == 2 and "svc-a" in nagios.out and "svc-b" in nagios.out

    (tmp_path / "fleet.json").write_text('["b"]')
    for _ in range(2):
        assert heartbeat(tmp_path, "run").code == 0
    assert heartbeat(tmp_path, "status").code == 0
