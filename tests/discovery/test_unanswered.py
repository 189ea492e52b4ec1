"""A block with `match` of which nothing is known, because its Docker or systemd has never answered, is not left out."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load, status_page
from heartbeat_cli.config.groups import Found
from heartbeat_cli.config.sections import StatusPage
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.blocks import Block
from tests.parts.http import Answer, healthy_server
from tests.parts.verb import heartbeat

TEXT = """
[heartbeat]
state_dir = "state"
unobserved_after = 1
[components.well]
kind = "command"
command = ["true"]
interval = 0.01
[components.boxes]
kind = "docker"
host = "{engine}"
match = {{ name = "*" }}
interval = 0.01
[status_page]
file = "www/status.html"
components = ["*"]
[dashboard]
interval = 0.01
"""
SAID = "Docker did not say what there is, so nothing of it is watched"


def write(folder: Path, engine: str) -> None:
    (folder / "heartbeat.toml").write_text(TEXT.format(engine=engine.replace("http:", "tcp:")))


def shown(folder: Path) -> tuple[int, int, str, str]:
    """The exit codes of `status` for people and for Nagios, the verdict of the status page, the level of the report."""
    page = json.loads((folder / "www/status.json").read_text())
    report = json.loads(heartbeat(folder, "report", "--date", "today", "--format", "json").out)
    codes = heartbeat(folder, "status").code, heartbeat(folder, "status", "--format", "nagios").code
    return *codes, page["status"], report["level"]


def test_what_nobody_could_be_asked_about_is_not_observed(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    write(tmp_path, f"unix://{tmp_path}/none.sock")
    assert heartbeat(tmp_path, "status", "--format", "nagios").code == 3, "before the first pass, too"
    assert heartbeat(tmp_path, "run").code == 0
    *found, level = shown(tmp_path)
    assert found == [1, 3, "not_observed"] and level != "ok"
    assert SAID in heartbeat(tmp_path, "status", "--format", "nagios").out
    assert SAID in heartbeat(tmp_path, "doctor").out
    assert 'heartbeat_component_unobserved{component="boxes",kind="docker"} 1' in heartbeat(tmp_path, "metrics").out

    with healthy_server(Answer(200, b"[]")) as engine:
        write(tmp_path, engine.url)
        assert heartbeat(tmp_path, "run").code == 0
        assert shown(tmp_path)[:3] == (0, 0, "operational"), "nothing fits, and that is known"
    assert heartbeat(tmp_path, "run").code == 0
    assert shown(tmp_path)[:3] == (1, 3, "not_observed"), "what fits now is not known"


def test_each_time_that_nobody_can_be_asked_is_notified_of_and_so_is_its_end(tmp_path: Path) -> None:
    away = f"unix://{tmp_path}/none.sock"
    for _ in range(2):
        write(tmp_path, away)
        assert heartbeat(tmp_path, "run").code == 0
        with healthy_server(Answer(200, b"[]")) as engine:
            write(tmp_path, engine.url)
            assert heartbeat(tmp_path, "run").code == 0
    types = [one["alert_type"] for one in json.loads(heartbeat(tmp_path, "alerts", "--format", "json").out)]
    assert types == ["observed_again", "docker_unobserved"] * 2


def loaded(known: Mapping[str, list[str]], **block: Any) -> Config:
    tables = {
        "heartbeat": {"observer": "here"},
        "components": {"web": {"kind": "service", "match": {"unit": "web-*"}, **block}, "db": {"kind": "push"}},
        "channels": {"log": {"kind": "console"}},
    }
    tables["components"]["db"]["period"] = 60
    return load.load(tables, "f", Path("/"), (), lambda folder, groups: Found(known))


def test_two_managers_that_do_not_answer_are_two_causes(tmp_path: Path) -> None:
    """The second one is named by a message of its own, and does not join the first one's."""
    blocks = "".join(
        f'[components.{name}]\nkind = "docker"\nhost = "unix://{tmp_path}/{name}.sock"\nmatch = {{ name = "*" }}\n'
        "interval = 0.01\n"
        for name in ("one", "two")
    )
    channel = f'[channels.log]\nkind = "file"\npath = "{tmp_path}/log"\n'
    head = '[heartbeat]\nstate_dir = "state"\nunobserved_after = 1\n'
    (tmp_path / "heartbeat.toml").write_text(head + blocks + channel)
    assert heartbeat(tmp_path, "run").code == 0
    text = (tmp_path / "log").read_text()
    assert all(f"nothing of it is watched (unix://{tmp_path}/{name}.sock)" in text for name in ("one", "two"))


def test_one_component_stands_for_such_a_block() -> None:
    keys = {"interval": 7, "severity": "low", "channels": ["log"], "depends_on": ["db"], "recovery": "on"}
    one = loaded({}, **keys, name="Web {name}", user=True, restart_limit=3).components["web"]
    assert (one.kind, one.name, one.common.interval, one.severity) == ("service", "web", 7, "low")
    assert (one.common.channels, one.common.depends_on, one.plan.ladder) == (("log",), ("db",), ())
    assert one.broken == "systemd did not say what there is, so nothing of it is watched (systemctl --user)"
    assert [*loaded({}, depends_on=["{name}-db"]).components] == ["db", "web"]
    assert [*loaded({"web": []}).components] == ["db"]
    assert [*loaded({"web": ["web-a.service"]}).components] == ["db", "web/web-a.service"]


def test_a_block_of_another_host_is_for_that_one_to_know() -> None:
    assert [*loaded({}, observer="there").components] == ["db"]
    assert [*loaded({}, observer="h*").components] == ["db", "web"]


def test_what_may_still_be_there_is_not_taken_for_removed() -> None:
    unknown, none = loaded({}), loaded({"web": []})
    assert unknown.may_still_have("web/web-a.service") and not unknown.may_still_have("old")
    assert not none.may_still_have("web/web-a.service") and not none.may_still_have("web")


def test_a_channel_of_a_whole_block_hears_that_nothing_of_it_is_known(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    write(tmp_path, f"unix://{tmp_path}/none.sock")
    with (tmp_path / "heartbeat.toml").open("a") as file:
        for name, of in (("all-boxes", "boxes/*"), ("one-box", "boxes/web1"), ("others", "well")):
            file.write(f'[channels.{name}]\nkind = "file"\npath = "{tmp_path}/{name}"\ncomponents = ["{of}"]\n')
    for _ in range(3):
        assert heartbeat(tmp_path, "run").code == 0
    for name in ("all-boxes", "one-box"):
        assert "boxes" in (tmp_path / name).read_text(), name
    assert not (tmp_path / "others").exists()


ENGINES = """
[heartbeat]
state_dir = "state"
unobserved_after = 1
[components."boxes-{{h}}"]
kind = "docker"
each = {{ h = ["one", "two"] }}
host = "tcp://{one}"
match = {{ name = "{{h}}*" }}
interval = 0.01
[components.boxes-two_2]
kind = "command"
command = ["true"]
[channels.two]
kind = "file"
path = "{folder}/two"
components = ["{names}"]
[status_page]
file = "www/status.html"
components = ["boxes-*/*"]
[dashboard]
interval = 0.01
"""


@pytest.mark.parametrize("names", ["boxes-two/*", "boxes-two/web", "boxes-*/w*", "*web"])
def test_a_block_that_does_not_answer_is_not_left_out_beside_one_that_does(tmp_path: Path, names: str) -> None:
    """The names of the one block fit what was found of the other; the unanswered one is made of `each`, too."""
    (tmp_path / "www").mkdir()
    box = {"Id": "1" * 64, "Names": ["/one-web"], "State": "exited", "Labels": {}, "Created": 1, "Status": "Exited (0)"}
    (tmp_path / "heartbeat.toml").write_text(ENGINES.format(one="127.0.0.1:9", folder=tmp_path, names=names))
    with healthy_server(Answer(200, json.dumps([box]).encode())) as engine:
        text = ENGINES.format(one=engine.url.removeprefix("http://"), folder=tmp_path, names=names)
        (tmp_path / "heartbeat.toml").write_text(text)
        assert heartbeat(tmp_path, "run").code == 0
        known = [*load.read(tmp_path / "heartbeat.toml").components]
    assert known == ["boxes-two_2", "boxes-one/one-web"], "of `two` it is known that there is none"
    found = json.loads(next(tmp_path.glob("state/**/found.json")).read_text())
    found.pop("boxes-two")
    next(tmp_path.glob("state/**/found.json")).write_text(json.dumps(found))
    config = load.read(tmp_path / "heartbeat.toml")
    assert config.components["boxes-two"].stands_for == Block("boxes-two", True)
    assert [*status_page.shown(config)] == ["boxes-one/one-web", "boxes-two"]
    assert status_page.shown(config._replace(status_page=StatusPage())).keys() == {"boxes-two_2"}
    for name in ("boxes-two/*", "boxes-two/web"):
        ended = heartbeat(tmp_path, "status", "--component", name, "--format", "nagios")
        assert (ended.code, ended.out[:18]) == (3, "HEARTBEAT UNKNOWN "), name
    assert heartbeat(tmp_path, "status", "--component", "boxes-three/web").code == 2
    heartbeat(tmp_path, "run")
    assert "boxes-two" in (tmp_path / "two").read_text()
