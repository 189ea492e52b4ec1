"""A PostgreSQL beyond this host that need not prove who it is: said before an impostor gets the password."""

import os
from pathlib import Path

import pytest

from heartbeat_cli.config import load
from heartbeat_cli.passes.doctor import connections
from tests.parts.verb import heartbeat

CONFIG = """
[heartbeat]
store = "{dsn}"
state_dir = "{folder}/state"
[components.db]
kind = "database"
dsn = "{dsn}"
[components.host]
kind = "host"
[components.host.recovery]
ladder = [{{ action = "postgres", dsn = "{dsn}" }}]
"""
ROOTS = "sslrootcert=/path/to/ca.pem"
FAR = "postgresql://hb:pa55word@db.example.org/hb"
CASES = [
    (FAR, f"add ?sslmode=verify-full&{ROOTS} at its end"),
    (f"{FAR}?connect_timeout=3", f"add &sslmode=verify-full&{ROOTS} at its end"),
    (f"{FAR}?sslrootcert=/ca.pem", "add &sslmode=verify-full at its end"),
    (f"{FAR}?sslmode=require", f"change sslmode=require to sslmode=verify-full and add {ROOTS}"),
    (f"{FAR}?sslmode=verify-ca&sslrootcert=/ca.pem", "change sslmode=verify-ca to sslmode=verify-full"),
    ("postgresql://localhost,10.0.0.9/hb", f"add ?sslmode=verify-full&{ROOTS} at its end"),
    ("postgresql://[fe80::1]:5433/hb", f"add ?sslmode=verify-full&{ROOTS} at its end"),
]
SAFE = [
    "postgresql:///hb",
    "postgresql://localhost/hb",
    "postgresql://127.0.0.1:5433/hb",
    "postgresql://[::1]/hb",
    "postgresql://%2Fvar%2Frun%2Fpostgresql/hb",
    f"postgresql://{os.uname().nodename}/hb",
    f"{FAR}?sslmode=verify-full&sslrootcert=/ca.pem",
    f"{FAR}?sslrootcert=system",
]


def written(folder: Path, dsn: str) -> Path:
    path = folder / "heartbeat.toml"
    path.write_text(CONFIG.format(dsn=dsn, folder=folder))
    return path


@pytest.mark.parametrize(("dsn", "advice"), CASES)
def test_it_is_said_with_what_to_write(dsn: str, advice: str, tmp_path: Path) -> None:
    found = list(connections.weak(load.read(written(tmp_path, dsn))))
    keys = ["heartbeat.store", "components.db.dsn", "components.host.recovery.ladder[0].dsn"]
    assert [(one.key, one.advice) for one in found] == [(key, advice) for key in keys]


@pytest.mark.parametrize("dsn", SAFE)
def test_nothing_is_said_of_what_is_safe(dsn: str, tmp_path: Path) -> None:
    assert list(connections.weak(load.read(written(tmp_path, dsn)))) == []


def test_words_of_keywords(tmp_path: Path) -> None:
    path = written(tmp_path, "postgresql:///hb")
    path.write_text(path.read_text().replace('dsn = "postgresql:///hb"', "dsn = 'host=db.example.org dbname=hb'", 1))
    assert [one.advice for one in connections.weak(load.read(path))] == [f"add sslmode=verify-full {ROOTS}"]


def test_config_check_warns_and_goes_on(tmp_path: Path) -> None:
    written(tmp_path, FAR)
    ended = heartbeat(tmp_path, "config", "check")
    text = "db.example.org need not prove who it is (sslmode=prefer): an impostor would get the password"
    assert (ended.code, ended.err.count("\n")) == (0, 3)
    advice = f"add ?sslmode=verify-full&{ROOTS} at its end"
    assert ended.err.splitlines()[0] == f"heartbeat: heartbeat.toml:3: heartbeat.store: warning: {text}; {advice}"
    assert "pa55word" not in ended.err


def test_doctor_warns(tmp_path: Path) -> None:
    path = written(tmp_path, "postgresql://hb@nowhere.invalid/hb")
    path.write_text(path.read_text().replace('store = "postgresql://hb@nowhere.invalid/hb"', ""))
    out = heartbeat(tmp_path, "doctor").out
    assert "warn  tls of components.db.dsn: nowhere.invalid need not prove who it is (sslmode=prefer)" in out
    assert f"→ add ?sslmode=verify-full&{ROOTS} at its end" in out


def test_the_example_shows_it() -> None:
    example = (Path(__file__).parent.parent.parent / "heartbeat.example.toml").read_text()
    assert "?sslmode=verify-full&sslrootcert=" in example
