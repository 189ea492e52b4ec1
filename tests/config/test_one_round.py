"""All mistakes in one round: what one key hides is no second round of mending."""

import tomllib

import pytest

from heartbeat_cli.config import load
from heartbeat_cli.config.kind_words import _OTHERS
from heartbeat_cli.errors import ConfigError

TEXT = """
[heartbeat]
store_timeout = "x"
timezone = "Mars/Olympus"
strategy = "agressive"
[recovery]
backoff = "x"
budget = 0
[channels.mail]
kind = "mail"
rate = "x"
fallback = "nobody"
[components.a]
kind = "agent"
url = "ftp://localhost/"
timeout = "x"
interval = 0
depends_on = ["z"]
channels = ["none"]
max_body = "x"
expect = "regex"
pattern = "("
[components.b]
kind = "http"
fail_threshold = 0
[components.c]
kind = "tcp"
port = 70000
[maintenance.m]
components = ["q"]
recovery = 1
"""


def test_each_mistake_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        load.load(tomllib.loads(TEXT), "f")
    keys = sorted(line.removeprefix("f: ").partition(": ")[0] for line in refused.value.problems)
    assert keys == [
        "channels.mail.fallback",
        "channels.mail.kind",
        "channels.mail.rate",
        "components.a.channels",
        "components.a.depends_on",
        "components.a.interval",
        "components.a.max_body",
        "components.a.pattern",
        "components.a.timeout",
        "components.a.url",
        "components.b.fail_threshold",
        "components.b.kind",
        "components.c.host",
        "components.c.port",
        "heartbeat.store_timeout",
        "heartbeat.strategy",
        "heartbeat.timezone",
        "maintenance.m.components",
        "maintenance.m.recovery",
        "recovery.backoff",
        "recovery.budget",
    ]


@pytest.mark.parametrize(
    ("room", "word", "kind"),
    [("components", "http", "agent"), ("components", "postgres", "database"), ("channels", "smtp", "email")],
)
def test_what_others_call_a_kind_is_known(room: str, word: str, kind: str) -> None:
    with pytest.raises(ConfigError, match=f'unknown kind "{word}"; did you mean {kind}\\?'):
        load.load({room: {"x": {"kind": word}}}, "f")


def test_a_word_stands_for_one_kind() -> None:
    for package in _OTHERS.values():
        words = [word for text in package.values() for word in text.split()]
        assert len(set(words)) == len(words)
