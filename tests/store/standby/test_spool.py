"""A spool's way into the store: whole, once, however often it is tried, and without undoing what others did there."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from heartbeat_cli.domain.checking.coverage import Degraded
from heartbeat_cli.domain.checking.result import Metric, Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.incident import Incident
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import StoreError
from heartbeat_cli.i18n.catalogs import translated
from heartbeat_cli.store.history import passes
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.outbox import alerts, sends
from heartbeat_cli.store.sql import preferences, sentences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.standby import mirror, spool
from heartbeat_cli.store.state import beats, silences, states
from heartbeat_cli.store.state.beats import Beat
from heartbeat_cli.store.state.silences import Silence
from tests.parts.outbox import claim, settle
from tests.parts.stores import opened

NOW = 1_795_348_800.0
COMPONENTS = {id_: Component(id_, "tcp", None) for id_ in ("a", "b", "new")}
READING = Reading("healthy", 0.5, metrics=(Metric("m", 1.0),))


def keep(db: Database, name: str, at: float, *ids: str, observer: str = "here") -> None:
    passes.save(db, Pass(name, observer, at, at + 1), dict.fromkeys(ids, READING), COMPONENTS)


def begun(store: Database, path: Path) -> Database:
    begin = Degraded(f"here@{NOW}", "here", NOW, "gone")
    return spool.begin(path, lambda: mirror.snapshot(store, "here", NOW), begin, 5)


def replayed(kept: Database, store: Database) -> None:
    covered = spool.current_outage(kept)
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
    waiting = passes.undetected(store, "here")
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


@pytest.mark.parametrize(
    ("first", "apart", "meanwhile", "then"),
    [
        (None, None, "kim", "kim"),
        (None, "jo", None, "jo"),
        (None, "jo", "kim", "kim"),
        ("kim", "kim", None, None),
        ("kim", None, "kim", None),
        ("kim", None, "lee", "lee"),
        ("kim", "jo", "kim", "jo"),
    ],
)
def test_an_acknowledgement_in_the_store_outlives_the_replay(
    store: Database, tmp_path: Path, first: str | None, apart: str | None, meanwhile: str | None, then: str | None
) -> None:
    """Recovery failed without the store, and that is saved, too."""
    times = {None: None, "kim": NOW + 0.123457, "jo": NOW + 2, "lee": NOW + 3}
    with store.transaction():
        states.save_incident(store, Incident("i", "a", "tcp", "high", "refused", NOW, NOW))
        states.acknowledge(store, "i", times[first], first)
    kept = begun(store, tmp_path / "spool.db")
    states.save_recovery(kept, "i", "failed")
    states.acknowledge(kept, "i", times[apart], apart)
    states.acknowledge(store, "i", times[meanwhile], meanwhile)
    for _ in range(2):
        replayed(kept, store)
        found = states.open_incidents(store)["a"]
        assert (found.acked_by, found.acked, found.recovery) == (then, times[then], "failed")
    kept.close()


def test_what_was_told_stays_told(store: Database, tmp_path: Path) -> None:
    from heartbeat_cli.domain.alerting.alert import Alert

    alert = Alert("x", "tcp_down", "high", "t", "a", NOW, None, "r")
    alerts.add(store, alert, ["log", "mail"], NOW)
    kept = begun(store, tmp_path / "spool.db")
    settle(kept, claim(kept, NOW + 1, "log"), None, NOW + 1)
    settle(kept, claim(kept, NOW + 1, "mail"), "no", NOW + 1)
    settle(store, claim(store, NOW + 2, "mail"), None, NOW + 2)  # by another host
    replayed(kept, store)
    tries = [(one.channel, one.outcome) for one in sends.sends_of(store, ["x"])]
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


def test_its_passes_are_this_hosts_to_judge_whatever_it_was_called(store: Database, tmp_path: Path) -> None:
    """The host was renamed during the outage: nobody else would ever judge what it saw before."""
    kept = begun(store, tmp_path / "spool.db")
    keep(kept, "p1", NOW + 1, "a", observer="old name")
    keep(kept, "p2", NOW + 2, "a")
    replayed(kept, store)
    assert [one.started for one in passes.undetected(store, "here")] == [NOW + 1, NOW + 2]
    assert store.rows("SELECT observer FROM heartbeat_passes ORDER BY started") == [("old name",), ("here",)]
    kept.close()


def test_where_the_store_has_gone_on_without_it_nothing_is_judged_again(store: Database, tmp_path: Path) -> None:
    """It could not be read for a while: its failing checks are old news, and would open a fault that is over."""
    keep(store, "p0", NOW - 60, "a")
    kept = begun(store, tmp_path / "spool.db")
    preferences.put(kept, "watched/here", "[1.0, 2.0, 0.0, null]")
    keep(kept, "p1", NOW + 1, "a")
    keep(store, "p2", NOW + 600, "a")
    passes.mark_detected(store, [one.key for one in passes.undetected(store, "here")])
    preferences.put(store, "watched/here", "[9.0, 9.0, 0.0, null]")
    replayed(kept, store)
    assert store.rows("SELECT count(*) FROM heartbeat_passes") == [(3,)]
    assert passes.undetected(store, "here") == []
    assert preferences.get(store, "watched/here") == "[9.0, 9.0, 0.0, null]"
    kept.close()


def test_a_sentence_said_without_the_store_comes_along(store: Database, tmp_path: Path) -> None:
    """And one that the store knows is known to the spool: both are shown in the reader's language."""
    with store.transaction():
        states.save_incident(store, Incident("i", "a", "tcp", "high", Text("is being stopped"), NOW, NOW))
    kept = begun(store, tmp_path / "spool.db")
    assert translated(sentences.known(kept, "is being stopped", "zh-HK"), "zh-HK") == "正被停止"
    error = Text("connection refused by {place}", place="db:5432")
    passes.save(kept, Pass("p1", "here", NOW + 1, NOW + 2), {"a": Reading("error", error=error)}, COMPONENTS)
    replayed(kept, store)
    ((line,),) = store.rows("SELECT error FROM heartbeat_logs")
    assert translated(sentences.known(store, line, "zh-HK"), "zh-HK") == "db:5432 拒絕連接"
    kept.close()


def test_a_mirror_that_lacks_the_last_pass_does_not_make_it_late(store: Database, tmp_path: Path) -> None:
    """A run was killed between its commit and the copy of the mirror, and the next one found the store away."""
    keep(store, "p0", NOW - 60, "a")
    copy = mirror.snapshot(store, "here", NOW - 59)
    keep(store, "p1", NOW - 30, "a")
    kept = spool.begin(tmp_path / "spool.db", lambda: copy, Degraded(f"here@{NOW}", "here", NOW, "gone"), 5)
    keep(kept, "p2", NOW + 1, "a")
    replayed(kept, store)
    assert [one.started for one in passes.undetected(store, "here")] == [NOW - 60, NOW - 30, NOW + 1]
    kept.close()


def test_another_configuration_of_this_host_does_not_make_it_late(store: Database, tmp_path: Path) -> None:
    """It looks at other components under the same name, and has brought its own spool in first."""
    keep(store, "p0", NOW - 60, "a")
    kept = begun(store, tmp_path / "spool.db")
    keep(kept, "p1", NOW + 1, "a")
    keep(store, "p2", NOW + 600, "b")
    replayed(kept, store)
    assert NOW + 1 in [one.started for one in passes.undetected(store, "here")]
    kept.close()


def test_a_replay_that_was_cut_off_goes_on(store: Database, tmp_path: Path) -> None:
    """What the first part brought makes the rest neither late nor new."""
    keep(store, "p0", NOW - 60, "a")
    kept = begun(store, tmp_path / "spool.db")
    for number in range(1, 61):
        keep(kept, f"p{number}", NOW + number, "a")
    next(spool.replay(kept, store, "here", NOW + 900))
    assert store.rows("SELECT count(*) FROM heartbeat_passes") == [(26,)]
    replayed(kept, store)
    assert [one.started for one in passes.undetected(store, "here")] == [NOW - 60, *(NOW + n for n in range(1, 61))]
    kept.close()


def test_a_clock_that_was_set_back_meanwhile_does_not_make_it_late(store: Database, tmp_path: Path) -> None:
    keep(store, "p0", NOW, "a")
    kept = begun(store, tmp_path / "spool.db")
    keep(kept, "p1", NOW - 7_200, "a")
    replayed(kept, store)
    assert NOW - 7_200 in [one.started for one in passes.undetected(store, "here")]
    kept.close()


def test_it_bears_the_identity_of_its_store_and_keeps_that_to_itself(store: Database, tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    begin = Degraded("d", "here", NOW, "gone")
    kept = spool.begin(path, lambda: mirror.snapshot(store, "here", NOW), begin, 5, store.identity)
    assert spool.store_identity(kept) == store.identity and kept.identity != store.identity
    before = store.rows("SELECT name FROM heartbeat_settings")
    replayed(kept, store)
    assert store.rows("SELECT name FROM heartbeat_settings") == before
    kept.close()
    for at in (2, 10):
        aside = spool.put_aside(path, NOW + at, "0123abcd")
        assert spool.identity_of_aside(aside) == "0123abcd"
        begun(store, path).close()
    found = [path.name for path in spool.aside(tmp_path)]
    assert found == [f"spool-of-0123abcd-{round((NOW + at) * 1000)}.db" for at in (2, 10)], "oldest first"
    assert len(spool.aside(tmp_path, NOW + 5)) == 1


def test_a_spool_that_refuses_what_it_would_start_with_starts_empty(store: Database, tmp_path: Path) -> None:
    """A pass without a spool would check nothing."""
    beats.add(store, Beat("a", NOW, "success"))
    with closing(opened(f"sqlite:///{tmp_path}/spool.db")) as made:
        made.run(
            "CREATE TRIGGER refuse BEFORE INSERT ON heartbeat_beats BEGIN SELECT RAISE(ABORT, 'no beats today'); END"
        )
    kept = begun(store, tmp_path / "spool.db")
    outage = spool.current_outage(kept)
    assert outage is not None and "begun without what was known" in outage.reason and "no beats today" in outage.reason
    assert kept.rows("SELECT count(*) FROM heartbeat_beats") == [(0,)]
    replayed(kept, store)
    assert store.rows("SELECT count(*) FROM heartbeat_beats") == [(1,)]
    kept.close()


def test_a_link_is_not_followed(store: Database, tmp_path: Path) -> None:
    """Somebody else's file, or a device, would be written to."""
    (tmp_path / "there").touch()
    (tmp_path / "spool.db").symlink_to(tmp_path / "there")
    with pytest.raises(StoreError, match="is a symbolic link"):
        begun(store, tmp_path / "spool.db")
    assert (tmp_path / "there").stat().st_size == 0


def test_memory_that_belongs_to_others_is_not_used(store: Database, tmp_path: Path) -> None:
    """Everybody may write to /dev/shm: a folder of our name that others may write to is no place for a spool."""
    folder = spool.folders(tmp_path)[1]
    folder.mkdir(mode=0o700)
    try:
        begun(store, folder / "spool.db").close()
        assert spool.existing(tmp_path) == [folder / "spool.db"]
        folder.chmod(0o777)
        assert spool.existing(tmp_path) == []
        with pytest.raises(StoreError, match="open to others"):
            begun(store, folder / "spool.db")
    finally:
        shutil.rmtree(folder)


def test_a_beat_keeps_the_time_of_its_arrival_by_the_clock_of_the_store(store: Database, tmp_path: Path) -> None:
    """This host's clock is an hour behind: with its own time the beat would be an hour old, and an alert."""
    kept = begun(store, tmp_path / "spool.db")
    beats.add(kept, Beat("a", NOW + 60, "success"))
    store.clock_ahead = 3_600.0
    for _ in range(2):
        replayed(kept, store)
    assert store.rows("SELECT at FROM heartbeat_beats") == [(NOW + 3_660,)]
    kept.close()
