"""Alerts: written once, with who is to hear of them, and read back."""

from typing import Any

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.store.outbox import alerts, outbox
from heartbeat_cli.store.sql.database import Database
from tests.parts.outbox import claim, settle

NOW = 1_795_348_800.0
CHANNELS = ["mail", "tg"]


def alert(name: str, at: float = NOW, incident: str | None = None, **details: Any) -> Alert:
    return Alert(name, "agent_down", "high", "Main is down", "main", at, incident, "3 failing checks", details)


def test_an_alert_is_kept_once_with_all_it_says(store: Database) -> None:
    full = alert("a", incident="main@1", cause="缺 🎉", started=NOW - 60, attempts=[["systemd", "done", "ok"]])
    assert alerts.add(store, full, CHANNELS, NOW)
    assert not alerts.add(store, full._replace(title="again"), ["other"], NOW)
    assert alerts.between(store, NOW, NOW + 1) == [full]
    assert [(one.channel, one.state) for one in alerts.deliveries(store, ["a"])] == [
        ("mail", "waiting"), ("tg", "waiting")
    ]  # fmt: skip
    rows = store.rows("SELECT alert_id, alert_type, severity, title, component FROM heartbeat_alerts")
    assert rows == [("a", "agent_down", "high", "Main is down", "main")]


def test_alerts_of_a_span_newest_first(store: Database) -> None:
    for number in range(5):
        alerts.add(store, alert(f"a{number}", NOW + number), (), NOW)
    assert [one.id for one in alerts.between(store, NOW + 1, NOW + 4)] == ["a3", "a2", "a1"]
    assert [one.id for one in alerts.between(store, NOW, NOW + 99, limit=2)] == ["a4", "a3"]


def test_everyone_who_was_told_anything_of_an_incident(store: Database) -> None:
    alerts.add(store, alert("down", incident="main@1"), ["tg"], NOW)
    alerts.add(store, alert("failed", incident="main@1"), ["mail", "tg"], NOW)
    alerts.add(store, alert("other", incident="db@1"), ["sms"], NOW)
    alerts.add(store, alert("muted", incident="gw@1"), [], NOW)
    assert alerts.notified_channels(store, "main@1") == ["mail", "tg"]
    assert alerts.notified_channels(store, "gw@1") == []
    alerts.add(store, alert("late", incident="main@1"), ["sms"], NOW, {"sms": NOW + 9_000})
    assert alerts.notified_channels(store, "main@1") == ["mail", "sms", "tg"]


def test_who_refused_it_or_gave_it_away_has_not_heard_of_it(store: Database) -> None:
    alerts.add(store, alert("down", incident="main@1"), ["hook", "mail", "tg"], NOW)
    settle(store, claim(store, NOW, "hook"), "no", NOW, retryable=False)
    settle(store, claim(store, NOW, "tg"), "no", NOW, common=ChannelCommon(fallback="log", fallback_after=0))
    settle(store, claim(store, NOW, "mail"), None, NOW)
    assert alerts.notified_channels(store, "main@1") == ["log", "mail"]


def test_what_is_told_later(store: Database) -> None:
    alerts.add(store, alert("a"), CHANNELS, NOW, {"tg": NOW + 32_400})
    assert list(outbox.ready(store, NOW, 60.0, CHANNELS)) == ["mail"]
    assert list(outbox.ready(store, NOW + 32_400, 60.0, CHANNELS)) == CHANNELS


def test_foreign_text_in_an_alert(store: Database) -> None:
    nasty = "nul \0 half \ud800 whole 🎉"
    alerts.add(store, alert("a", cause=nasty, evidence={"log": nasty * 1000})._replace(title=nasty), ["tg"], NOW)
    (one,) = claim(store, NOW, "tg").notifications
    assert one.alert.title == one.alert.details["cause"] == "nul  half ? whole 🎉"
