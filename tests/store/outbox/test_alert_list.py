"""Alerts by filter, and how they stand, on both stores."""

import pytest

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.component import Severity
from heartbeat_cli.store.outbox import alert_list, alerts
from heartbeat_cli.store.outbox.alert_list import AlertFilter
from heartbeat_cli.store.sql.database import Database

NOW = 1_795_348_800.0


def add(db: Database, component: str, kind: str, severity: Severity, at: float, channels: tuple[str, ...] = ()) -> None:
    id_ = f"{component}@{at:.0f}/{kind}"
    alerts.add(db, Alert(id_, kind, severity, "t", component, at, None, "r"), channels, at)


@pytest.fixture
def full(store: Database) -> Database:
    add(store, "main", "agent_down", "high", NOW, ("tg", "mail"))
    add(store, "main", "agent_slow", "low", NOW + 1, ("tg",))
    add(store, "db", "database_down", "severe", NOW + 2)
    add(store, "m%in", "agent_down", "medium", NOW + 3, ("old",))
    for channel, state in (("tg", "sent"), ("mail", "failed"), ("old", "handed_over")):
        store.run("UPDATE heartbeat_outbox SET state = ?, last_error = 'no' WHERE channel = ?", (state, channel))
    return store


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AlertFilter(), ["m%in", "db", "main", "main"]),
        (AlertFilter(components=["main"]), ["main", "main"]),
        (AlertFilter(components=[]), []),
        (AlertFilter(types=["*_down"]), ["m%in", "db", "main"]),
        (AlertFilter(types=["agent?slow", "database_down"]), ["db", "main"]),
        (AlertFilter(types=["agent%"]), []),
        (AlertFilter(severities=["high", "severe"]), ["db", "main"]),
        (AlertFilter(since=NOW + 2), ["m%in", "db"]),
        (AlertFilter(since=NOW + 1, until=NOW + 2), ["main"]),
        (AlertFilter(undelivered=True), ["main"]),
        (AlertFilter(components=["main", "db"], types=["*_down"], severities=["severe"], since=NOW), ["db"]),
    ],
)
def test_filters(full: Database, wanted: AlertFilter, found: list[str]) -> None:
    assert [one.component for one in alert_list.select(full, wanted, 99)] == found
    assert [one.component for one in alert_list.select(full, wanted, 1)] == found[:1]


def test_by_id_and_by_its_beginning(full: Database) -> None:
    def ids(beginning: str) -> list[str]:
        return [one.id for one in alert_list.find(full, beginning)]

    first, second = f"main@{NOW:.0f}/agent_down", f"main@{NOW + 1:.0f}/agent_slow"
    assert ids("main") == [second, first]
    assert ids(first) == [first]
    assert ids("m%in") == [f"m%in@{NOW + 3:.0f}/agent_down"]
    assert ids("m_in") == ids("MAIN") == ids("m*in") == ids("nothing") == []
    add(full, "main", "agent_down_longer", "low", NOW)
    assert ids(first) == [first], "the whole id, though another begins so"


def test_how_they_stand_takes_one_question(full: Database) -> None:
    found = alert_list.select(full, AlertFilter(), 99)
    before = full.statements
    notified = alert_list.notifications(full, [one.id for one in found])
    assert full.statements == before + 1
    assert [[f"{one.channel} {one.state}" for one in notified[one.id]] for one in found] == [
        ["old handed_over"],
        [],
        ["tg sent"],
        ["mail failed", "tg sent"],
    ]
    mail = notified[found[3].id][0]
    assert (mail.attempts, mail.created, mail.sent, mail.last_error, mail.note) == (0, NOW, None, "no", None)
    assert alert_list.notifications(full, []) == {}


def test_whatever_there_are_alerts_about(full: Database) -> None:
    assert alert_list.components(full) == ["db", "m%in", "main"]
