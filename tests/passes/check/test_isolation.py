"""A host that is cut off blames itself: on real sockets, with what it can and cannot reach."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load as config
from heartbeat_cli.domain.checking.isolation import is_remote
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.passes.check import check, isolation
from heartbeat_cli.passes.detect import detect
from heartbeat_cli.store.sql import database, schema
from tests.parts.hostile import full_backlog, unused_port

SILENT = "192.0.2.1"  # TEST-NET-1 (RFC 5737): nobody is there; nothing is sent to it here, it only counts as remote


def load(folder: Path, reference: list[str], **components: Any) -> config.Config:
    return config.load(
        {"heartbeat": {"state_dir": str(folder), "reference": reference}, "components": components}, "test"
    )


def agents(count: int) -> dict[str, Any]:
    return {f"a{n}": {"kind": "agent", "url": f"http://{SILENT}:8000/"} for n in range(count)}


ERROR, WELL = Reading("error", error="no answer"), Reading("healthy")


@pytest.mark.parametrize(
    ("host", "remote"),
    [
        *((local, False) for local in ("localhost", "127.0.0.1", "::1", "/run/pg", None, "")),
        *((far, True) for far in ("example.org", "10.0.0.1", "2001:db8::1")),
    ],
)
def test_what_takes_a_network(host: str | None, remote: bool) -> None:
    assert is_remote(host) is remote


def test_a_database_names_its_host(tmp_path: Path) -> None:
    dsns = {
        "url": "postgresql://u:p@db.example.org:5432/x",
        "words": "host=db.example.org dbname=x",
        "local": "postgresql:///x?host=/run/postgresql",
        "here": "postgresql://localhost/x",
    }
    parts = {id_: {"kind": "database", "dsn": dsn} for id_, dsn in dsns.items()}
    assert isolation.remote(load(tmp_path, [], **parts)) == ["url", "words"]


@pytest.mark.whole
def test_all_silent_and_the_reference_too(tmp_path: Path) -> None:
    with ExitStack() as stack:
        mute = stack.enter_context(full_backlog()).split("//")[-1].rstrip("/")
        made = load(tmp_path, [mute], **agents(2))
        reason = isolation.self_isolation(made, {"a0": ERROR, "a1": ERROR})
        assert reason == f"this host is cut off: {mute} did not answer either"
        assert isolation.self_isolation(made, {"a0": ERROR, "a1": WELL}) is None, "one that answers proves the network"
        assert isolation.self_isolation(made, {"a0": ERROR}) is None, "one alone is its own fault"


def test_a_reference_that_refuses_has_answered(tmp_path: Path) -> None:
    made = load(tmp_path, [f"127.0.0.1:{unused_port()}"], **agents(2))
    assert isolation.self_isolation(made, {"a0": ERROR, "a1": ERROR}) is None


def test_without_reference_nothing_is_excused(tmp_path: Path) -> None:
    assert isolation.self_isolation(load(tmp_path, [], **agents(3)), dict.fromkeys(("a0", "a1", "a2"), ERROR)) is None


def test_isolated_checks_move_nothing_and_are_reported_once(tmp_path: Path) -> None:
    """Five blind passes: no incident, one message that it began, one that it is over."""
    with full_backlog() as url:
        made = load(tmp_path, [url.split("//")[-1].rstrip("/")], **agents(2))
    db = database.connect(f"sqlite:///{tmp_path}/db", 3)
    schema.migrate(db)
    said = []
    for number in range(6):
        cut_off = number < 5
        done = check.Pass(
            f"p{number}", made.observer, 1000.0 + 60 * number, 1001.0 + 60 * number, "cut off" if cut_off else None
        )
        one = Reading("unknown", error="cut off") if cut_off else WELL
        check.save(db, made, check.Checked(done, {"a0": one, "a1": one}, 60.0))
        said += [verdict.decision for verdict in detect.detect(db, made, 1001.0 + 60 * number)]
    assert said == ["observer_blind", "observer_sees"]
    assert db.rows("SELECT alert_type, reason FROM heartbeat_alerts ORDER BY alert_time") == [
        ("observer_blind", "cut off"),
        ("observer_sees", "remote components answer again after 5 min"),
    ]
    assert db.rows("SELECT count(*) FROM heartbeat_incidents") == [(0,)]
    db.close()


def test_a_pass_that_asked_nothing_remote_does_not_say_that_it_is_over(tmp_path: Path) -> None:
    """While a step is under way, or a failure is confirmed, a pass may be about one component of this host."""
    with full_backlog() as url:
        here = {"kind": "command", "command": ["true"]}
        made = load(tmp_path, [url.split("//")[-1].rstrip("/")], **agents(2), here=here)
    db = database.connect(f"sqlite:///{tmp_path}/db", 3)
    schema.migrate(db)
    blind = Reading("unknown", error="cut off")
    seen = [{"a0": blind, "a1": blind, "here": WELL}, {"here": WELL}, {"a0": WELL}]
    said = []
    for number, readings in enumerate(seen):
        done = check.Pass(f"p{number}", made.observer, 1000.0 + number, 1001.0 + number, None if number else "cut off")
        check.save(db, made, check.Checked(done, readings, 60.0))
        said.append([verdict.decision for verdict in detect.detect(db, made, 1002.0 + number)])
    assert said == [["observer_blind"], [], ["observer_sees"]]
    db.close()
