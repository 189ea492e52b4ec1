"""What a channel costs the ticks that send nothing: next to nothing."""

import json
import subprocess
import sys
from pathlib import Path

HEAVY = {"requests", "urllib3", "smtplib", "email", "html", "ssl", "http", "apprise", "logging"}

CONFIGURATION = """
[heartbeat]
state_dir = "{folder}/state"
[channels.tg]
kind = "telegram"
token = "1:secret_part"
chat_id = -1
[channels.mail]
kind = "email"
host = "localhost"
from = "a@example.org"
to = ["b@example.org"]
[channels.hook]
kind = "webhook"
url = "http://127.0.0.1:1/"
secret = "abcdef"
[channels.phone]
kind = "apprise"
apprise_url = "ntfy://127.0.0.1:1/topic"
"""


def test_a_configured_channel_imports_nothing_until_it_sends(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text(CONFIGURATION.format(folder=tmp_path))
    code = (
        "import json, sys; from heartbeat_cli import cli; assert cli.run(['notify']) == 0;"
        "print(json.dumps(sorted(name for name in sys.modules)))"
    )
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30)
    loaded = set(json.loads(done.stdout))
    assert {f"heartbeat_cli.channels.{kind}" for kind in ("telegram", "email", "webhook", "apprise")} <= loaded
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()
