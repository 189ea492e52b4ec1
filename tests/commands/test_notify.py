"""`heartbeat notify`: what waits goes out, and a channel can be tried."""

import json
from pathlib import Path

from tests.parts.outage import Outage
from tests.parts.verb import heartbeat

FILE = '[channels.log]\nkind = "file"\npath = "{}"\n'


def test_a_trial(tmp_path: Path) -> None:
    Outage(tmp_path, also=FILE.format(tmp_path / "log"))
    assert heartbeat(tmp_path, "notify", "--test", "log") == (0, "log: sent\n", "")
    assert json.loads((tmp_path / "log").read_text())["type"] == "test"


def test_a_trial_that_fails(tmp_path: Path) -> None:
    Outage(tmp_path, also=FILE.format("/dev/full"))
    assert heartbeat(tmp_path, "notify", "--test", "log") == (1, "log: /dev/full: No space left on device\n", "")


def test_a_trial_shows_no_secret(tmp_path: Path) -> None:
    Outage(tmp_path, also='[channels.log]\nkind = "file"\npath = "env:WHERE"\n')
    ended = heartbeat(tmp_path, "notify", "--test", "log", WHERE="/none/s3cret-place/log")
    assert ended == (1, "log: •••: No such file or directory\n", "")


def test_the_trial_of_a_channel_whose_secret_is_away(tmp_path: Path) -> None:
    Outage(tmp_path, also='[channels.log]\nkind = "file"\npath = "env:WHERE"\n')
    ended = heartbeat(tmp_path, "notify", "--test", "log")
    assert (ended.code, ended.err) == (1, "")
    why = "environment variable WHERE is not set (cron starts with almost none)"
    assert ended.out == f"log: heartbeat.toml: channels.log.path: {why}\n"


def test_nothing_waits(tmp_path: Path) -> None:
    Outage(tmp_path)
    assert heartbeat(tmp_path, "notify") == (0, "", "")


def test_what_cannot_be_delivered_waits(tmp_path: Path) -> None:
    Outage(tmp_path, also=FILE.format(tmp_path / "none/log")).down()
    ended = heartbeat(tmp_path, "notify")
    assert (ended.code, ended.err) == (1, "1 still undelivered; the next run tries again\n")
