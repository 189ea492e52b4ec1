"""Alerts and the outbox: written once, claimed by one, in order, and again when the one died."""

from typing import Any

from heartbeat_cli.domain.alert import Alert
from heartbeat_cli.store import alerts
from heartbeat_cli.store.database import Database
from tests.parts.stores import elsewhere

NOW = 1_795_348_800.0
LEASE = 60.0
CHANNELS = ["mail", "tg"]


def alert(name: str, at: float = NOW, incident: str | None = None, **details: Any) -> Alert:
    return Alert(name, "agent_down", "high", "Main is down", "main", at, incident, "3 failing looks", details)


def claim(db: Database, now: float, limit: int = 1000, owner: str = "me") -> list[str]:
    return [one.id for one in alerts.claim(db, owner, now, LEASE, CHANNELS, limit)]


def test_an_alert_is_kept_once_with_all_it_says(store: Database) -> None:
    full = alert("a", incident="main@1", cause="缺 🎉", started=NOW - 60, attempts=[["systemd", "done", "ok"]])
    assert alerts.add(store, full, CHANNELS, NOW)
    assert not alerts.add(store, full._replace(title="again"), ["other"], NOW)
    assert alerts.between(store, NOW, NOW + 1) == [full]
    assert sorted(claim(store, NOW)) == ["a/mail", "a/tg"]
    rows = store.rows("SELECT alert_id, alert_type, severity, title, component FROM heartbeat_alerts")
    assert rows == [("a", "agent_down", "high", "Main is down", "main")]


def test_alerts_of_a_span_newest_first(store: Database) -> None:
    for number in range(5):
        alerts.add(store, alert(f"a{number}", NOW + number), (), NOW)
    assert [one.id for one in alerts.between(store, NOW + 1, NOW + 4)] == ["a3", "a2", "a1"]
    assert [one.id for one in alerts.between(store, NOW, NOW + 99, limit=2)] == ["a4", "a3"]


def test_a_lease_keeps_others_away_until_it_expires(store: Database) -> None:
    alerts.add(store, alert("a"), ["tg"], NOW)
    assert claim(store, NOW) == ["a/tg"]
    assert claim(store, NOW + 1, owner="other") == [] == claim(store, NOW + LEASE - 1)
    assert claim(store, NOW + LEASE, owner="other") == ["a/tg"]  # who had it has died
    alerts.mark_sent(store, "a/tg", NOW + LEASE)
    assert claim(store, NOW + 999) == []
    (sent,) = alerts.deliveries(store, ["a"])
    assert (sent.state, sent.attempts, sent.sent, sent.last_error) == ("sent", 1, NOW + LEASE, None)


def test_what_failed_waits_for_its_next_try(store: Database) -> None:
    alerts.add(store, alert("a"), ["tg"], NOW)
    claim(store, NOW)
    alerts.mark_failed(store, "a/tg", "no \0route", NOW + 30)
    assert claim(store, NOW + 29) == []
    (one,) = alerts.claim(store, "me", NOW + 30, LEASE, CHANNELS)
    assert (one.id, one.attempts, one.created, one.channel) == ("a/tg", 1, NOW, "tg")
    alerts.mark_failed(store, "a/tg", "chat not found", None)
    assert claim(store, NOW + 9999) == []
    assert alerts.undelivered(store) == 0
    (sent,) = alerts.deliveries(store, ["a"])
    assert (sent.state, sent.attempts, sent.last_error) == ("failed", 2, "chat not found")


def test_only_channels_that_are_there_are_claimed(store: Database) -> None:
    alerts.add(store, alert("a"), ["gone", "tg"], NOW)
    assert claim(store, NOW) == ["a/tg"]
    assert alerts.claim(store, "me", NOW, LEASE, []) == []
    assert alerts.undelivered(store) == 2


def test_the_end_of_an_incident_waits_for_its_beginning(store: Database) -> None:
    """DOWN could not be sent and is to be tried later: RESOLVED must not overtake it on that channel."""
    alerts.add(store, alert("down", NOW, "main@1"), CHANNELS, NOW)
    assert claim(store, NOW) == ["down/mail", "down/tg"]
    alerts.mark_sent(store, "down/mail", NOW)
    alerts.mark_failed(store, "down/tg", "no route", NOW + 500)
    alerts.add(store, alert("recovered", NOW + 60, "main@1"), CHANNELS, NOW + 60)
    alerts.add(store, alert("unrelated", NOW + 60, "db@1"), CHANNELS, NOW + 60)
    assert claim(store, NOW + 60) == ["recovered/mail", "unrelated/mail", "unrelated/tg"]
    assert claim(store, NOW + 500) == ["down/tg", "recovered/mail", "unrelated/mail", "unrelated/tg"]
    alerts.mark_failed(store, "down/tg", "chat not found", None)
    assert claim(store, NOW + 500) == ["recovered/tg"]


def test_oldest_first_and_no_more_than_asked_for(store: Database) -> None:
    for number in (3, 1, 2):
        alerts.add(store, alert(f"a{number}", NOW - 10 + number), ["tg"], NOW)
    assert [claim(store, NOW, limit=1) for _ in range(4)] == [["a1/tg"], ["a2/tg"], ["a3/tg"], []]


def test_a_clock_put_back_holds_nothing_up(store: Database) -> None:
    alerts.add(store, alert("a"), ["tg"], NOW)
    assert claim(store, NOW - 3600) == ["a/tg"]  # written an hour "later"
    alerts.mark_failed(store, "a/tg", "no route", NOW + 30)
    assert claim(store, NOW - 3600) == ["a/tg"]
    assert claim(store, NOW - 7200, owner="other") == ["a/tg"]  # its lease ends further away than any lease can


def test_everyone_who_was_told_anything_of_an_incident(store: Database) -> None:
    alerts.add(store, alert("down", incident="main@1"), ["tg"], NOW)
    alerts.add(store, alert("failed", incident="main@1"), ["mail", "tg"], NOW)
    alerts.add(store, alert("other", incident="db@1"), ["sms"], NOW)
    alerts.add(store, alert("muted", incident="gw@1"), [], NOW)
    assert alerts.told(store, "main@1") == ["mail", "tg"]
    assert alerts.told(store, "gw@1") == []


def test_foreign_text_in_an_alert(store: Database) -> None:
    nasty = "nul \0 half \ud800 whole 🎉"
    alerts.add(store, alert("a", cause=nasty, evidence={"log": nasty * 1000})._replace(title=nasty), ["tg"], NOW)
    (one,) = alerts.claim(store, "me", NOW, LEASE, ["tg"])
    assert one.alert.title == one.alert.details["cause"] == "nul  half ? whole 🎉"


_CLAIM = """
from heartbeat_cli.store import alerts
import os
for _ in range(60):
    for one in alerts.claim(db, str(os.getpid()), float(sys.argv[2]), 60.0, ["tg"], limit=int(sys.argv[3])):
        print(one.id)
"""


def test_two_claimers_at_once_never_get_the_same(store: Database, store_url: str) -> None:
    for number in range(200):
        alerts.add(store, alert(f"a{number}"), ["tg"], NOW)
    said = [set(out.split()) for out in elsewhere(store_url, _CLAIM, NOW, 5)]
    assert said[0].isdisjoint(said[1])
    assert len(said[0] | said[1]) == 200
