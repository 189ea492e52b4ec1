"""Whose store it is: one that the configuration names for a moment, one that another configuration names, one that was
restored or begun anew. Nothing goes into the wrong store, nothing is lost, nothing is told twice."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from heartbeat_cli.store.sql import database as stores
from heartbeat_cli.store.standby import spool
from tests.parts.postgres import Server, execute
from tests.parts.stores import *  # noqa: F403 - the fixture of both stores
from tests.parts.verb import heartbeat
from tests.parts.watch import Watch, kept_in


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


def in_store(url: str, sql: str) -> list[tuple[object, ...]]:
    db = stores.connect(url, 5)
    try:
        return db.rows(sql)
    finally:
        db.close()


def quiet(watch: Watch) -> Watch:
    """With a message for each thing that is told."""
    watch.change('kind = "file"', 'kind = "file"\ndigest = false')
    return watch


# --- the configuration for a moment ------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["empty", "absent", "another store"])
def test_for_one_minute_the_configuration_names_no_store_or_another(
    tmp_path: Path, server: Server, moment: str
) -> None:
    """An editor saves the file while PostgreSQL is away: that run must not carry the spool anywhere."""
    watch = quiet(Watch(tmp_path, server.dsn()))
    path, other = tmp_path / "heartbeat.toml", tmp_path / "other.db"
    good = path.read_text()
    (tmp_path / "alpha").unlink()
    watch.run()
    server.stop()
    watch.run(3)
    assert watch.told() == ["alpha command_down", "here store_unreachable"]
    (held,) = watch.spools()
    if moment == "empty":
        path.write_text("")
        ended = heartbeat(tmp_path, "run")
        assert (ended.code, ended.err.count("\n")) == (2, 1) and "[heartbeat]" in ended.err
        assert not (tmp_path / ".local").exists()
    elif moment == "absent":
        path.rename(tmp_path / "away")
        state = tmp_path / ".local/state/heartbeat"
        state.parent.mkdir(parents=True)
        state.symlink_to(tmp_path / "state")  # as when the file names the default
        ended = heartbeat(tmp_path, "run")
        assert ended.code == 0 and f"{held.name}: is not of this configuration" in ended.err, ended.err
    else:
        path.write_text(good.replace(server.dsn(), f"sqlite:///{other}"))
        assert heartbeat(tmp_path, "run").code == 0
        assert in_store(f"sqlite:///{other}", "SELECT count(*) FROM heartbeat_passes") == [(1,)]
    path.write_text(good)
    assert watch.spools() == [held]
    watch.run()
    server.start()
    (tmp_path / "alpha").touch()
    watch.run()
    assert [one for one in watch.told() if "alpha" in one] == ["alpha command_down", "alpha recovered"]
    watch.is_whole()


def test_another_store_at_the_same_address_gets_nothing(tmp_path: Path, server: Server) -> None:
    """A tunnel that leads elsewhere for a while: what was kept for the store is kept until that one is back."""
    for name in ("watched", "stranger"):
        server.execute(f"CREATE DATABASE {name}")
    dsn = server.dsn(dbname="watched")
    (tmp_path / "elsewhere").mkdir()
    other = Watch(tmp_path / "elsewhere", server.dsn(dbname="stranger"))
    other.run(2)
    watch = Watch(tmp_path, dsn)
    (tmp_path / "alpha").unlink()
    watch.run()
    server.stop()
    watch.run(3)
    server.start()
    server.execute("ALTER DATABASE watched RENAME TO hidden")
    server.execute("ALTER DATABASE stranger RENAME TO watched")
    said = watch.run()
    assert "is another store than before" in said and "for another store, and is kept" in said
    assert "another store" not in watch.run(), "said once"
    (aside,) = spool.aside(watch.kept)
    doctor = json.loads(watch.verb("doctor", "--format", "json").out)
    assert any(str(aside) in one["text"] for one in doctor if one["topic"] == "state")
    assert in_store(dsn, "SELECT count(*) FROM heartbeat_passes") == [(4,)], "two of its own and two of this host"
    server.execute("ALTER DATABASE watched RENAME TO stranger")
    server.execute("ALTER DATABASE hidden RENAME TO watched")
    told = watch.told()
    watch.run()
    watch.runs -= 2
    watch.is_whole()
    assert spool.aside(watch.kept) == [] and watch.told()[: len(told)] == told
    assert [one for one in watch.told()[len(told) :] if "command_down" in one] == []


# --- two configurations, moved ones, earlier versions ----------------------------------------------------------------


def test_two_configurations_of_one_user_share_nothing(tmp_path: Path, server: Server) -> None:
    """B's fault made A tell of an end: both have a component `alpha`, and the store of both is away."""
    folders = [tmp_path / name for name in "ab"]
    for name, folder in zip("ab", folders, strict=True):
        folder.mkdir()
        server.execute(f"CREATE DATABASE {name}")
    both = [Watch(folder, server.dsn(dbname=folder.name)) for folder in folders]
    for one in both:
        one.change(f"{one.folder}/state", f"{tmp_path}/state")
    a, b = both
    (b.folder / "alpha").unlink()
    a.run()
    b.run(3)
    server.stop()
    a.run(2)
    b.run()
    assert a.told() == [] and b.told() == ["alpha command_down"]
    server.start()
    for one in both:
        one.run()
        one.is_whole()
    assert a.told() == [] and b.told() == ["alpha command_down"]


def test_a_configuration_that_was_moved_finds_its_spool(tmp_path: Path, server: Server) -> None:
    watch = Watch(tmp_path, server.dsn())
    (tmp_path / "alpha").unlink()
    watch.run()
    server.stop()
    watch.run(2)
    (tmp_path / "heartbeat.toml").rename(tmp_path / "moved.toml")
    assert heartbeat(tmp_path, "--config", "moved.toml", "run").code == 0
    assert len(spool.existing(kept_in(tmp_path / "moved.toml"))) == 1
    server.start()
    assert heartbeat(tmp_path, "--config", "moved.toml", "run").code == 0
    (tmp_path / "moved.toml").rename(tmp_path / "heartbeat.toml")
    watch.runs += 2
    watch.is_whole()
    assert [one for one in watch.told() if "alpha" in one] == ["alpha command_down"]


def as_earlier_version(watch: Watch) -> Path:
    """Put the local files where an earlier version had them, without what says whose they are."""
    kept, state = watch.kept, watch.kept.parents[1]
    if (kept / "spool.db").exists():
        db = stores.connect(f"sqlite:///{kept}/spool.db", 5)
        db.run("DELETE FROM heartbeat_settings WHERE name LIKE ?", ("store/%",))
        db.close()
        (kept / "spool.db").rename(state / "spool.db")
    head, _, rest = (kept / "mirror.json").read_text().partition("\n")
    (state / "mirror.json").write_text(f"{head.split(' ')[0]}\n{rest}")
    (state / "run.lock").touch()
    shutil.rmtree(kept.parent)
    return state


@pytest.mark.parametrize("spooled", [True, False])
def test_what_an_earlier_version_left_is_taken_over(tmp_path: Path, server: Server, spooled: bool) -> None:
    """An upgrade while the store is away, in the first minutes or later: the fault that was told is not told again."""
    watch = Watch(tmp_path, server.dsn())
    (tmp_path / "alpha").unlink()
    watch.run(3)
    server.stop()
    if spooled:
        watch.run(2)
    state = as_earlier_version(watch)
    watch.run()
    assert not (state / "spool.db").exists() and not (state / "mirror.json").exists()
    watch.run(2)
    server.start()
    watch.run()
    assert [one for one in watch.told() if "alpha" in one] == ["alpha command_down"]
    watch.is_whole()


def test_an_earlier_versions_spool_of_another_store_is_left_alone(tmp_path: Path, server: Server) -> None:
    watch = Watch(tmp_path, server.dsn())
    watch.run()
    server.stop()
    watch.run(2)
    state = as_earlier_version(watch)
    old = f"sqlite:///{state}/spool.db"
    held = in_store(old, "SELECT started FROM heartbeat_pass_rows")
    watch.change(server.dsn(), f"sqlite:///{tmp_path}/other.db")
    assert "state/spool.db: is not of this configuration; it is left alone" in watch.run()
    assert "left alone" not in watch.run()
    assert in_store(old, "SELECT started FROM heartbeat_pass_rows") == held and len(held) == 2


# --- a spool that is in the way --------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["folder", "fifo", "link"])
def test_a_spool_that_cannot_be_read_does_not_keep_the_store_unused(tmp_path: Path, store_url: str, what: str) -> None:
    """It is told once and kept; passes go into the store."""
    watch = Watch(tmp_path, store_url)
    watch.run()
    path = watch.kept / "spool.db"
    {
        "folder": Path.mkdir,
        "fifo": os.mkfifo,
        "link": lambda path: path.symlink_to("/dev/zero"),
    }[what](path)
    before = path.lstat()
    said = watch.run()
    assert "the store is used without it" in said and str(path) in said
    assert watch.run(2) == ""
    assert (path.lstat().st_mode, path.lstat().st_ino) == (before.st_mode, before.st_ino)
    assert in_store(store_url, "SELECT count(*) FROM heartbeat_passes WHERE detected") == [(4,)]
    assert watch.verb("status").err == ""


@pytest.mark.parametrize("name", ["mirror.json", "passed", "../dashboard.days", "../spool.trouble", "../pinged"])
@pytest.mark.parametrize("what", ["folder", "fifo", "link"])
def test_nothing_that_lies_in_the_state_folder_holds_a_pass_up(
    tmp_path: Path, store_url: str, name: str, what: str
) -> None:
    """A FIFO was waited for, before any deadline."""
    watch = Watch(tmp_path, store_url, also='ping_url = "http://127.0.0.1:9/x"\nping_every = 60\n')
    watch.change("[channels", f'[dashboard]\nfile = "{tmp_path}/page.html"\ninterval = 0.01\n[channels')
    watch.run()
    path = watch.kept / name
    path.unlink(missing_ok=True)
    {"folder": Path.mkdir, "fifo": os.mkfifo, "link": lambda path: path.symlink_to("/dev/zero")}[what](path)
    ended = heartbeat(tmp_path, "run", timeout=30)
    assert ended.code == 0 and "Traceback" not in ended.err


# --- restored, begun anew --------------------------------------------------------------------------------------------


class Backup:
    """A copy of a store, and that put back in its place."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.copy = url, folder / "backup"
        self.path = Path(url.removeprefix("sqlite:///"))
        self.base, self.name = url.rpartition("/")[0], url.rpartition("/")[2].partition("?")[0]

    def make(self) -> None:
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(self.copy)) as target:
                source.backup(target)
        else:
            self._admin(f"CREATE DATABASE {self.name}_old TEMPLATE {self.name}")

    def restore(self) -> None:
        if self.url.startswith("sqlite"):
            for end in ("-wal", "-shm"):
                Path(f"{self.path}{end}").unlink(missing_ok=True)
            shutil.copy(self.copy, self.path)
        else:
            self._admin(f"DROP DATABASE {self.name} WITH (FORCE)")
            self._admin(f"ALTER DATABASE {self.name}_old RENAME TO {self.name}")

    def _admin(self, sql: str) -> None:
        execute(self.url.replace(f"/{self.name}", "/postgres"), sql)


@pytest.fixture
def backup(store_url: str, tmp_path: Path) -> Backup:
    return Backup(store_url, tmp_path)


Story = Callable[[Watch], None]


def breaks(watch: Watch) -> None:
    (watch.folder / "alpha").unlink()
    watch.run(3)


def heals(watch: Watch) -> None:
    (watch.folder / "alpha").touch()
    watch.run(2)


def breaks_and_heals(watch: Watch) -> None:
    breaks(watch)
    heals(watch)


@pytest.mark.parametrize(
    ("before", "since"), [(Watch.run, breaks), (breaks, heals), (Watch.run, breaks_and_heals), (breaks, Watch.run)]
)
def test_a_restored_store_tells_nothing_twice(
    tmp_path: Path, store_url: str, backup: Backup, before: Story, since: Story
) -> None:
    watch = quiet(Watch(tmp_path, store_url))
    before(watch)
    backup.make()
    since(watch)
    told = watch.told()
    backup.restore()
    watch.run(3)
    assert watch.told() == [*told, "here store_went_back"]
    broken = not (tmp_path / "alpha").exists()
    assert in_store(store_url, "SELECT count(*) FROM heartbeat_incidents WHERE ended IS NULL") == [(int(broken),)]
    assert in_store(store_url, "SELECT count(*) FROM heartbeat_outbox WHERE state <> 'sent'") == [(0,)]
    shown = {row["component"]: row["state"] for row in json.loads(watch.verb("status", "--format", "json").out)}
    assert shown["alpha"] == ("fault" if broken else "healthy")
    (heals if broken else breaks)(watch)
    assert watch.told() == [*told, "here store_went_back", "alpha recovered" if broken else "alpha command_down"]


def test_a_backup_that_is_older_than_identities(tmp_path: Path, store_url: str, backup: Backup) -> None:
    """Of last night, restored in the first days after the upgrade: the store has none, and is the same all the same."""
    watch = quiet(Watch(tmp_path, store_url))
    watch.run()
    mirror = watch.kept / "mirror.json"
    known = in_store(store_url, "SELECT value FROM heartbeat_settings WHERE name = 'store/id'")
    db = stores.connect(store_url, 5)
    db.run("DELETE FROM heartbeat_settings WHERE name LIKE ?", ("store/%",))
    db.close()
    kept = mirror.read_bytes()
    backup.make()
    db = stores.connect(store_url, 5)
    db.run("INSERT INTO heartbeat_settings VALUES ('store/id', ?)", known[0])
    db.close()
    mirror.write_bytes(kept)
    breaks(watch)
    backup.restore()
    assert "another store" not in watch.run(3)
    assert watch.told() == ["alpha command_down", "here store_went_back"]
    assert in_store(store_url, "SELECT value FROM heartbeat_settings WHERE name = 'store/id'") == known


def test_a_backup_of_this_very_moment_is_no_news(tmp_path: Path, store_url: str, backup: Backup) -> None:
    watch = quiet(Watch(tmp_path, store_url))
    breaks(watch)
    backup.make()
    backup.restore()
    watch.run(2)
    assert watch.told() == ["alpha command_down"]


def test_a_store_that_was_restored_while_it_was_away(tmp_path: Path, server: Server) -> None:
    """What was seen without it goes in over what the mirror knows."""
    server.execute("CREATE DATABASE watched")
    watch = quiet(Watch(tmp_path, server.dsn(dbname="watched")))
    watch.run(2)
    server.execute("CREATE DATABASE old TEMPLATE watched")
    breaks(watch)
    server.stop()
    watch.run(2)
    heals(watch)
    told = watch.told()
    assert [one for one in told if "alpha" in one] == ["alpha command_down", "alpha recovered"]
    server.start()
    server.execute("DROP DATABASE watched")
    server.execute("ALTER DATABASE old RENAME TO watched")
    watch.run(2)
    assert sorted(set(watch.told()) - set(told)) == ["here store_restored", "here store_went_back"]
    dsn = server.dsn(dbname="watched")
    assert in_store(dsn, "SELECT count(*) FROM heartbeat_passes WHERE detected") == [(8,)], "two, four kept, two more"
    assert in_store(dsn, "SELECT count(*) FROM heartbeat_incidents WHERE ended IS NULL") == [(0,)]


def test_of_several_hosts_one_tells_and_each_brings_what_it_knows(
    tmp_path: Path, store_url: str, backup: Backup
) -> None:
    hosts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        watch = quiet(Watch(tmp_path / name, store_url))
        watch.change('observer = "here"', f'observer = "{name}"')
        watch.change("[components.", f"[components.{name}-")
        hosts.append(watch)

    def told() -> list[str]:
        return sorted(one.partition(" ")[2] if "went_back" in one else one for host in hosts for one in host.told())

    for host in hosts:
        host.run()
    backup.make()
    for host in hosts:
        (host.folder / "alpha").unlink()
    for _ in range(3):
        for host in hosts:
            host.run()
    assert told() == ["one-alpha command_down", "two-alpha command_down"]
    backup.restore()
    for _ in range(3):
        for host in hosts:
            host.run()
    assert told() == ["one-alpha command_down", "store_went_back", "two-alpha command_down"]
    for host in hosts:
        heals(host)
    ends = ["one-alpha command_down", "one-alpha recovered", "store_went_back"]
    assert told() == [*ends, "two-alpha command_down", "two-alpha recovered"]


@pytest.mark.parametrize("how", ["truncated", "deleted"])
@pytest.mark.parametrize("reader", [True, False])
def test_a_sqlite_store_that_is_gone(tmp_path: Path, how: str, reader: bool) -> None:
    """It is begun anew, and that is told; the fault that was open is not told again, and its end is."""
    path = tmp_path / "store.db"
    watch = quiet(Watch(tmp_path, f"sqlite:///{path}"))
    breaks(watch)
    watch.run()
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    if how == "deleted":
        path.unlink()
    else:
        os.truncate(path, 0)
    if reader:  # a person is faster than cron
        watch.verb("status")
        assert watch.verb("silence", "beta").code == 0
    watch.run(3)
    assert watch.told() == ["alpha command_down", "here store_went_back"]
    heals(watch)
    assert watch.told() == ["alpha command_down", "here store_went_back", "alpha recovered"]


def test_steps_stay_within_their_budget(tmp_path: Path, store_url: str, backup: Backup) -> None:
    """The store forgot that a step was taken; it is not taken again."""
    watch = quiet(Watch(tmp_path, store_url))
    step = f'recovery = {{ ladder = [{{ action = "command", command = ["sh", "-c", "echo x >> {tmp_path}/steps"] }}] }}'
    watch.change(f'"{tmp_path}/alpha"]\n', f'"{tmp_path}/alpha"]\n{step}\n')
    watch.change('recovery = "off"\n', "")
    watch.run()
    backup.make()
    breaks(watch)
    assert (tmp_path / "steps").read_text() == "x\n"
    backup.restore()
    watch.run(4)
    assert (tmp_path / "steps").read_text() == "x\n"


def test_what_was_checked_under_another_name_is_judged(tmp_path: Path, store_url: str) -> None:
    watch = Watch(tmp_path, store_url)
    (tmp_path / "alpha").unlink()
    for _ in range(3):
        assert watch.verb("check").code == 1
    watch.change('observer = "here"', 'observer = "renamed"')
    assert watch.verb("detect").code == 0
    assert in_store(store_url, "SELECT count(*) FROM heartbeat_passes WHERE detected IS NULL") == [(0,)]
    assert in_store(store_url, "SELECT component FROM heartbeat_incidents") == [("alpha",)]
