"""Rows that no heartbeat writes, in a store that several hosts share: no pass dies of them, no message is held, and no
hour stays without a rollup."""

import json
import time
import tracemalloc
from pathlib import Path

import pytest

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.checking.coverage import hour_of
from heartbeat_cli.store.history import rollups, spans
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import connect
from heartbeat_cli.store.sql.text import understood
from tests.parts.postgres import *  # noqa: F403 - its fixtures
from tests.parts.postgres import execute
from tests.parts.stores import store_url  # noqa: F401 - a fixture
from tests.parts.verb import heartbeat


@pytest.mark.parametrize("status", [-1, 5, 32_767])
def test_a_status_that_no_check_has_stops_nothing(store_url: str, tmp_path: Path, status: int) -> None:  # noqa: F811
    """Neither the detection of a pass that is still to be detected, nor a page, a report or the metrics."""
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{tmp_path}/state"\nobserver = "me"\n'
        '[components.bad]\nkind = "command"\ncommand = ["false"]\nfail_threshold = 1\n[dashboard]\nfile = "page.html"\n'
    )
    assert heartbeat(tmp_path, "run").code == 0
    db = connect(store_url, 5)
    db.run("UPDATE heartbeat_log SET status = ?", (status,))
    assert db.run("UPDATE heartbeat_pending SET detected = FALSE") > 0
    db.close()
    for words in (["run"], ["dashboard", "-o", "page.html"], ["metrics"], ["report", "--date", "today"], ["replay"]):
        done = heartbeat(tmp_path, *words)
        assert done.code == 0 and "going on with" not in done.err, (words, done)


def test_a_lease_that_is_over_holds_no_channel_though_its_process_seems_to_live(
    store_url: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Its number may be another program's by now, or another host of the store may have written it: whatever waited
    for the channel would wait for as long as that program runs."""
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{tmp_path}/state"\nobserver = "me"\n'
        '[components.bad]\nkind = "command"\ncommand = ["false"]\nfail_threshold = 1\n'
        f'[channels.log]\nkind = "file"\npath = "{tmp_path}/log"\n'
    )
    assert heartbeat(tmp_path, "doctor").code in (0, 1)
    db = connect(store_url, 5)
    # Long over, and further away than any lease can be.
    for number, until in enumerate((1e9, 1e12), 1):
        title = f"It is down {number}"
        alerts.add(db, Alert(title, "tcp_down", "high", title, "bad", 1e9, None, "why"), ["log"], 1e9)
        lease = "UPDATE heartbeat_outbox SET lease_until = to_timestamp(?), lease_by = 'me/1' WHERE alert_id = ?"
        db.run(lease, (until, title))
        assert heartbeat(tmp_path, "run").code == 0
        assert title in (tmp_path / "log").read_text()
    db.close()


_DETAILS = ("{}", '{"components": 7, "started": "x"}', '{"components": [[], {}], "started": null, "cause": [1]}')


@pytest.mark.parametrize("details", _DETAILS)
@pytest.mark.parametrize("id_", ["@x", "@1e9", "@\u00b2", "@" + "9" * 400])
def test_what_another_host_says_of_what_cannot_be_checked_stops_nothing(
    store_url: str,  # noqa: F811
    tmp_path: Path,
    details: str,
    id_: str,
) -> None:
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{tmp_path}/state"\nobserver = "me"\nunobserved_after = 1\n'
        + "".join(
            f'[components.{one}]\nkind = "command"\ncommand = ["{tmp_path}/check"]\ninterval = 1\n' for one in "ab"
        )
    )
    assert heartbeat(tmp_path, "run").code == 0
    db = connect(store_url, 5)
    assert db.run("UPDATE heartbeat_alert_rows SET details = ?, incident = incident || ?", (details, id_)) == 1
    db.run("UPDATE heartbeat_state SET unobserved_alert = unobserved_alert || ? WHERE component = 'a'", (id_,))
    db.run("UPDATE heartbeat_state SET unobserved_alert = NULL WHERE component = 'b'")
    for step in ("joins", "is over"):
        if step == "is over":
            (tmp_path / "check").write_text("#!/bin/sh\n")
            (tmp_path / "check").chmod(0o700)
        db.run("UPDATE heartbeat_looks SET at = to_timestamp(1e9)")  # so that both are due again
        for words in (["run"], ["report", "--date", "today"]):
            done = heartbeat(tmp_path, *words)
            assert done.code == 0 and "going on with" not in done.err, (step, words, done)
    assert ("observed_again",) in db.rows("SELECT alert_type FROM heartbeat_alert_rows")
    db.close()


def test_an_incident_without_a_time_stops_no_pass(store_url: str, tmp_path: Path) -> None:  # noqa: F811
    """Made of a host's silence, which is over."""
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{tmp_path}/state"\nobserver = "me"\n'
        '[components.well]\nkind = "command"\ncommand = ["true"]\ninterval = 1\n'
    )
    assert heartbeat(tmp_path, "run").code == 0
    db = connect(store_url, 5)
    sights = json.dumps([time.time(), {"you": [1.0, 1.0, "x"]}])
    db.run(
        "INSERT INTO heartbeat_settings SELECT 'watched/you', value FROM heartbeat_settings WHERE name = 'watched/me'"
    )
    db.run("INSERT INTO heartbeat_settings VALUES ('sights/me', ?) ON CONFLICT DO NOTHING", (sights,))
    db.run("UPDATE heartbeat_settings SET value = ? WHERE name = 'sights/me'", (sights,))
    db.run("INSERT INTO heartbeat_observers (id) VALUES ('you')")
    db.run("UPDATE heartbeat_looks SET at = to_timestamp(1e9)")
    db.close()
    assert heartbeat(tmp_path, "run") == (0, "", "")


@pytest.mark.postgres
def test_a_beat_is_kept_though_the_store_holds_too_much_for_the_mirror(
    database_with_tables: str, tmp_path: Path
) -> None:
    """After an outage what it was is brought back and copied, which may be too much for the connection."""
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{database_with_tables}"\nstate_dir = "{tmp_path}/state"\nobserver = "me"\n'
        '[components.job]\nkind = "push"\nperiod = 60\n'
    )
    assert heartbeat(tmp_path, "run").code == 0
    execute(
        database_with_tables,
        "INSERT INTO heartbeat_silences SELECT 's' || n, 'x', 'silence', now(), now() + interval '1 day',"
        " repeat('x', 5000), 'you' FROM generate_series(1, 2000) n",
    )
    assert "going on with" in heartbeat(tmp_path, "run").err
    assert heartbeat(tmp_path, "beat", "job").code == 0
    execute(database_with_tables, "DELETE FROM heartbeat_silences")
    assert heartbeat(tmp_path, "run").code == 0
    db = connect(database_with_tables, 5)
    assert db.rows("SELECT component, event FROM heartbeat_beats") == [("job", "success")]
    db.close()


_SAMPLES = (
    *("{}", "7", "null", '["cpu_percent"]', '[["cpu_percent", "x"]]', '[["cpu_percent", 1e400]]'),
    *('[["cpu_percent", 1e300]]', '[["cpu_percent", 0.%s1]]' % ("0" * 400)),
    *(r'[["\u0000", 1]]', r'[["cpu_percent", 1, "gauge", {"mount": "\ud800"}]]'),
)
_SKETCHES = ("[]", "7", '{"x": 1}', '{"1": "x"}', r'{"\u0000": 1}', '{"99999999999": 1e400}')


@pytest.mark.postgres
def test_samples_and_sketches_that_no_heartbeat_writes_stop_no_rollup(
    database_with_tables: str, tmp_path: Path
) -> None:
    """Nor any report: without a rollup nothing is pruned, and the store grows for ever."""
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{database_with_tables}"\nstate_dir = "{tmp_path}/state"\nobserver = "me"\n'
        '[components.h]\nkind = "host"\n'
    )
    assert heartbeat(tmp_path, "run").code == 0
    db = connect(database_with_tables, 5)
    ((key, started),) = db.rows("SELECT c.key, p.started FROM heartbeat_components c, heartbeat_pass_rows p")
    hour = hour_of(started)
    for number, samples in enumerate((*_SAMPLES, '[["cpu_percent", 12.5, "gauge", {"mount": "/\\ud83d\\ude00"}]]')):
        db.run("INSERT INTO heartbeat_samples VALUES (to_timestamp(?), ?, ?)", (started + number / 1e3, key, samples))
    row = "INSERT INTO heartbeat_hours VALUES (?, ?, 1, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1, ?)"
    for number, sketch in enumerate((*_SKETCHES, '{"7": 3}')):
        db.run(row, (hour - 1, 1_000 + number, sketch))
    assert spans.gauges(db, hour * 3600.0, (hour + 1) * 3600.0)[key, "cpu_percent", "/\U0001f600"].last == 12.5
    assert rollups.refresh(db, hour + 1, float("inf"))
    assert rollups._sketches(db, [(hour - 1, hour)]) == {1_000 + len(_SKETCHES): {7: 3}}
    db.close()
    for date in ("today", "yesterday"):
        done = heartbeat(tmp_path, "report", "--date", date)
        assert done.code == 0 and not done.err, done


@pytest.mark.parametrize("many", [2, 30])
def test_sentences_made_of_each_other_a_hundredfold_hold_up_no_pass(
    store_url: str,  # noqa: F811
    tmp_path: Path,
    many: int,
) -> None:
    """In another language than English a stored line is put together again from what it was made of."""
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{tmp_path}/state"\nlocale = "zh-HK"\n'
        '[components.bad]\nkind = "command"\ncommand = ["false"]\nfail_threshold = 1\nexit_codes = "plain"\n'
        f'[channels.log]\nkind = "file"\npath = "{tmp_path}/log"\n'
    )
    assert heartbeat(tmp_path, "run").code == 0
    db = connect(store_url, 5)
    places = "".join(f"{{a{n}}}" for n in range(many))
    for level in range(5):
        source = [places, {f"a{n}": [f"line {level + 1}", {}] for n in range(many)}]
        db.run("INSERT INTO heartbeat_texts VALUES (?, ?, 30000)", (f"line {level}", json.dumps(source)))
    db.run("INSERT INTO heartbeat_texts VALUES ('line 5', ?, 30000)", (json.dumps(["{n} s", {"n": 7}]),))
    db.run("UPDATE heartbeat_incidents SET cause = 'line 0'")
    db.run("UPDATE heartbeat_looks SET error = 'line 0'")
    db.run("UPDATE heartbeat_alert_rows SET title = 'line 0'")
    db.run("UPDATE heartbeat_outbox SET state = 'waiting', batch = NULL, next_try = to_timestamp(0)")
    db.close()
    (tmp_path / "log").unlink()
    for words in (["run"], ["status"], ["alerts"]):
        assert heartbeat(tmp_path, *words, timeout=15).code == (words == ["status"]), words
    assert (tmp_path / "log").exists()


def test_a_value_that_unfolds_takes_no_memory() -> None:
    tracemalloc.start()
    try:
        assert understood("[" + "[]," * 2_000_000 + "1]", list) is None
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert understood(json.dumps(["x" * 50] * 100_000), len) == 100_000


def test_words_that_others_write_make_no_series(store_url: str, tmp_path: Path) -> None:  # noqa: F811
    """Each type of alert, severity, channel and state is a label of the Prometheus file."""
    (tmp_path / "heartbeat.toml").write_text(
        f'[heartbeat]\nstore = "{store_url}"\nstate_dir = "{tmp_path}/state"\nobserver = "me"\n'
        '[components.bad]\nkind = "command"\ncommand = ["false"]\nfail_threshold = 1\nexit_codes = "plain"\n'
        f'[channels.log]\nkind = "file"\npath = "{tmp_path}/log"\n'
    )
    assert heartbeat(tmp_path, "run").code == 0
    before = heartbeat(tmp_path, "metrics").out
    db = connect(store_url, 5)
    for n in range(300):
        severity = "low" if n % 2 else f"s{n}"
        alert = Alert(f"x{n}", f"t{n}", severity, "t", "c", 1e9, None, "why")  # type: ignore[arg-type]
        alerts.add(db, alert, [f"c{n}"], 1e9)
    db.run("UPDATE heartbeat_outbox SET state = alert_id WHERE channel LIKE 'c1%'")
    db.close()
    after = heartbeat(tmp_path, "metrics").out
    assert 'heartbeat_alerts_total{severity="low",type="other"} 150.0' in after
    assert 'heartbeat_alerts_total{severity="other",type="other"} 150.0' in after
    assert 'heartbeat_alerts_total{severity="high",type="command_down"} 1.0' in after
    assert 'heartbeat_notifications_total{channel="log",state="sent"} 1.0' in after
    assert len(after.splitlines()) <= len(before.splitlines()) + 10
