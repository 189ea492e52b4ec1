"""In zh-HK every command, message and page speaks Chinese over a world of faults: no sentence of ours is in English.

What stays as it is: names, ids, keys, commands, paths, addresses, units, and what others said. Help texts, errors of
the configuration file, `init`, `kinds`, `config` and the Nagios line stay English.
"""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.http import Answer, healthy_server
from tests.parts.postgres import free_port
from tests.parts.verb import heartbeat

# What others say, and what is a name.
FOREIGN = (
    *(
        "System has not been booted with systemd as init system",
        "System has not been booted with systemd",
        "Failed to connect to bus",
        "Host is down",
        "Error while fetching server API version",
        "No such file or directory",
    ),
    *("HTTP 500 Internal Server Error", "HTTP Internal Server Error", "Main Agent", "Chat Assistant"),
    *("Can't operate", "Asia/Hong_Kong", "Hong Kong", "Weather Agent", "Main database", "Nightly backup"),
)
# Addresses, paths, quoted commands, options, keys and ids.
NAMES = (
    *(
        r"`[^`]*`",
        r"https?://\S+",
        r"postgresql://\S+",
        r"sqlite:\S+",
        r"(?<![\w.])/[\w./-]+",
        r"\S+\.(?:toml|sh|service)\S*",
    ),
    *(
        r"--[\w-]+",
        r"\b\w+_\w+\b",
        r"\[[^\]]*\]",
        r"\bheartbeat (?:recover|ack|silence|check|status|doctor|report) [\w -]*",
    ),
    *(r"\b(?:systemctl|journalctl|docker|sudo|chmod|chown|pg_isready|psql|apt|dnf|apk|curl|df|du|ps) [\w ./{}%|-]*",),
)
# Three words in a row, none of them in capitals alone: a sentence.
SENTENCE = re.compile(r"\b[A-Za-z]+[a-z](?:'s)?,? (?:[a-z']+,? )+[a-z']{2,}")

CONFIG = """
[heartbeat]
locale = "zh-HK"
timezone = "Asia/Hong_Kong"
observer = "本機"
[recovery]
scripts = "{folder}/scripts"
verify_wait = 1
[channels.log]
kind = "file"
path = "{folder}/messages"
[channels.hook]
kind = "webhook"
url = "http://127.0.0.1:{closed}/"
[channels.screen]
kind = "console"
[defaults]
fail_threshold = 2
interval = 0.01
[components.main]
kind = "agent"
name = "Main Agent"
url = "{well}/health"
[components.chat]
kind = "agent"
name = "Chat Assistant"
url = "http://127.0.0.1:{closed}/health"
depends_on = []
[components.ill]
kind = "agent"
url = "{ill}/health"
recovery = "ask"
[components.child]
kind = "tcp"
host = "127.0.0.1"
port = {closed}
depends_on = ["chat"]
[components.slow]
kind = "agent"
url = "{well}/slow"
slow_after = 0.001
[components.db]
kind = "database"
name = "Main database"
dsn = "postgresql://nobody@127.0.0.1:{closed}/none"
[components.gateway]
kind = "docker"
host = "unix://{folder}/no.sock"
container = "openclaw-gateway"
[components.svc]
kind = "service"
unit = "nothere.service"
[components.backup]
kind = "file"
path = "{folder}/backup"
max_age = "1d"
[components.job]
kind = "push"
name = "Nightly backup"
period = "1h"
[components.proc]
kind = "process"
process = "no-such-process"
[components.say]
kind = "command"
command = ["/bin/sh", "-c", "echo 不好; exit 2"]
[components.absent]
kind = "command"
command = ["/no/such/program"]
[maintenance.plan]
components = ["say"]
from = "2020-01-01T00:00"
until = "2099-01-01T00:00"
reason = "更換硬件"
"""


def sentences(text: str) -> list[str]:
    """The English sentences of a text, without what may be English."""
    text = re.sub(r"\n +", " ", text)  # one line that was broken
    for name in FOREIGN:
        text = text.replace(name, "…")
    for pattern in NAMES:
        text = re.sub(pattern, "…", text)
    return [found[0] for found in SENTENCE.finditer(text)]


def page_text(page: str) -> str:
    """What people read of a page."""
    page = re.sub(r"(?s)<(style|script|code|title)\b.*?</\1>", " … ", page)
    shown = re.sub(r'(?s).*?(?:aria-label|title|placeholder)="([^"]*)"', r" \1 …", page)
    return html.unescape(re.sub(r"<[^>]*>", " … ", page) + " … " + shown)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("world")
    (folder / "scripts").mkdir()
    with (
        healthy_server() as well,
        healthy_server(Answer(500, '{"status": "down", "error": "模型未載入"}'.encode())) as ill,
    ):
        values = {"folder": folder, "closed": free_port(), "well": well.url, "ill": ill.url}
        (folder / "heartbeat.toml").write_text(CONFIG.format(**values), encoding="utf-8")
        assert heartbeat(folder, "config", "check").code == 0, heartbeat(folder, "config", "check")
        heartbeat(folder, "check", "--all")
        heartbeat(folder, "status")
        for _ in range(3):
            heartbeat(folder, "run")
        yield folder


COMMANDS = [
    *(
        "check --all",
        "status",
        "detect --dry-run",
        "detect",
        "recover",
        "recover --dry-run",
        "recover --component main",
    ),
    *("recover --component ill --force", "recover --component say --force", "run -v", "notify", "notify --test log"),
    *("notify --test hook", "notify --test nothing", "ack", "ack chat", "ack nothing", "ack --undo", "silence"),
    *(
        "silence chat --for 5 --reason 測試",
        "silence --end nothing",
        "maintenance",
        "maintenance ill",
        "beat job --fail -m 失敗",
    ),
    *("beat nothing", "doctor", "report --date today", "report --date today --format markdown", "report --date never"),
    *(
        "report --date 2099-01-01",
        "report --date today --send",
        "report --date today --send --again",
        "replay --date today",
    ),
    *("replay --date today --set fail_threshold=1", "replay --set nothing=1", "replay --set fail_threshold=x"),
    *(
        "replay --from-file nothing",
        "strategy",
        "strategy set nothing",
        "strategy set normal",
        "alerts",
        "alerts nothing",
    ),
    *("alerts --since never", "observers", "observers --forget nothing", "observers --forget 本機", "prune", "crontab"),
    *("dashboard -o page.html --badges badges", "metrics -o /no/folder/here", "status", "check --component nothing"),
]


@pytest.mark.parametrize("words", dict.fromkeys(COMMANDS))
def test_a_command(world: Path, words: str) -> None:
    ended = heartbeat(world, *words.split())
    assert "Traceback" not in ended.err
    assert sentences(ended.out if words != "crontab" else "") + sentences(ended.err) == [], ended


def test_every_alert_and_message(world: Path) -> None:
    listed = json.loads(heartbeat(world, "alerts", "--format", "json").out)
    assert len({one["alert_type"] for one in listed}) >= 6
    for one in listed:
        shown = heartbeat(world, "alerts", one["alert_id"]).out
        assert sentences(shown) == [], shown
    sent = [json.loads(line) for line in (world / "messages").read_text().splitlines()]
    assert sent
    for message in sent:
        assert sentences(message["title"] + "\n" + message["text"]) == [], message["text"]


@pytest.mark.parametrize("words", ["dashboard -o -", "report --date today --format html"])
def test_a_page(world: Path, words: str) -> None:
    assert sentences(page_text(heartbeat(world, *words.split()).out)) == []


def test_the_judge_finds_a_sentence() -> None:
    assert sentences("組件 main：connection refused by localhost") == ["connection refused by localhost"]
    assert sentences("請執行 `heartbeat crontab --install`，HTTP 500 Internal Server Error，5 ms") == []
