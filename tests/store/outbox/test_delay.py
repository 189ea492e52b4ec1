"""A declaration that waits for recovery, and what it goes out with."""

import pytest

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.store.outbox import alerts, delay
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states
from tests.parts.outbox import claim, settle, taken

NOW, UNTIL = 1_795_348_800.123, 1_795_348_802.123


def declared(db: Database, id_: str = "main", kind: str = "agent_down", at: float = NOW, quiet: float = NOW) -> None:
    """An open fault of a component, with its notification, or what comes after it."""
    incident = f"{id_}@1"
    if kind.endswith("_down"):
        states.save_incident(db, Incident(incident, id_, "agent", "high", "no route", NOW - 60, NOW))
    alert = Alert(f"{incident}/{kind}", kind, "high", f"{id_} is down", id_, at, incident, "3 failing checks")
    alerts.add(db, alert, ["tg"], at, later={"tg": quiet})


def test_it_waits_until_then_and_whoever_comes_after_that_sends_it(store: Database) -> None:
    declared(store)
    assert delay.delay(store, ["main"], NOW, UNTIL)
    assert taken(store, NOW + 1.9, "tg") == []
    assert taken(store, UNTIL, "tg") == ["main@1/agent_down/tg"]


def test_it_goes_at_once_when_it_is_released_together_with_the_handoff(store: Database) -> None:
    declared(store)
    delay.delay(store, ["main"], NOW, UNTIL)
    declared(store, kind="recovery_failed", at=NOW + 0.5)
    assert taken(store, NOW + 0.5, "tg") == [], "the handoff does not go before the declaration"
    delay.release(store, NOW + 0.5, UNTIL)
    assert sorted(taken(store, NOW + 0.5, "tg")) == ["main@1/agent_down/tg", "main@1/recovery_failed/tg"]


def test_nothing_else_waits(store: Database) -> None:
    for id_, kind in (("chat", "agent_down"), ("slow", "agent_slow")):
        declared(store, id_, kind)
    assert not delay.delay(store, ["main", "slow"], NOW, UNTIL)
    assert sorted(taken(store, NOW, "tg")) == ["chat@1/agent_down/tg", "slow@1/agent_slow/tg"]


def test_what_has_been_tried_or_waits_for_the_morning_keeps_its_time(store: Database) -> None:
    declared(store)
    settle(store, claim(store, NOW, "tg"), "no route", NOW, retry_after=30)
    declared(store, "chat", quiet=NOW + 3600)
    assert not delay.delay(store, ["main", "chat"], NOW + 30, NOW + 32)
    delay.release(store, NOW, NOW + 32)
    sent = claim(store, NOW + 30, "tg")
    assert [one.id for one in sent.notifications] == ["main@1/agent_down/tg"]
    settle(store, sent, None, NOW + 30)
    assert taken(store, NOW + 40, "tg") == [] and taken(store, NOW + 3600, "tg") == ["chat@1/agent_down/tg"]


def test_what_is_tried_again_within_the_run_keeps_its_time(store: Database) -> None:
    """Such a try counts as no attempt."""
    declared(store)
    store.run("UPDATE heartbeat_outbox SET failing_since = to_timestamp(?)", (NOW,))
    assert not delay.delay(store, ["main"], NOW, UNTIL)
    store.run("UPDATE heartbeat_outbox SET next_try = to_timestamp(?)", (UNTIL,))
    delay.release(store, NOW, UNTIL)
    delay.release_left(store, NOW, 2.0)
    assert taken(store, NOW + 1.9, "tg") == []


@pytest.mark.parametrize("kind", ["recovery_failed", "recovery_denied", "recovery_held"])
def test_a_channel_that_took_nothing_until_recovery_had_ended_gets_both_at_once(store: Database, kind: str) -> None:
    declared(store)
    settle(store, claim(store, NOW, "tg"), "no route", NOW, retry_after=30)
    declared(store, kind=kind, at=NOW + 20)
    declared(store, kind="reminder", at=NOW + 25)
    sent = claim(store, NOW + 30, "tg")
    assert sorted(one.id for one in sent.notifications) == ["main@1/agent_down/tg", f"main@1/{kind}/tg"]
    settle(store, sent, None, NOW + 30)
    assert taken(store, NOW + 30, "tg") == ["main@1/reminder/tg"]
