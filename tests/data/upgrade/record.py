"""Records the stores that the test of upgrades begins with: version 0.1.0 over three days of a scripted world.

    .venv/bin/python -m tests.data.upgrade.record

needs git and PostgreSQL's programs, and replaces the files in this folder. See README.md.
"""

import gzip
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.parts.http import Answer, healthy_server
from tests.parts.postgres import Server

COMMIT = "4a7c19baa16623b176506bda320ee14c59d72cd3"  # the last of version 0.1.0
HERE = Path(__file__).parent
FOLDER = Path("/srv/heartbeat-0.1.0")  # is in what is recorded
START = datetime(2026, 11, 19, 16, tzinfo=UTC)  # midnight in Hong Kong
STEP = timedelta(minutes=10)
DAYS = ("2026-11-20", "2026-11-21", "2026-11-22")
TARGETS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
TARGET = '#!/bin/sh\nread -r code text < "${0%/*}/world/$1"\necho "$text"\nexit "$code"\n'
HEAL = '#!/bin/sh\necho "0 restarted | users=7" > "${0%/*}/world/$1"\n'
FINE = "0 answers | users=5 load=0.25"
REFUSED = "2 connection refused by 10.0.0.7"

# Hours since the start, and what happens then. From HOOK_ENDS on the hook takes nothing, from STORE_ENDS on the store
# is away.
WORLD: tuple[tuple[float, str, str], ...] = (
    (8, "alpha", REFUSED),  # until its step heals it; beta needs it
    (8, "beta", "2 waits for alpha"),
    (9.5, "beta", FINE),
    *((14 + number / 6, "gamma", REFUSED if number % 2 else FINE) for number in range(25)),  # it flaps
    (20, "delta", "1 answers in 9 s"),  # degraded
    (23, "delta", FINE),
    (26, "zeta", "2 in maintenance"),
    (27, "zeta", FINE),
    (34, "delta", REFUSED),  # until somebody repairs it: its step does not help
    (40, "delta", FINE),
    (50, "beta", "3 no permission to look"),  # unknown
    (51, "beta", FINE),
    (60, "epsilon", "2 disk full on /srv"),  # for good
    (70, "zeta", "2 no route to host"),  # for good, in a silence
    (76, "beta", "1 answers in 9 s"),  # for good: nobody hears of it
    (76.6, "gamma", REFUSED),  # for good: nobody hears of it
    (77.7, "delta", REFUSED),  # for good: the store does not hear of it
)
BY_HAND: tuple[tuple[float, tuple[str, ...]], ...] = (
    (1, ("beat", "backup", "--start")),
    (1.2, ("beat", "backup", "-m", "4 GB")),
    (15, ("silence", "gamma", "--for", "60", "--reason", "known")),
    (25, ("beat", "backup", "--exit-code", "0")),
    (36, ("ack", "delta")),
    (62, ("ack", "epsilon")),
    (69, ("silence", "zeta", "--for", "20160", "--reason", "moving house")),
)
NO_RUNS = (43.0, 46.0)
HOOK_ENDS, STORE_ENDS, END = 75.9, 77.5, 78.2


class World:
    """The targets, and version 0.1.0 as cron would start it with a clock of its own."""

    def __init__(self, folder: Path, source: Path, store: str, hook: str, environment: dict[str, str]) -> None:
        self.folder, self.now = folder, START
        text = (HERE / "heartbeat.toml").read_text()
        (folder / "heartbeat.toml").write_text(
            text.replace("{folder}", str(folder)).replace("{store}", store).replace("{hook}", hook)
        )
        furnish(folder)
        environment |= {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(source / "src")}
        argv, pipe = [sys.executable, str(HERE / "past.py")], subprocess.PIPE
        self._program = subprocess.Popen(argv, cwd=folder, env=environment, stdin=pipe, stdout=pipe, text=True)

    def heartbeat(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        assert self._program.stdin and self._program.stdout
        self._program.stdin.write(json.dumps([words, self.now.timestamp()]) + "\n")
        self._program.stdin.flush()
        code, out, err = json.loads(self._program.stdout.readline())
        if code not in codes:
            raise SystemExit(f"{self.now} {words}: {code}\n{out}\n{err}")
        return str(out)

    def close(self) -> None:
        self._program.communicate()

    def play(self, hook: Callable[[], None], store_away: Callable[[], None], before: Callable[[], None]) -> None:
        """Three days and some hours. `hook` shuts the hook, `store_away` the store, `before` is called between."""
        world, by_hand, passed = list(WORLD), list(BY_HAND), -1.0
        while (hours := (self.now - START) / timedelta(hours=1)) < END:
            while world and world[0][0] <= hours:
                _, name, state = world.pop(0)
                (self.folder / "world" / name).write_text(f"{state}\n")
            while by_hand and by_hand[0][0] <= hours:
                self.heartbeat(*by_hand.pop(0)[1])
            if passed < HOOK_ENDS <= hours:
                hook()
            if passed < STORE_ENDS <= hours:
                before()
                store_away()
            if not NO_RUNS[0] <= hours < NO_RUNS[1]:
                self.heartbeat("run")
            passed, self.now = hours, self.now + STEP


def furnish(folder: Path) -> None:
    """The programs of the configuration, and targets that are well."""
    (folder / "world").mkdir()
    for name in TARGETS:
        (folder / "world" / name).write_text(f"{FINE}\n")
    for name, text in (("target", TARGET), ("heal", HEAL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def figures(world: World) -> dict[str, Any]:
    """What version 0.1.0 itself says of what it has stored."""
    reports = {day: json.loads(world.heartbeat("report", "--date", day, "--format", "json")) for day in DAYS}
    span = ("report", "--from", DAYS[0], "--to", DAYS[-1], "--format", "json")
    return {
        "reports": reports,
        "span": json.loads(world.heartbeat(*span)),
        "status": json.loads(world.heartbeat("status", "--format", "json", codes=(0, 1))),
        "alerts": json.loads(world.heartbeat("alerts", "--since", "7d", "--format", "json")),
        "messages": [json.loads(line) for line in (world.folder / "messages.jsonl").read_text().splitlines()],
    }


def write(name: str, made: dict[str, Any], files: dict[str, bytes]) -> None:
    """The recorded figures and the files of the store, in an archive whose bytes depend on them alone."""
    files = files | {"figures.json": json.dumps(made, indent=1, ensure_ascii=False).encode()}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    (HERE / f"{name}.tar.gz").write_bytes(gzip.compress(packed.getvalue(), mtime=0))


def state_files(folder: Path) -> dict[str, bytes]:
    """Mirror and spool, as 0.1.0 leaves them in the state folder."""
    for path in (folder / "state").glob("*.db"):
        in_one_file(path)
    kept = (folder / "state").glob("*")
    return {f"state/{path.name}": path.read_bytes() for path in kept if path.is_file() and path.stat().st_size}


def in_one_file(path: Path) -> None:
    """Take what waits in the log of a SQLite file into it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("VACUUM")


def record_sqlite(folder: Path, source: Path) -> None:
    with healthy_server() as server:
        world = World(folder, source, "sqlite:///store.db", server.url, {})
        truth: dict[str, Any] = {}

        def away() -> None:
            (folder / "store.db").rename(folder / "kept.db")
            (folder / "store.db").mkdir()

        world.play(lambda: refuse(server), away, lambda: truth.update(figures(world)))
        world.close()
    in_one_file(folder / "kept.db")
    write("sqlite", truth, {"store.db": (folder / "kept.db").read_bytes(), **state_files(folder)})


def record_postgres(folder: Path, source: Path) -> None:
    with Server() as postgres, healthy_server() as server:
        postgres.execute("CREATE DATABASE heartbeat")
        environment = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": "postgres"}
        world = World(folder, source, "postgresql:///heartbeat", server.url, environment)
        truth: dict[str, Any] = {}
        world.play(lambda: refuse(server), postgres.stop, lambda: truth.update(figures(world)))
        world.close()
        postgres.start()
        argv = [postgres.bin / "pg_dump", "--inserts", "--rows-per-insert=200", "--no-owner", "--no-privileges"]
        done = subprocess.run([*argv, "heartbeat"], env=os.environ | environment, check=True, capture_output=True)
    write("postgres", truth, {"store.sql": done.stdout, **state_files(folder)})


def refuse(server: Any) -> None:
    server.answer = Answer(503, b"later")


def main() -> None:
    FOLDER.mkdir(mode=0o755)
    try:
        archive = subprocess.run(
            ["git", "archive", COMMIT], cwd=HERE.parents[2], check=True, capture_output=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as old:
            old.extractall(FOLDER / "old", filter="data")
        for name, record in (("sqlite", record_sqlite), ("postgres", record_postgres)):
            if len(sys.argv) < 2 or name in sys.argv[1:]:
                (FOLDER / name).mkdir()
                record(FOLDER / name, FOLDER / "old")
    finally:
        shutil.rmtree(FOLDER)


if __name__ == "__main__":
    main()
