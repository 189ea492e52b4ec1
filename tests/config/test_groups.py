"""Blocks with `match`: what can be wrong with them, and that nothing a manager says is a mistake in the file."""

from binascii import crc32
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load
from heartbeat_cli.config.groups import Found, Group, as_kept, remembered
from heartbeat_cli.config.types import Config
from heartbeat_cli.errors import ConfigError


def loaded(names: Sequence[str], more: dict[str, Any] | None = None, **block: Any) -> Config:
    """The configuration with one block, `web`, for which these names are found."""
    table = {"kind": "service", "match": {"unit": "web-*"}, **block}
    tables = {"components": {"web": table, **(more or {})}, "recovery": {"scripts": "/etc/heartbeat"}}
    return load.load(tables, "f", Path("/"), (), lambda folder, groups: Found({"web": names}))


def wrong(**block: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        loaded([], **block)
    return str(refused.value)


def test_each_name_is_a_component() -> None:
    config = loaded(["web-a.service", "web-b@1.service"], name="Web {name}", user=True)
    first, second = config.components.values()
    assert (first.id, first.name, first.settings.unit) == ("web/web-a.service", "Web web-a.service", "web-a.service")
    assert second.id.startswith("web/web-b_1.service-") and second.settings.user
    assert [step.action for step in first.plan.ladder] == ["systemd", "script"]
    assert first.plan.ladder[1].settings.name == "restart_web_web-a.service.sh"


def test_jobs_may_rest_unless_the_block_says_otherwise() -> None:
    def rests(**block: Any) -> bool:
        (one,) = loaded(["web-a.service"], **block).components.values()
        return bool(one.settings.inactive_job_ok)

    assert rests() and not rests(inactive_job_ok=False)


@pytest.mark.parametrize(
    "name", ["-.mount", "web-$(id).service", "a b", "../x", "x" * 300, "env:PATH.service", "file:x.service"]
)
def test_what_no_component_can_be_is_left_out(name: str) -> None:
    assert list(loaded(["web-a.service", name]).components) == ["web/web-a.service"]


def test_an_engine_does_not_choose_a_script_of_other_components() -> None:
    block = {"kind": "docker", "match": {"name": "*"}}
    one = {"kind": "docker", "container": "main"}
    tables = {
        "components": {"web": block, "web_a": block, "gateway": one, "web_db": {**one, "container": "db"}},
        "recovery": {"scripts": "/etc/heartbeat"},
    }
    names = {"web": ["main", "db", "a_b", "c"], "web_a": ["b"]}
    config = load.load(tables, "f", Path("/"), (), lambda folder, groups: Found(names))
    steps = {id_: one.plan.ladder[-1].settings for id_, one in config.components.items()}
    assert {id_: (one.name, one.preferred) for id_, one in steps.items()} == {
        "gateway": ("restart_gateway.sh", "restart_main.sh"),
        "web_db": ("restart_web_db.sh", "restart_db.sh"),
        "web/main": ("restart_web_main.sh", None),
        "web/db": (f"restart_web_db-{crc32(b'web/db'):08x}.sh", None),
        "web/a_b": (f"restart_web_a_b-{crc32(b'web/a_b'):08x}.sh", None),
        "web/c": ("restart_web_c.sh", None),
        "web_a/b": ("restart_web_a_b.sh", None),
    }
    own = block | {"recovery": {"ladder": [{"action": "script", "name": "restart_{id}.sh"}]}}
    tables["components"] = {**tables["components"], "web": own}
    config = load.load(tables, "f", Path("/"), (), lambda folder, groups: Found(names))
    assert config.components["web/db"].plan.ladder[0].settings.name == steps["web/db"].name


def test_a_long_name_has_no_script() -> None:
    name = f"{'web-' * 40}.service"
    (one,) = loaded([name]).components.values()
    assert [step.action for step in one.plan.ladder] == ["systemd"] and one.broken is None


def test_a_name_that_makes_a_component_wrong_stops_only_that_one() -> None:
    config = loaded(["web-a.service", "web-b.service"], interval=1, timeout="1s")
    assert not any(one.broken for one in config.components.values())
    table = {"kind": "docker", "match": {"name": "*"}, "host": "unix://{name}"}
    tables = {"components": {"web": table | {"host": "unix:///{name}"}}}
    made = load.load(tables, "f", Path("/"), (), lambda folder, groups: Found({"web": ["a", "b"]}))
    assert [one.settings.host for one in made.components.values()] == ["unix:///a", "unix:///b"]


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"kind": "tcp"}, "components.web.match: goes with the kinds docker and service"),
        ({"match": {}}, "components.web.match: expected a table of unit"),
        ({"match": {"unit": 3}}, "components.web.match: expected a table of unit"),
        ({"match": {"units": "x"}}, "components.web.match.units: unknown key; did you mean unit?"),
        ({"unit": "x"}, "components.web.unit: goes without match, which finds it"),
        ({"intervall": 3}, "components.web.intervall: unknown key"),
        ({"timeout": "soon"}, "components.web.timeout: expected a number of seconds"),
    ],
)
def test_a_mistake_in_the_block_is_named_whether_something_is_found_or_not(block: dict[str, Any], said: str) -> None:
    assert said in wrong(**block)


def test_what_is_found_may_be_gone_when_others_name_it() -> None:
    child = {"kind": "tcp", "host": "h", "port": 1, "depends_on": ["web/web-a.service"]}
    assert loaded(["web-a.service"], {"x": child}).components["x"].common.depends_on == ("web/web-a.service",)
    assert loaded([], {"x": child}).components["x"].common.depends_on == ()
    with pytest.raises(ConfigError, match="no component"):
        loaded([], {"x": child | {"depends_on": ["wep/a"]}})


def test_a_written_id_has_no_slash() -> None:
    with pytest.raises(ConfigError, match="an id has 1 to 64"):
        load.load({"components": {"a/b": {"kind": "tcp", "host": "h", "port": 1}}}, "f")


GROUPS = [Group("web", "service", {"unit": "*"}, {}), Group("new", "service", {"unit": "*"}, {})]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"web": 3}', '{"web": {"systemctl": 3}}', '{"web": {"systemctl": [3, ""]}}']
)
def test_a_file_that_nobody_can_read_remembers_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "found.json").write_text(text)
    assert not remembered(tmp_path, GROUPS).names


def test_what_is_kept_is_read_again_for_the_manager_that_said_it(tmp_path: Path) -> None:
    user = [one._replace(table={"user": True}) for one in GROUPS]
    (tmp_path / "found.json").write_text(as_kept(tmp_path, GROUPS, Found({"web": ["a", "b"], "old": ["c"]})))
    assert remembered(tmp_path, user) == Found(elsewhere={"web": ["a", "b"]})
    (tmp_path / "found.json").write_text(as_kept(tmp_path, user, Found({"web": ["u"]})))
    assert remembered(tmp_path, GROUPS) == Found({"web": ["a", "b"]}, elsewhere={"web": ["u"]})
    assert remembered(tmp_path, user) == Found({"web": ["u"]}, elsewhere={"web": ["a", "b"]})


def test_channels_and_windows_may_name_what_is_not_there_yet() -> None:
    table = {"kind": "docker", "match": {"name": "*"}}
    more: dict[str, Any] = {
        "channels": {"log": {"kind": "console", "components": ["web/*", "docker", "web/one", "w*/x"]}},
        "maintenance": {"m": {"components": ["web/*"], "cron": "0 2 * * *", "duration": "2h"}},
    }
    tables = {"components": {"web": table, "x": {"kind": "push", "period": 60}}}
    for names in ([], ["one"]):
        load.load(tables | more, "f", Path("/"), (), lambda folder, groups, found=names: Found({"web": found}))  # type: ignore[misc]
    with pytest.raises(ConfigError, match='no component "wep/\\*"'):
        load.load(tables | {"channels": {"log": {"kind": "console", "components": ["wep/*"]}}}, "f")


def test_the_id_in_defaults_is_that_of_each_component_that_is_found() -> None:
    tables = {
        "defaults": {"docker": {"name": "Box {id} is {name}"}},
        "components": {"web": {"kind": "docker", "match": {"name": "*"}}},
    }
    (one,) = load.load(tables, "f", Path("/"), (), lambda folder, groups: Found({"web": ["a"]})).components.values()
    assert one.name == "Box web/a is a"
