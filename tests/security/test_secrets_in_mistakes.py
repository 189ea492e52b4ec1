"""A mistake in the configuration is said without the secret that it is about, and so is what is wrong with an entry of
a file: that goes into messages, the store and to `ping_url`, too."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from heartbeat_cli.redact import BLOT
from tests.parts.verb import heartbeat

_AGENT = '[components.a]\nkind = "agent"\n'
_MAIL = '[channels.m]\nkind = "email"\nhost = "mail.example.org"\nfrom = "a@example.org"\nto = ["b@example.org"]\n'
_HOOK = '[channels.h]\nkind = "webhook"\nurl = "http://127.0.0.1:1/"\n'
_MISTAKES = {
    "a number": (f"{_MAIL}password = 8374920199", "channels.m.password: expected a string, got a number"),
    "a list": (f'{_HOOK}secret = ["8374920199"]', "channels.h.secret: expected a string, got a list"),
    "a header": (f'{_AGENT}url = "http://127.0.0.1:1/"\nheaders = {{ X-Key = 8374920199 }}', "got a number"),
    "headers in one": (f'{_AGENT}url = "http://127.0.0.1:1/"\nheaders = "X-Key: 8374920199"', "got a string"),
    "a body": (f'{_AGENT}url = "http://127.0.0.1:1/"\nbody = ["8374920199"]', "got a list"),
    "a variable": ('[components.a]\nkind = "command"\ncommand = ["true"]\nenv = { PIN = 8374920199 }', "got a number"),
    "a DSN that is cut": (
        '[components.a]\nkind = "database"\n'
        'dsn = ["postgresql://a_user_with_a_long_name:8374920199-and-what-is-longer-than-a-line-shows@db/x"]',
        "components.a.dsn: expected a string, got",
    ),
    "a DSN with a password that is longer than a line": (
        f'[components.a]\nkind = "database"\ndsn = ["postgresql://user:8374920199{"x" * 1_100}@h/x"]',
        'components.a.dsn: expected a string, got ["postgresql://user:•••@h/x"]',
    ),
    "no scheme": (f'{_AGENT}url = "http//svc:8374920199@h/x"', "is not an address like"),
    "one slash": (f'{_AGENT}url = "http:/svc:8374920199@h/x"', "is not an address like"),
    "another scheme": (f'{_AGENT}url = "ftp://8374920199:@h/x"', "is not an address like"),
}


@pytest.mark.parametrize(("written", "said"), _MISTAKES.values(), ids=_MISTAKES)
def test_the_value_of_a_mistake_is_not_said(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "heartbeat.toml").write_text(f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n{written}\n')
    for verb in (["config", "check"], ["run"]):
        done = heartbeat(tmp_path, *verb)
        assert done.code == 2 and said in done.out + done.err, done
        assert "8374920199" not in done.out + done.err


def test_an_id_that_sounds_like_a_secret_hides_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components.token-store]\nkind = "tcp"\nhost = "h"\nport = "x"\n'
    )
    done = heartbeat(tmp_path, "config", "check")
    assert 'components.token-store.port: expected a whole number, got "x"' in done.out + done.err


@pytest.mark.parametrize(
    ("block", "entry"),
    [
        ('url = "http://127.0.0.1:1/"\nheaders = { X-Key = "{pin}" }', 8374920199),
        ('url = "{pin}"', "http//svc:8374920199@h/x"),
    ],
)
def test_nor_that_of_an_entry_of_a_file(tmp_path: Path, block: str, entry: object) -> None:
    (tmp_path / "rows.json").write_text(json.dumps([{"n": "a", "pin": entry}]))
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n[components."w-{{n}}"]\nkind = "agent"\n'
        f'each = {{ from_file = "rows.json" }}\n{block}\n'
    )
    said = ""
    for verb in (["run"], ["status"], ["config", "check"]):
        done = heartbeat(tmp_path, *verb)
        said += done.out + done.err
    with closing(sqlite3.connect(tmp_path / "state/heartbeat.db")) as db:
        said += "\n".join(db.iterdump())
    assert "w-a" in said and "8374920199" not in said


def test_a_figure_of_a_query_is_not_called_after_a_secret(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "app.db")) as db, db:
        db.execute("CREATE TABLE jobs (q text, age int)")
        db.execute("INSERT INTO jobs VALUES ('4f9aQ2xk77Zp3mLw', 900)")
    (tmp_path / "secret").write_text("4f9aQ2xk77Zp3mLw")
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstate_dir = "{tmp_path}/state"\n{_HOOK}secret = "file:secret"\n'
        f'[components.jobs]\nkind = "sql"\ndsn = "sqlite:///{tmp_path}/app.db"\nquery = "SELECT q, age FROM jobs"\n'
        'label = "q"\nchecks = [{ column = "age", op = "<", critical = 100 }]\n'
    )
    done = heartbeat(tmp_path, "check", "--all", "--format", "json")
    said = done.out + done.err
    assert heartbeat(tmp_path, "run").code == 0
    with closing(sqlite3.connect(tmp_path / "state/heartbeat.db")) as db:
        said += "\n".join(db.iterdump())
    assert BLOT in said and "4f9aQ2xk77Zp3mLw" not in said, done
