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
    (kept,) = json.loads(heartbeat(tmp_path, "alerts", "--format", "json").out)
    assert kept["alert_type"] == "test" and [(one["channel"], one["state"]) for one in kept["notifications"]] == [
        ("log", "sent")
    ]


def test_a_trial_speaks_in_the_zone_and_language_of_all_messages(tmp_path: Path) -> None:
    Outage(
        tmp_path, also='[heartbeat]\ntimezone = "Asia/Hong_Kong"\nlocale = "zh-HK"\n' + FILE.format(tmp_path / "log")
    )
    assert heartbeat(tmp_path, "notify", "--test", "log").code == 0
    said = json.loads((tmp_path / "log").read_text())
    assert said["title"] == "測試訊息" and said["text"].splitlines()[-1].endswith("Asia/Hong_Kong")


def test_a_trial_needs_no_store(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    store = '[heartbeat]\nstore = "postgresql://nobody@127.0.0.1:1/x"\nstate_dir = "state"\n'
    Outage(tmp_path, also=store + FILE.format(tmp_path / "log"))
    ended = heartbeat(tmp_path, "notify", "--test", "log")
    assert ended[:2] == (0, "log: sent\n") and ended.err.startswith("heartbeat: the test is not recorded: ")


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
