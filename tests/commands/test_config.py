"""`heartbeat config`: what is in force, readable again, without a secret."""

import json
import tomllib
from pathlib import Path

from heartbeat_cli.config import load
from tests.parts.verb import heartbeat

WHOLE = """
[heartbeat]
store = "postgresql://hb:hunter2-store@h:5432/hb"
timezone = "Asia/Hong_Kong"
locale = "zh-HK"
observer = "me"
store_timeout = 2.25
state_dir = "/var/lib/hb"
[recovery]
mode = "ask"
scripts = "/etc/hb"
[report]
target = 99.95
channels = ["log"]
[channels.log]
kind = "file"
path = "/var/log/hb \\"quoted\\" \\u00e9\\t.jsonl"
[components.main]
kind = "agent"
name = "Main Agent"
url = "http://u:hunter2-url@localhost:8000/health"
interval = 0.1234567
headers = { Authorization = "hunter2-header", "X-Api-Key" = "k", Accept = "text/plain" }
[components.db]
kind = "database"
dsn = "env:DSN"
container = "pg"
depends_on = ["main"]
[components.db.recovery]
startup_grace = 12.5
budget = 3
busy = { url = "http://u:hunter2-busy@h/busy", headers = { Authorization = "hunter2-guard" } }
busy_then = "give_up"
drain = { command = ["/bin/echo", "{id}"] }
[[components.db.recovery.ladder]]
action = "command"
command = ["/bin/echo", "{id}"]
"""


def test_check(tmp_path: Path) -> None:
    whole = WHOLE.replace("@h:5432", "@localhost:5432").replace("interval = 0.1234567", "interval = 60")
    (tmp_path / "heartbeat.toml").write_text(whole)
    ended = heartbeat(tmp_path, "config", "check", DSN="postgresql://h/db?sslmode=verify-full")
    assert ended == (
        0,
        "heartbeat.toml: fine: 2 components, 1 channel\n",
        "heartbeat: heartbeat.toml:18: components.main.unit: warning: main: unit is not set, so recovery tries"
        " openclaw-<id>.service where there is one, for this version only;"
        ' set unit = "…" (with user = true for a user unit), or write a ladder\n',
    )
    (tmp_path / "heartbeat.toml").write_text(whole.replace("[components.main]", '[components.main]\nunit = "main"'))
    ended = heartbeat(tmp_path, "config", "check", DSN="postgresql://h/db?sslmode=verify-full")
    assert ended == (0, "heartbeat.toml: fine: 2 components, 1 channel\n", "")
    (tmp_path / "heartbeat.toml").write_text(whole)
    line = "components.db.dsn: environment variable DSN is not set (cron starts with almost none)"
    assert heartbeat(tmp_path, "config", "check") == (2, "", f"heartbeat: heartbeat.toml:26: {line}\n")
    ended = heartbeat(tmp_path, "config", "check", DSN="postgresql://h/db")
    assert "heartbeat: heartbeat.toml:26: components.db.dsn: warning: h need not prove who it is" in ended.err


def test_show_hides_every_secret_and_says_the_rest(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text(WHOLE)
    dsn = "postgresql://hb:hunter2-env@h/db"
    for form in ("toml", "json"):
        ended = heartbeat(tmp_path, "config", "show", "--format", form, DSN=dsn)
        assert (ended.code, ended.err) == (0, "")
        assert "hunter2" not in ended.out
        assert '"k"' not in ended.out, "a secret too short to be known by its text"
        tree = tomllib.loads(ended.out) if form == "toml" else json.loads(ended.out)
        assert tree["heartbeat"]["store"] == "postgresql://hb:•••@h:5432/hb"
        assert tree["components"]["main"]["interval"] == 0.1234567
        assert tree["components"]["main"]["headers"] == dict.fromkeys(("Authorization", "X-Api-Key", "Accept"), "•••")
        assert tree["components"]["main"]["recovery"]["mode"] == "ask"
        assert tree["components"]["db"]["dsn"] == "•••"
        recovery = tree["components"]["db"]["recovery"]
        assert recovery["busy"]["url"] == "http://u:•••@h/busy"
        assert (recovery["busy_wait"], recovery["busy_then"], recovery["budget"]) == (300, "give_up", 3)
        assert recovery["drain"]["command"] == ["/bin/echo", "db"]
        assert "backoff" not in recovery
        assert tree["channels"]["log"]["path"] == '/var/log/hb "quoted" é\t.jsonl'


def test_what_is_shown_is_a_configuration_that_means_the_same(tmp_path: Path) -> None:
    text = WHOLE.replace("hunter2-store@", "@").replace("u:hunter2-url@", "").replace("env:DSN", "postgresql://h/db")
    text = text.replace("u:hunter2-busy@", "").replace(', headers = { Authorization = "hunter2-guard" }', "")
    text = text.replace("hb:@", "hb@")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("headers ="))  # shown without values
    (tmp_path / "heartbeat.toml").write_text(text)
    shown = tomllib.loads(heartbeat(tmp_path, "config", "show").out)
    first = load.load(tomllib.loads(text), "f", tmp_path)
    again = load.load(shown, "f", Path("/elsewhere"))
    assert again._replace(tables={}, components={}) == first._replace(tables={}, components={})
    for id_, component in first.components.items():
        common = component.common._replace(severity=component.severity)
        assert again.components[id_] == component._replace(common=common)


def test_show_says_what_leads_nowhere_and_how_it_stands_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text(WHOLE)
    ended = heartbeat(tmp_path, "config", "show")
    assert ended.code == 0
    assert "# cannot be used: heartbeat.toml: components.db.dsn: environment variable DSN is not set" in ended.out
    assert 'dsn = "env:DSN"' in ended.out
    tomllib.loads(ended.out)
