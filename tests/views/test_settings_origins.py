"""`config show` says where each value was written."""

import json
import textwrap
import tomllib
from pathlib import Path
from typing import Any

from heartbeat_cli.config import load
from heartbeat_cli.views import settings_text
from tests.parts.verb import heartbeat

MAIN = """
    [heartbeat]
    include = ["more.toml"]
    timezone = "UTC"
    [recovery]
    mode = "ask"
    [defaults]
    interval = "30s"
    recovery_threshold = 3
    [defaults.agent]
    timeout = "10s"
    checks = [{ path = "a.b", op = "==", warn = "x" }]
    [components."w-{n}"]
    kind = "agent"
    each = { n = "1..2" }
    url = "http://10.0.0.{n}/"
    headers = { "X.Y" = "z", "1" = "z" }
    [components."a.b"]
    kind = "tcp"
    host = "h"
    port = 1
    interval = 60
    recovery = "off"
    """
MORE = """
    [components.db]
    kind = "tcp"
    host = "h"
    port = 2
    recovery.budget = 2
    [[components.db.recovery.ladder]]
    action = "systemd"
    unit = "{id}.service"
    [[components.db.recovery.ladder]]
    action = "command"
    command = ["/bin/a",
      "b"]
    [channels.log]
    kind = "file"
    path = "/x"
    [maintenance.night]
    cron = "0 3 * * *"
    duration = "1h"
    """


def shown(folder: Path) -> str:
    (folder / "hb.toml").write_text(textwrap.dedent(MAIN).lstrip())
    (folder / "more.toml").write_text(textwrap.dedent(MORE).lstrip())
    ended = heartbeat(folder, "--config", "hb.toml", "config", "show")
    assert (ended.code, ended.err) == (0, "")
    return ended.out


def comments(text: str) -> dict[str, str]:
    """The comments of the lines, by table and key."""
    found, table = {}, ""
    for line in text.splitlines()[1:]:
        row, _, comment = line.partition("  # ")
        table = row.strip("[]") if row.startswith("[") else table
        key = "" if row.startswith("[") else "." + row.partition(" = ")[0]
        if comment:
            found[table + key] = comment
    return found


def test_a_value_has_its_file_and_line_behind_it(tmp_path: Path) -> None:
    found = comments(shown(tmp_path))
    block = "components.w-{n}"
    assert {key: one for key, one in found.items() if ".w-2" in key} == {
        "components.w-2.kind": f"hb.toml:13, {block}",
        "components.w-2.url": f"hb.toml:15, {block}",
        "components.w-2.checks": "hb.toml:11, defaults.agent",
        "components.w-2.interval": "hb.toml:7, defaults",
        "components.w-2.recovery_threshold": "hb.toml:8, defaults",
        "components.w-2.timeout": "hb.toml:10, defaults.agent",
        'components.w-2.headers."X.Y"': f"hb.toml:16, {block}",
        "components.w-2.headers.1": f"hb.toml:16, {block}",
        "components.w-2.recovery.mode": "hb.toml:5, recovery",
    }
    assert {key: one for key, one in found.items() if '."a.b"' in key} == {
        'components."a.b".kind': "hb.toml:18",
        'components."a.b".host': "hb.toml:19",
        'components."a.b".port': "hb.toml:20",
        'components."a.b".interval': "hb.toml:21",
        'components."a.b".recovery_threshold': "hb.toml:8, defaults",
        'components."a.b".recovery.mode': "hb.toml:22",
    }


def test_steps_channels_and_included_files_have_theirs(tmp_path: Path) -> None:
    found = comments(shown(tmp_path))
    assert found["heartbeat.include"] == "hb.toml:2" and found["recovery.mode"] == "hb.toml:5"
    assert found["components.db.recovery.budget"] == "more.toml:5"
    assert "components.db.recovery.mode" not in found, "a table without mode is on by itself"
    assert found["components.db.recovery.ladder.action"] == "more.toml:10"
    assert found["components.db.recovery.ladder.unit"] == "more.toml:8"
    assert found["components.db.recovery.ladder.command"] == "more.toml:11"
    assert found["channels.log.path"] == "more.toml:15"
    assert found["maintenance.night.cron"] == "more.toml:17" and "maintenance.night.reason" not in found
    assert not [key for key in found if key.startswith(("retention", "dashboard"))]


def test_what_is_shown_can_be_read_again(tmp_path: Path) -> None:
    text = shown(tmp_path)
    again = tomllib.loads(text)
    bare = tomllib.loads(settings_text.toml(settings_text.tree(load.read(tmp_path / "hb.toml"))))
    del again["heartbeat"], bare["heartbeat"]  # they name the home folder
    assert again == bare
    assert text.startswith(
        "# effective settings of hb.toml; a value without a place behind it is the program's default\n"
    )


def test_json_has_the_places_beside_the_settings(tmp_path: Path) -> None:
    shown(tmp_path)
    tree: dict[str, Any] = json.loads(
        heartbeat(tmp_path, "--config", "hb.toml", "config", "show", "--format", "json").out
    )
    places = tree.pop("origins")
    assert places["components.w-1.timeout"] == "hb.toml:10" and places["components.a.b.port"] == "hb.toml:20"
    assert places["components.db.recovery.ladder[1].command"] == "more.toml:11"
    assert "components.w-1.method" not in places
    assert tree["components"]["w-1"]["method"] == "GET"


def test_without_a_file_there_are_no_places(tmp_path: Path) -> None:
    config = load.load({"components": {"x": {"kind": "host"}}}, "built in", tmp_path)
    assert settings_text.toml_text(config).startswith("# effective settings of built in\n")
    assert settings_text.json_tree(config)["origins"] == {}
