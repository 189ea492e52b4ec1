"""The store is a primary with a standby, and its address names both: whatever becomes of the two, and whenever, every
pass is in the store once, the counters, incidents and alerts are those of an uninterrupted life, and nobody is told
anything twice."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heartbeat_cli.store.sql import database as stores
from heartbeat_cli.store.standby import spool
from tests.parts.kills import Harness
from tests.parts.postgres import Server, session
from tests.parts.watch import Watch, kept_in

TIMEOUT = 4.0  # seconds of store_timeout: one of two hosts has half of it, which a busy machine needs
_names = iter(range(1_000_000))


class Pair:
    """Two servers, by turns primary and standby. `fresh` names a new database on a pair that is in order."""

    def __init__(self) -> None:
        self.primary = Server(settings={"synchronous_commit": "on"}).__enter__()
        self.standby = self.primary.standby()
        self.name = ""

    def fresh(self) -> None:
        """The last one is dropped: whatever is there is copied when a standby is made anew."""
        if self.name:
            self.primary.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        self.name = f"watch{next(_names)}"
        self.primary.execute(f"CREATE DATABASE {self.name}")

    def in_order(self) -> bool:
        """Both run, and the one follows the other."""
        following = "SELECT count(*) > 0 FROM pg_stat_replication WHERE state = 'streaming'"
        return self.primary.is_up and self.standby.is_up and self.primary.ask(following) == (True,)

    def address(self, more: str = "target_session_attrs=read-write") -> str:
        """The primary of now first."""
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in (self.primary, self.standby))
        return f"postgresql://postgres@{hosts}/{self.name}?sslmode=disable&gssencmode=disable&{more}"

    def sockets(self) -> str:
        both = (self.primary, self.standby)
        hosts, ports = ",".join(str(one.home) for one in both), ",".join(str(one.port) for one in both)
        return f"postgresql://postgres@/{self.name}?host={hosts}&port={ports}&target_session_attrs=read-write"

    def synchronous(self, names: str) -> None:
        """A commit is one when the standby of that name (`*`: any; empty: none) has applied it."""
        self.primary.set(synchronous_commit="remote_apply", synchronous_standby_names=names)
        if names == "*":
            self.primary.await_true("SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'")

    def fail_over(self) -> None:
        """The primary dies as in a crash, the standby takes its place."""
        self.primary.kill()
        self.swap()

    def swap(self) -> None:
        """Promote the standby; whoever does that also tells it not to wait for one of its own."""
        self.standby.promote()
        self.standby.set(synchronous_standby_names="")
        self.primary, self.standby = self.standby, self.primary

    def mend(self) -> None:
        """The one that was lost comes back as the standby of the other."""
        if not self.primary.is_up:
            self.primary.start()
        self.standby.follow(self.primary)

    def destroy(self) -> None:
        self.primary.destroy()
        self.standby.destroy()


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.destroy()


@pytest.fixture
def pair(servers: Pair) -> Iterator[Pair]:
    """Put in order when it is wanted: after the last of these tests nobody needs that any more."""
    if not servers.in_order():
        servers.mend()
    servers.synchronous("")
    servers.fresh()
    yield servers


@pytest.mark.parametrize("form", ["address", "sockets"])
def test_the_primary_dies(tmp_path: Path, pair: Pair, form: str) -> None:
    """The standby is promoted; a pass in between is kept on this host; the other one's return changes nothing."""
    watch = Watch(tmp_path, getattr(pair, form)(), timeout=TIMEOUT)
    (tmp_path / "alpha").unlink()
    watch.run(2)
    pair.primary.await_replay()
    pair.primary.kill()
    said = watch.run()
    assert said.count("\n") == 1 and "read-only" in said and "going on with" in said
    assert watch.told() == ["alpha command_down"]
    pair.swap()
    (tmp_path / "alpha").touch()
    assert "answers again" in watch.run()
    assert watch.told() == ["alpha command_down", "alpha recovered"]
    pair.mend()
    assert watch.run(2) == ""
    watch.is_whole()


class Replicated(Harness):
    """The harness of the kills, with nothing killed but servers."""

    def _config(self) -> str:
        return super()._config().replace("[heartbeat]\n", f"[heartbeat]\nstore_timeout = {TIMEOUT}\n")

    def passes(self, times: int) -> None:
        for _ in range(times):
            self.move()
            self.run(killed=False)

    def on_its_own(self) -> bool:
        return spool.existing(kept_in(self.path)) != []


def test_a_life_of_failovers(tmp_path: Path, pair: Pair) -> None:
    pair.synchronous("*")
    life = Replicated(tmp_path, pair.address(), seed=7)
    life.passes(3)

    pair.primary.pause()  # a host that hangs: its kernel takes connections, and nobody speaks
    life.passes(1)
    assert life.on_its_own()
    pair.swap()
    life.passes(2)
    assert not life.on_its_own(), "the second host was not reached within store_timeout"

    pair.mend()  # the first of the address is a standby now, and read-only
    pair.synchronous("*")
    life.passes(2)
    assert not life.on_its_own()

    pair.fail_over()  # in the very moment that the last pass was kept
    life.passes(1)
    assert not life.on_its_own()

    pair.primary.kill()  # now both are down
    life.passes(3)
    assert life.on_its_own()
    pair.primary.start()
    life.passes(2)
    assert not life.on_its_own()
    outcome = life.compare(0)
    assert (outcome.passes, outcome.duplicates) == (14, 0)


@contextmanager
def in_the_background(work: Callable[[], object]) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(60)
        assert not thread.is_alive()


def between_check_and_detect(pair: Pair, watch: Watch) -> None:
    """beta's look is under way, the store already open, when the primary goes."""
    looking, go = watch.folder / "looking", watch.folder / "go"
    script = watch.folder / "gate"
    script.write_text(f'#!/bin/sh\ntouch "{looking}"\nuntil [ -e "{go}" ]; do sleep 0.02; done\n')
    script.chmod(0o755)
    config = watch.folder / "heartbeat.toml"
    config.write_text(
        config.read_text().replace(f'["test", "-e", "{watch.folder}/beta"]', f'["{script}"]\ntimeout = 60')
    )
    with in_the_background(watch.run):
        _await(looking.exists)
        pair.fail_over()
        go.touch()


def in_commit(pair: Pair, watch: Watch) -> None:
    """COMMIT has been sent, and is not done yet: it waits for a lock at its very end."""
    body = "BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END"
    wait = f"CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS '{body}';"
    on = "CREATE CONSTRAINT TRIGGER wait AFTER UPDATE ON heartbeat_looks DEFERRABLE INITIALLY DEFERRED"
    pair.primary.execute(f"{wait} {on} FOR EACH ROW EXECUTE FUNCTION wait()", pair.name)
    waiting = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with session(pair.primary.admin_dsn(pair.name), "SELECT pg_advisory_lock(7)"), in_the_background(watch.run):
        pair.primary.await_true(waiting)
        pair.primary.await_replay()
        pair.fail_over()
    pair.primary.execute("DROP TRIGGER wait ON heartbeat_looks", pair.name)


def after_commit(pair: Pair, watch: Watch) -> None:
    """COMMIT is done, and on the standby; only the answer never came."""
    pair.synchronous("nobody")
    with in_the_background(watch.run):
        pair.primary.await_true("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        pair.primary.await_replay()
        pair.fail_over()


@pytest.mark.parametrize("moment", [between_check_and_detect, in_commit, after_commit])
def test_failover_in_the_middle_of_a_pass(tmp_path: Path, pair: Pair, moment: Callable[[Pair, Watch], None]) -> None:
    """It is the pass that finds alpha's fault."""
    watch = Watch(tmp_path, pair.address(), timeout=TIMEOUT)
    (tmp_path / "alpha").unlink()
    watch.run(2)
    pair.primary.await_replay()
    moment(pair, watch)
    assert len(watch.spools()) == 1
    (tmp_path / "alpha").touch()
    watch.run(2)
    assert watch.told() == ["alpha command_down", "alpha recovered"]
    watch.is_whole()
    assert _numbers(watch) == (1, 2)


def test_what_is_kept_synchronously_is_not_lost(tmp_path: Path, pair: Pair) -> None:
    """The standby goes: no COMMIT is answered, and this host keeps the passes. It comes back, and the primary dies."""
    pair.synchronous("*")
    watch = Watch(tmp_path, pair.address(), timeout=1.0)
    (tmp_path / "alpha").unlink()
    watch.run(2)
    pair.standby.stop()
    watch.run(2)
    assert watch.told() == ["alpha command_down"]
    assert len(watch.spools()) == 1
    pair.standby.start()
    watch.run_until(lambda: watch.spools() == [])
    pair.fail_over()
    (tmp_path / "alpha").touch()
    watch.run()
    watch.run_until(lambda: watch.spools() == [])
    assert watch.told() == ["alpha command_down", "alpha recovered"]
    watch.is_whole()
    assert _numbers(watch) == (1, 2)


def test_what_asynchronous_replication_loses(tmp_path: Path, pair: Pair) -> None:
    """The passes that never came to the standby are gone; that the fault was told is known here: so says the manual."""
    watch = Watch(tmp_path, pair.address(), timeout=TIMEOUT)
    watch.change('kind = "file"', 'kind = "file"\ndigest = false')
    (tmp_path / "alpha").unlink()
    watch.run(2)
    pair.primary.await_replay()
    pair.standby.stop()
    watch.run()
    assert watch.told() == ["alpha command_down"]
    pair.primary.kill()
    pair.standby.start()
    pair.swap()
    watch.runs -= 1
    (tmp_path / "alpha").touch()
    watch.run(2)
    assert watch.told() == ["alpha command_down", "here store_went_back", "alpha recovered"]
    watch.is_whole()
    assert _numbers(watch) == (1, 3)


def test_doctor_says_which_host_it_reached(tmp_path: Path, pair: Pair) -> None:
    """Of the store, and of a component with several hosts; no password is shown."""
    pair.primary.execute("CREATE ROLE watch LOGIN SUPERUSER PASSWORD 's3cret-w0rd'")
    address = pair.address("").replace("postgres@", "watch:s3cret-w0rd@")
    also = f'[components.db]\nkind = "database"\ndsn = "{address}target_session_attrs=standby"\n'
    watch = Watch(tmp_path, address, also, timeout=TIMEOUT)
    pair.primary.await_replay()  # the role and the database are there on both
    ended = watch.verb("doctor")
    primary, standby = (f"127.0.0.1:{one.port}" for one in (pair.primary, pair.standby))
    assert f": {primary}: opened in" in _line(ended.out, "store")
    assert "healthy" in _line(ended.out, "component db")
    assert "s3cret" not in ended.out + ended.err

    pair.primary.stop()
    ended = watch.verb("doctor")
    store = _line(ended.out, "store")
    assert f"no connection to {primary}: Connection refused" in store
    assert f"no connection to {standby}: session is read-only" in store
    assert "all hosts it may be on" in ended.out
    assert "healthy" in _line(ended.out, "component db")
    assert "s3cret" not in ended.out + ended.err
    said = watch.verb("run").err
    assert len(said.splitlines()) == 1 and "s3cret" not in said

    alone = f"127.0.0.1:{pair.standby.port}/"
    config = tmp_path / "heartbeat.toml"
    config.write_text(config.read_text().replace(address.partition("@")[2].partition(pair.name)[0], alone))
    ended = watch.verb("doctor")
    assert "read-only transaction" in _line(ended.out, "store")
    assert "all hosts it may be on" in ended.out


def _line(out: str, topic: str) -> str:
    return next(line for line in out.splitlines() if line[6:].startswith(f"{topic}: "))


def _numbers(watch: Watch) -> tuple[int, int]:
    """Incidents and alerts in the store."""
    db = stores.connect(watch.store, TIMEOUT)
    try:
        (row,) = db.rows(
            "SELECT (SELECT count(*) FROM heartbeat_incidents), (SELECT count(*) FROM heartbeat_alert_rows)"
        )
        return row[0], row[1]
    finally:
        db.close()


def _await(done: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not done():
        assert time.monotonic() < ends
        time.sleep(0.02)
