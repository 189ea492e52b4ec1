"""Everything else that a store can do to a pass: slow, hung, read-only, full, shut, cut off, moved, dropped. The watch
goes on, nothing is lost, nothing is counted twice, and nobody is told a fault that is none."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from heartbeat_cli.store.sql import database as stores
from heartbeat_cli.store.standby import spool
from tests.parts import lacking
from tests.parts.kills import Harness
from tests.parts.postgres import Server, execute
from tests.parts.watch import Watch, kept_in

KILLS = 40


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def story(watch: Watch, away: Any, back: Any, dsn: str | None = None) -> None:
    """alpha fails once before the outage, breaks in it, and is well again after it: one fault, told once each way."""
    watch.run()
    (watch.folder / "alpha").unlink()
    watch.run()
    away()
    said = watch.run()
    assert said.count("going on with") == 1, said
    assert watch.run(2) == ""
    assert watch.told() == ["alpha command_down", "here store_unreachable"]
    shown = watch.verb("status", "--format", "json")
    assert shown.code == 1
    assert {row["component"]: row["state"] for row in json.loads(shown.out)} == {"alpha": "fault", "beta": "healthy"}
    assert len(shown.err.splitlines()) == 1 and "spool" in shown.err
    for verb in (("report", "--date", "today"), ("dashboard", "-o", "-"), ("metrics",)):
        ended = watch.verb(*verb)
        assert ended.code == 0 and len(ended.err.splitlines()) == 1 and "spool" in ended.err, (verb, ended.err)
    back()
    assert watch.run().count("answers again") == 1
    (watch.folder / "alpha").touch()
    assert watch.run() == ""
    told = ["alpha command_down", "here store_unreachable", "here store_restored", "alpha recovered"]
    assert watch.told() == told
    watch.is_whole(dsn)


def test_hung(tmp_path: Path, server: Server) -> None:
    """It takes connections and says nothing."""
    story(Watch(tmp_path, server.dsn(), timeout=0.5), server.pause, server.resume)


def test_read_only(tmp_path: Path, database: str) -> None:
    name = database.rpartition("/")[2].partition("?")[0]
    watch = Watch(tmp_path, database)

    def switch(word: str) -> None:
        execute(
            database.replace(f"/{name}", "/postgres"),
            f"ALTER DATABASE {name} SET default_transaction_read_only = {word}",
        )

    story(watch, lambda: switch("on"), lambda: switch("off"))


def test_full(tmp_path: Path, database: str) -> None:
    """No room for a heartbeat; what is there can be read."""
    body = "BEGIN RAISE 'no space' USING ERRCODE = '53100'; END"
    full = f"CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $${body}$$;"
    on = "CREATE TRIGGER no_room BEFORE INSERT ON heartbeat_pass_rows EXECUTE FUNCTION no_room()"
    story(
        Watch(tmp_path, database),
        lambda: execute(database, full + on),
        lambda: execute(database, "DROP TRIGGER no_room ON heartbeat_pass_rows"),
    )


def test_the_password_was_changed(tmp_path: Path) -> None:
    with Server(auth="scram-sha-256") as server:
        server.execute("CREATE ROLE watch LOGIN SUPERUSER PASSWORD 'first-word'")
        watch = Watch(tmp_path, server.dsn(user="watch", password="first-word"))
        story(
            watch,
            lambda: server.execute("ALTER ROLE watch PASSWORD 'second-word'"),
            lambda: server.execute("ALTER ROLE watch PASSWORD 'first-word'"),
        )
        assert "first-word" not in (tmp_path / "told.jsonl").read_text()


def test_a_newer_heartbeat_has_been_at_it(tmp_path: Path, database: str) -> None:
    story(
        Watch(tmp_path, database),
        lambda: execute(database, "UPDATE heartbeat_schema SET version = version + 1"),
        lambda: execute(database, "UPDATE heartbeat_schema SET version = version - 1"),
    )


def test_so_slow_that_a_pass_would_never_end(tmp_path: Path, server: Server) -> None:
    """Each statement stays under the timeout, but there are many: together they have a limit."""
    body = "BEGIN PERFORM pg_sleep(0.75); RETURN NULL; END"
    slow = f"CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $${body}$$;"
    tables = ("heartbeat_pass_rows", "heartbeat_log", "heartbeat_looks", "heartbeat_state")
    on = "".join(f"CREATE TRIGGER slow AFTER INSERT ON {one} EXECUTE FUNCTION slow();" for one in tables)
    on += "CREATE TRIGGER slowly AFTER UPDATE ON heartbeat_pending EXECUTE FUNCTION slow();"
    off = "DROP TRIGGER slowly ON heartbeat_pending;" + "".join(f"DROP TRIGGER slow ON {one};" for one in tables)
    watch = Watch(tmp_path, server.dsn())
    watch.run()
    server.execute(slow + on)
    begun = time.monotonic()
    said = watch.run()
    assert "too slow" in said and time.monotonic() - begun < 8
    assert watch.run() == ""
    server.execute(off)
    assert "answers again" in watch.run()
    assert watch.told() == []
    watch.is_whole()


def test_the_database_is_dropped(tmp_path: Path, server: Server) -> None:
    """What was in it is gone, and that is told; what is seen from then on goes into the new one, and the fault that
    was open is known there."""
    server.execute("CREATE DATABASE watched")
    watch = Watch(tmp_path, server.dsn(dbname="watched"))
    watch.change('kind = "file"', 'kind = "file"\ndigest = false')
    (tmp_path / "alpha").unlink()
    watch.run(2)
    server.execute("DROP DATABASE watched WITH (FORCE)")
    watch.runs = 0
    watch.run(2)
    assert watch.told() == ["alpha command_down"]
    server.execute("CREATE DATABASE watched")
    (tmp_path / "alpha").touch()
    watch.run(3)
    assert watch.told() == ["alpha command_down", "here store_went_back", "alpha recovered"]
    watch.is_whole()


def test_cut_off_again_and_again(tmp_path: Path, server: Server) -> None:
    """Every session is ended over and over while passes run."""
    watch = Watch(tmp_path, server.dsn())
    watch.run()
    stop = threading.Event()

    def cut() -> None:
        with psycopg2.connect(server.admin_dsn()) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                while not stop.wait(0.004):
                    cursor.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'heartbeat'"
                    )

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        (tmp_path / "alpha").unlink()
        watch.run(4)
        (tmp_path / "alpha").touch()
        watch.run(4)
    finally:
        stop.set()
        cutter.join()
    watch.run(2)
    assert [one for one in watch.told() if one.startswith("alpha")] == ["alpha command_down", "alpha recovered"]
    watch.is_whole()


def test_verbs_while_the_store_is_away(tmp_path: Path, server: Server) -> None:
    """What people and jobs say meanwhile counts at once, and is in the store afterwards."""
    also = '[components.job]\nkind = "push"\nperiod = 3600\ninterval = 0.01\n'
    watch = Watch(tmp_path, server.dsn(), also)
    watch.run()
    assert watch.verb("beat", "job").code == 0
    server.stop()
    watch.run()
    row = next(one for one in json.loads(watch.verb("status", "--format", "json").out) if one["component"] == "job")
    assert row["status"] == "healthy", "a beat that the store took right before it died is forgotten"
    (tmp_path / "alpha").unlink()
    assert watch.verb("silence", "beta", "--reason", "moving").code == 0
    assert watch.verb("beat", "job", "--fail", "-m", "no tape").code == 0
    watch.run(3)
    assert watch.verb("ack", "alpha").code == 0
    assert watch.verb("strategy", "set", "conservative").code == 0
    server.start()
    assert "moving" in watch.verb("silence").out
    assert "conservative" in watch.verb("strategy", "show").out.split("*")[1].splitlines()[0]
    assert "not acknowledged" not in next(
        line for line in watch.verb("ack").out.splitlines() if line.startswith("alpha")
    )
    watch.run()
    db = stores.connect(server.dsn(), 5)
    try:
        assert [row[0] for row in db.rows("SELECT event FROM heartbeat_beats ORDER BY at")] == ["success", "fail"]
        assert db.rows("SELECT acked_by IS NOT NULL FROM heartbeat_incidents WHERE component = 'alpha'") == [(True,)]
        assert db.rows("SELECT value FROM heartbeat_settings WHERE name = 'strategy'") == [("conservative",)]
        assert db.rows("SELECT count(*) FROM heartbeat_passes") == [(6,)]
    finally:
        db.close()
    assert watch.spools() == []


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(argv, capture_output=True, check=False).returncode != 0:
        lacking("mounting a small disk is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    with (folder / "full").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 1024)
        except OSError:
            return


@pytest.fixture
def memory() -> Iterator[list[Path]]:
    """Folders whose spools in memory are thrown away at the end."""
    used: list[Path] = []
    yield used
    for folder in used:
        shutil.rmtree(spool.folders(folder)[1], ignore_errors=True)


def test_the_disk_of_a_sqlite_store_is_full(tmp_path: Path, small: Path, memory: list[Path]) -> None:
    """Memory takes over; with room again all of it is in the store."""
    watch = Watch(tmp_path, f"sqlite:///{small}/store.db")
    text = (tmp_path / "heartbeat.toml").read_text().replace(f'"{tmp_path}/state"', f'"{small}/state"')
    (tmp_path / "heartbeat.toml").write_text(text)
    memory.append(watch.kept)
    story(watch, lambda: fill(small), (small / "full").unlink)


def test_the_spools_disk_fills_up_while_the_store_is_away(
    tmp_path: Path, small: Path, server: Server, memory: list[Path]
) -> None:
    watch = Watch(tmp_path, server.dsn())
    text = (tmp_path / "heartbeat.toml").read_text().replace(f'"{tmp_path}/state"', f'"{small}/state"')
    (tmp_path / "heartbeat.toml").write_text(text)
    memory.append(watch.kept)
    (tmp_path / "alpha").unlink()
    watch.run()
    server.stop()
    watch.run()
    fill(small)
    watch.run(2)
    assert len(watch.spools()) == 2
    assert watch.told()[0] == "alpha command_down"
    server.start()  # and the disk is still full
    (tmp_path / "alpha").touch()
    watch.run(2)
    assert [one for one in watch.told() if one.startswith("alpha")] == ["alpha command_down", "alpha recovered"]
    watch.is_whole()


@pytest.mark.parametrize("damage", ["garbage", "half", "empty", "newer"])
def test_a_spool_that_is_no_good(tmp_path: Path, server: Server, damage: str) -> None:
    """It is put aside and said; the watch goes on, store or no store."""
    watch = Watch(tmp_path, server.dsn())
    watch.run()
    server.stop()
    watch.run()
    (path,) = watch.spools()
    _damage(path, damage)
    kept = watch.runs - 1  # what was in the damaged one is not in the store
    said = watch.run(2)
    assert ("kept as" in said) == (damage != "empty"), said
    server.start()
    watch.run()
    watch.runs = kept + 3
    watch.is_whole()
    assert len(list(watch.kept.glob("spool-unreadable-*.db"))) == (damage != "empty")


def _damage(path: Path, damage: str) -> None:
    if damage == "newer":
        db = stores.connect(f"sqlite:///{path}", 5)
        db.run("UPDATE heartbeat_schema SET version = 99")
        db.close()
        return
    for side in ("-wal", "-shm"):
        Path(f"{path}{side}").unlink(missing_ok=True)
    data = path.read_bytes()
    path.write_bytes({"garbage": b"no database at all" * 500, "half": data[: len(data) // 2], "empty": b""}[damage])


@pytest.mark.parametrize("text", ["", "[]", '{"heartbeat_state": [["alpha"]]}', '{"heartbeat_state": 7}', "\0\xff"])
def test_a_mirror_that_is_no_good(tmp_path: Path, server: Server, text: str) -> None:
    watch = Watch(tmp_path, server.dsn())
    (tmp_path / "alpha").unlink()
    watch.run(2)
    (watch.kept / "mirror.json").write_text(text)
    server.stop()
    watch.run()
    server.start()
    watch.run()  # judged over what the store knew: the third and fourth failing check
    assert watch.told() == ["alpha command_down"]
    watch.is_whole()


@pytest.mark.parametrize("seed", [4, 5])
def test_killed_at_any_moment_while_the_store_comes_and_goes(tmp_path: Path, server: Server, seed: int) -> None:
    """Making the spool, seeding it, working on it, replaying it, throwing it away: whatever the moment, every pass is
    in the store once, and the counters, incidents and alerts are those of an uninterrupted life."""
    away, outages = False, 0

    def weather(chance: float) -> None:
        nonlocal away, outages
        if away and chance > 0.7:
            server.start()
        elif not away and chance < 0.3 and harness.mirror_is_current():
            server.stop()
            outages += 1
        else:
            return
        away = not away

    harness = Harness(tmp_path, server.dsn(), seed)
    outcome = harness.play(KILLS, weather)
    assert outcome.kills == KILLS and outcome.passes > 3 and outages > 1
    assert spool.existing(kept_in(harness.path)) == []
