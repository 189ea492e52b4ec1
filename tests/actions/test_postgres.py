"""The `postgres` action against a real server: what it ends, what it leaves, and what it may not."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal

import psycopg2
import pytest

from heartbeat_cli.actions import postgres as action
from heartbeat_cli.actions.postgres import Settings
from heartbeat_cli.domain.recovery.outcome import Outcome
from tests.parts.postgres import Server, free_port, session
from tests.parts.postgres_impostor import impostor

Do = Literal["reload", "terminate_idle", "terminate_blockers"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """`app` is an ordinary role, `watcher` sees all sessions, `healer` may end them too."""
    with Server() as running:
        running.execute("CREATE ROLE app LOGIN; CREATE ROLE watcher LOGIN; CREATE ROLE healer LOGIN")
        running.execute("GRANT pg_read_all_stats TO watcher, healer; GRANT pg_signal_backend TO healer")
        running.execute("CREATE TABLE kept (n int); GRANT ALL ON kept TO app")
        yield running


def run(dsn: str, do: Do = "reload", older_than: float = 0.3, timeout: float = 5.0) -> Outcome:
    begun = time.monotonic()
    try:
        return action.run(Settings(dsn, do, older_than), timeout=timeout)
    finally:
        assert time.monotonic() - begun < timeout + 3.0


def alive(connection: Any) -> bool:
    with suppress(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return True
    return False


def test_reload_reads_the_configuration_again(server: Server) -> None:
    server.configure(work_mem="5678kB")
    assert run(server.dsn()) == Outcome("done", f"127.0.0.1:{server.port} reloads its configuration")
    ends = time.monotonic() + 10
    shown = ""
    while shown != "5678kB" and time.monotonic() < ends:
        time.sleep(0.05)
        with session(server.dsn()) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW work_mem")
            shown = cursor.fetchone()[0]
    assert shown == "5678kB"


def test_reload_needs_the_right_to(server: Server) -> None:
    found = run(server.dsn(user="app"))
    assert found.result == "denied"
    assert "permission denied for function pg_reload_conf" in found.detail


def test_only_sessions_idle_for_long_are_ended(server: Server) -> None:
    with session(server.dsn(user="app"), "SELECT 1") as old, session(server.dsn(user="app")) as resting:
        time.sleep(0.5)
        with session(server.dsn(user="app"), "SELECT 1") as young:
            found = run(server.dsn(user="healer"), "terminate_idle", 0.4)
            assert (found.result, found.detail) == (
                "done",
                "ended 1 of 1 sessions idle in a transaction for over 0.4 s",
            )
            assert f"ended: pid {old.info.backend_pid}, role app" in found.output
            assert (alive(old), alive(young), alive(resting)) == (False, True, True)


def test_nothing_to_end_is_refused(server: Server) -> None:
    found = run(server.dsn(user="healer"), "terminate_idle", 300.0)
    assert found == Outcome(
        "refused", "no session this role may see is idle in a transaction for over 5 min: nothing to end"
    )


def test_a_role_that_may_not_end_sessions_is_denied(server: Server) -> None:
    with session(server.dsn(user="app"), "SELECT 1") as old:
        time.sleep(0.4)
        found = run(server.dsn(user="watcher"), "terminate_idle")
        assert (found.result, alive(old)) == ("denied", True)
        assert "GRANT pg_signal_backend, pg_read_all_stats TO this role" in found.detail


def test_a_superusers_session_is_left_alone(server: Server) -> None:
    with session(server.dsn(), "SELECT 1") as mighty, session(server.dsn(user="app"), "SELECT 1") as old:
        time.sleep(0.4)
        found = run(server.dsn(user="healer"), "terminate_idle")
        assert found.detail.startswith("ended 1 of 2 sessions") and found.detail.endswith(", 1 left")
        assert f"not allowed to end: pid {mighty.info.backend_pid}" in found.output
        assert (alive(mighty), alive(old)) == (True, False)


def test_the_session_others_wait_for_is_ended(server: Server) -> None:
    got_it = threading.Event()

    def wait() -> None:
        with session(server.dsn(user="app"), "LOCK TABLE kept"):
            got_it.set()

    with session(server.dsn(user="app"), "LOCK TABLE kept") as holder:
        waiter = threading.Thread(target=wait)
        waiter.start()
        try:
            time.sleep(0.6)
            patient = run(server.dsn(user="healer"), "terminate_blockers", 30.0)
            assert (patient.result, got_it.is_set()) == ("refused", False)
            found = run(server.dsn(user="healer"), "terminate_blockers")
            assert (found.result, found.detail) == ("done", "ended 1 of 1 sessions blocking for over 0.3 s")
            assert got_it.wait(10)
            assert not alive(holder)
        finally:
            holder.close()
            waiter.join(10)


@pytest.mark.whole
def test_a_server_that_is_gone_or_hangs(server: Server) -> None:
    port = free_port()
    gone = run(f"host=127.0.0.1 port={port}")
    assert gone == Outcome("failed", f"no connection to 127.0.0.1:{port}: Connection refused")
    with impostor() as hanging:
        assert run(f"host=127.0.0.1 port={hanging}", timeout=0.5).result == "failed"
    server.pause()
    try:
        assert run(server.dsn(), timeout=0.5).result == "failed"
    finally:
        server.resume()


def test_settings_that_cannot_be_meant() -> None:
    assert [key for key, _ in action.problems(Settings("dbname=x", older_than=-1.0))] == ["older_than"]
    assert action.problems(Settings("dbname=x")) == []
