"""A spool's way into the store: whole, once, however often it is tried, and without undoing what others did there."""

from pathlib import Path

from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.coverage import Degraded
from heartbeat_cli.domain.fault_detection import State
from heartbeat_cli.domain.result import Metric, Reading
from heartbeat_cli.store import alerts, beats, mirror, outbox, passes, preferences, silences, spool, states
from heartbeat_cli.store.beats import Beat
from heartbeat_cli.store.database import Database
from heartbeat_cli.store.passes import Pass
from heartbeat_cli.store.silences import Silence
from tests.parts.outbox import claim, settle

NOW = 1_795_348_800.0
COMPONENTS = {id_: Component(id_, "tcp", None) for id_ in ("a", "b", "new")}
READING = Reading("healthy", 0.5, metrics=(Metric("m", 1.0),))


def keep(db: Database, name: str, at: float, *ids: str, observer: str = "here") -> None:
    passes.save(db, Pass(name, observer, at, at + 1), dict.fromkeys(ids, READING), COMPONENTS)


def begun(store: Database, path: Path) -> Database:
    begin = Degraded(f"here@{NOW}", "here", NOW, "gone")
    return spool.begin(path, lambda: mirror.snapshot(store, "here", NOW), begin, 5)


def replayed(kept: Database, store: Database) -> None:
    covered = spool.since(kept)
    assert covered is not None
    for _ in spool.replay(kept, store, "here", NOW + 900):
        pass
    spool.finish(kept, store, covered._replace(ended=NOW + 900))


def test_every_pass_arrives_once_however_often_it_is_tried(store: Database, tmp_path: Path) -> None:
    keep(store, "p0", NOW - 60, "b", "a")
    kept = begun(store, tmp_path / "spool.db")
    keep(kept, "p0", NOW - 60, "b", "a")  # the answer to its commit was lost: the store has it, too
    for number in range(1, 451):
        keep(kept, f"p{number}", NOW + number, "a", "new")
    for _ in range(2):
        replayed(kept, store)
        assert store.rows("SELECT count(*), count(DISTINCT id) FROM heartbeat_passes") == [(451, 451)]
        found = store.rows("SELECT component, count(*), count(DISTINCT pass) FROM heartbeat_logs GROUP BY 1 ORDER BY 1")
        assert found == [("a", 451, 451), ("b", 1, 1), ("new", 450, 450)]
        assert store.rows("SELECT count(*) FROM system_metrics") == [(902,)]
        assert store.rows("SELECT count(*) FROM heartbeat_degraded WHERE ended IS NOT NULL") == [(1,)]
    waiting = passes.waiting(store, "here")
    assert [one.started for one in waiting] == [NOW - 60, *(NOW + number for number in range(1, 451))]
    kept.close()


def test_what_others_did_in_the_store_meanwhile_stays(store: Database, tmp_path: Path) -> None:
    states.save_states(store, {"a": State(NOW, "suspect", 1, 0)})
    silences.add(store, Silence("s", "a", "silence", NOW, NOW + 999, "why", "kim"))
    preferences.put(store, "strategy", "normal")
    kept = begun(store, tmp_path / "spool.db")
    states.save_states(kept, {"a": State(NOW, "fault", 3, 0)})
    beats.add(kept, Beat("a", NOW, "success"))
    preferences.put(kept, "blind/here", str(NOW))
    silences.end(store, "s", NOW + 5)
    preferences.put(store, "strategy", "aggressive")
    states.save_states(store, {"a": State(NOW, "healthy", 0, 2)})
    replayed(kept, store)
    assert states.states(store)["a"].state == "healthy"
    assert silences.active(store, NOW + 6) == []
    assert preferences.get(store, "strategy") == "aggressive" and preferences.get(store, "blind/here") is None
    assert len(beats.recent(store, "a")["beats"]) == 1
    kept.close()


def test_what_was_told_stays_told(store: Database, tmp_path: Path) -> None:
    from heartbeat_cli.domain.alert import Alert

    alert = Alert("x", "tcp_down", "high", "t", "a", NOW, None, "r")
    alerts.add(store, alert, ["log", "mail"], NOW)
    kept = begun(store, tmp_path / "spool.db")
    settle(kept, claim(kept, NOW + 1, "log"), None, NOW + 1)
    settle(kept, claim(kept, NOW + 1, "mail"), "no", NOW + 1)
    settle(store, claim(store, NOW + 2, "mail"), None, NOW + 2)  # by another host
    replayed(kept, store)
    tries = [(one.channel, one.outcome) for one in outbox.sends_of(store, ["x"])]
    assert tries == [("log", "sent"), ("mail", "retry"), ("mail", "sent")]
    assert {one.channel: one.state for one in alerts.deliveries(store, ["x"])} == {"log": "sent", "mail": "sent"}
    kept.close()


def test_thrown_away_and_put_aside_with_all_that_belongs_to_it(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    for away in (lambda: spool.discard(path), lambda: spool.put_aside(path, NOW)):
        begun(store, path).close()
        for side in ("-wal", "-shm"):
            Path(f"{path}{side}").touch()
        away()
        assert not list(tmp_path.glob("spool.db*"))
    assert sorted(one.suffix for one in tmp_path.glob("spool-unreadable*")) == [".db", ".db-shm", ".db-wal"]


def test_a_beat_keeps_the_time_of_its_arrival_by_the_clock_of_the_store(store: Database, tmp_path: Path) -> None:
    """This host's clock is an hour behind: with its own time the beat would be an hour old, and an alert."""
    kept = begun(store, tmp_path / "spool.db")
    beats.add(kept, Beat("a", NOW + 60, "success"))
    store.ahead = 3_600.0
    for _ in range(2):
        replayed(kept, store)
    assert store.rows("SELECT at FROM heartbeat_beats") == [(NOW + 3_660,)]
    kept.close()
