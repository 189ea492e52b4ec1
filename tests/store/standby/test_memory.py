"""What else is remembered: beats, silences, preferences; and what is forgotten."""

from datetime import UTC, datetime

from heartbeat_cli.config.sections import Retention
from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.result import Metric, Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.store.history import passes, retention
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql import preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import beats, recoveries, silences, states
from heartbeat_cli.store.state.beats import Beat
from heartbeat_cli.store.state.silences import Silence
from tests.parts.outbox import claim, settle, taken

DAY = 86_400.0
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
MAIN, CHAT = Component("main", "agent", None), Component("chat", "agent", None)


def test_the_newest_twenty_beats_of_each_are_kept_in_order(store: Database) -> None:
    for number in range(50):
        beats.add(store, Beat("backup", NOW + number, "success", number))
        beats.add(store, Beat("other", NOW + number, "start", None, "hello", "r1"))
    found = beats.recent(store, "backup")["beats"]
    assert [one["exit_code"] for one in found] == list(range(30, 50))
    assert beats.recent(store, "other")["beats"][-1] == {
        "at": NOW + 49, "event": "start", "exit_code": None, "message": "hello", "rid": "r1"
    }  # fmt: skip
    assert store.rows("SELECT count(*) FROM heartbeat_beats") == [(40,)]


def test_a_beat_knows_since_when_its_component_is_registered(store: Database) -> None:
    assert beats.recent(store, "main") == {"beats": [], "registered": None}
    passes.save(store, Pass("p", "here", NOW, NOW), {"main": Reading("unknown")}, {"main": MAIN})
    assert beats.recent(store, "main")["registered"] == NOW


def test_a_beat_takes_any_text(store: Database) -> None:
    beats.add(store, Beat("backup", NOW, "fail", 3, "\0 \udce4 🎉" + "x" * 1_000_000, "\udcff"))
    (one,) = beats.recent(store, "backup")["beats"]
    assert one["message"].startswith(" ? 🎉x") and one["rid"] == "?"


def silence(id_: str, target: str, starts: float = NOW, ends: float = NOW + 60, kind: str = "silence") -> Silence:
    return Silence(id_, target, kind, starts, ends, "night \udcff shift", "kim")


def test_silences_are_in_force_from_their_start_to_before_their_end(store: Database) -> None:
    silences.add(store, silence("a", "main"))
    silences.add(store, silence("b", "main", NOW + 100, NOW + 200, "maintenance"))
    silences.add(store, silence("c", "main", NOW - 100, NOW))
    found = silences.active(store, NOW)
    assert [one.id for one in found] == ["a", "b"]
    assert found[0] == silence("a", "main")._replace(reason="night ? shift")
    assert [one.covers(MAIN, NOW) for one in found] == [True, False]
    assert [one.covers(MAIN, NOW + 60) for one in found] == [False, False]
    assert [one.covers(MAIN, NOW + 100) for one in found] == [False, True]
    assert [one.covers(CHAT, NOW) for one in found] == [False, False]
    for target in ("main", "agent", "m*", "*"):
        assert silence("x", target).covers(MAIN, NOW)


def test_a_silence_ends_once(store: Database) -> None:
    silences.add(store, silence("a", "main"))
    assert silences.end(store, "a", NOW + 1)
    assert not silences.end(store, "a", NOW + 2) and not silences.end(store, "nope", NOW)
    assert silences.active(store, NOW + 1) == []


def test_preferences_are_remembered_and_replaced(store: Database) -> None:
    assert preferences.get(store, "strategy") is None
    preferences.put(store, "strategy", "normal")
    preferences.put(store, "strategy", "aggressive")
    assert preferences.get(store, "strategy") == "aggressive"


def test_retention_drops_what_had_its_time(store: Database) -> None:
    reading = Reading("healthy", 0.1, metrics=(Metric("m", 1.0),))
    for ago in (100, 91, 89, 40, 20, 0):
        at = NOW - ago * DAY
        passes.save(store, Pass(f"p{ago}", "here", at, at), {"main": reading}, {"main": MAIN})
        if ago:
            passes.mark_detected(store, [one.key for one in passes.undetected(store, "here")])
    gone = retention.prune(store, Retention(), NOW)
    assert store.rows("SELECT count(*) FROM heartbeat_logs") == [(4,)]
    assert store.rows("SELECT count(*) FROM system_metrics") == [(2,)]
    assert store.rows("SELECT count(*) FROM heartbeat_passes") == [(4,)]
    assert (gone["heartbeat_log"], gone["heartbeat_samples"], gone["heartbeat_passes"]) == (2, 4, 2)
    assert retention.prune(store, Retention(), NOW)["heartbeat_log"] == 0


def story(db: Database, name: str, started: float, ended: float | None) -> None:
    """An incident with its alert (sent) and one attempt."""
    states.save_incident(db, Incident(name, name, "agent", "high", "", started, started, ended))
    alerts.add(db, Alert(f"{name}/down", "agent_down", "high", "t", name, started, name, "r"), ["tg"], started)
    settle(db, claim(db, started, "tg"), None, started)
    recoveries.save(db, Attempt(f"{name}/1", name, name, 0, "script", "heartbeat", "here", started))


def left(db: Database, table: str, column: str) -> set[str]:
    return {str(row[0]).partition("/")[0] for row in db.rows(f"SELECT {column} FROM {table}")}


def test_open_incidents_stay_with_all_that_belongs_to_them(store: Database) -> None:
    """Else the ladder would begin anew, and nobody would be told of the end."""
    story(store, "open", NOW - 900 * DAY, None)
    story(store, "old", NOW - 900 * DAY, NOW - 899 * DAY)
    story(store, "long", NOW - 900 * DAY, NOW - 1 * DAY)
    story(store, "new", NOW - 9 * DAY, NOW - 8 * DAY)
    retention.prune(store, Retention(), NOW)
    assert left(store, "heartbeat_incidents", "id") == {"open", "long", "new"}
    assert left(store, "heartbeat_recoveries", "id") == {"open", "new"}
    assert left(store, "heartbeat_alert_rows", "alert_id") == {"open", "new"}
    assert left(store, "heartbeat_outbox", "id") == {"open", "new"}
    assert left(store, "heartbeat_sends", "alert_id") == {"open", "new"}
    assert [one.id for one in recoveries.of_incident(store, "open")] == ["open/1"]
    assert alerts.notified_channels(store, "open") == ["tg"]


def test_what_still_waits_to_be_sent_stays(store: Database) -> None:
    alerts.add(store, Alert("w", "recovered", "low", "t", "main", NOW - 900 * DAY, None, "r"), ["tg"], NOW - 900 * DAY)
    retention.prune(store, Retention(), NOW)
    assert taken(store, NOW, "tg") == ["w/tg"]
