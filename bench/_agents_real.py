"""The scenarios over real software on this host: Redis, PostgreSQL, workers of Celery and RQ."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg2
from tests.parts import agents, lacking, queues
from tests.parts.postgres import Server, free_port

from bench._agents_parts import Part
from bench._agents_scenario import Place, Restart, Scenario, nothing

_SLOTS = 12  # of PostgreSQL: those that heartbeat's checks may use, and those kept for superusers


def redis(place: Place) -> Iterator[Scenario]:
    """A Redis by its port: PING, and a SET where it is full."""
    for name, label, restart in (
        ("redis-killed", "process", "must"),
        ("redis-wedged", "process", "must"),
        ("redis-at-maxmemory", "resource", "never"),
    ):
        part = _redis(place, name)
        settings: dict[str, Any] = {"host": "127.0.0.1", "port": part.port, "send": "PING\r\n", "banner": "+PONG"}
        fail: Callable[[], object] = part.kill if name == "redis-killed" else part.freeze
        if label == "resource":
            settings |= {"send": "SET heartbeat 1\r\n", "banner": "+OK"}
            fail = _full(part)
        yield Scenario(name, "tcp", label, restart, settings, fail, steps=(part.step,))  # type: ignore[arg-type]


def _redis(place: Place, name: str, *, shared: bool = False) -> Part:
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None or shutil.which("redis-cli") is None:
        lacking("no redis-server (install redis-server)")
    argv = [program, "--port", "PORT", "--bind", "127.0.0.1", "--save", "1 1", "--appendonly", "no"]
    return place.add(Part(place.folder / name, argv, shared=shared))


def _full(part: Part) -> Callable[[], None]:
    """Filled up, and saved: a restart loads all of it again."""

    def fill() -> None:
        say = ["redis-cli", "-p", str(part.port)]
        with suppress(subprocess.CalledProcessError):
            subprocess.run([*say, "SET", "much", "x" * 100_000], check=True, capture_output=True, timeout=20)
        subprocess.run([*say, "CONFIG", "SET", "maxmemory", "1mb"], check=True, capture_output=True, timeout=20)

    return fill


def database(place: Place) -> Iterator[Scenario]:
    """PostgreSQL: its slots taken by others, a database that the address names wrongly, and one that is killed."""
    for name, label, after in (
        ("postgres-slots-used-up", "resource", {}),
        ("postgres-wrong-database", "unknown", {"dsn": "no_such_database"}),
    ):
        server = place.stack.enter_context(Server(port=free_port(), settings={"max_connections": str(_SLOTS)}))
        server.execute("CREATE ROLE app LOGIN")
        step = _restart_step(place.folder / name, server)
        dsn = {key: server.dsn(user="app", dbname=value) for key, value in after.items()}
        settings = {"dsn": server.dsn(user="app")}
        yield Scenario(name, "database", label, "never", settings, _taken(place, server) if not after else nothing,
                       steps=(step,), after=dsn)  # fmt: skip
    yield _killed_database(place)


def _restart_step(folder: Path, server: Server) -> dict[str, Any]:
    """A reload, as the step of a ladder that was written for it; it says that it mends no lack of slots."""
    folder.mkdir()
    script = folder / "restart"
    script.write_text(f'#!/bin/sh\nread -r pid <{server.data}/postmaster.pid\nkill -s HUP "$pid"\n')
    script.chmod(0o755)
    return {"action": "command", "command": [str(script)], "mends": ["process"]}


def _taken(place: Place, server: Server) -> Callable[[], None]:
    def take() -> None:
        with suppress(psycopg2.OperationalError):
            for _ in range(_SLOTS + 2):
                held = psycopg2.connect(server.admin_dsn(), connect_timeout=10)
                place.stack.callback(held.close)

    return take


def _killed_database(place: Place) -> Scenario:
    """One whose data was made by the tests' server, run as a part that a script can start again."""
    server = Server(port=free_port())
    place.stack.callback(server.destroy)
    argv = [str(server.bin / "postgres"), "-D", str(server.data), "-p", "PORT", "-k", str(server.home),
            "-c", "listen_addresses=127.0.0.1"]  # fmt: skip
    if os.geteuid() == 0:
        owner = pwd.getpwuid(server.data.stat().st_uid).pw_name
        argv = ["setpriv", f"--reuid={owner}", f"--regid={server.data.stat().st_gid}", "--clear-groups", *argv]
    part = place.add(Part(place.folder / "postgres-killed", argv))
    server.port = part.port
    return Scenario("postgres-killed", "database", "process", "must", {"dsn": server.dsn()}, part.kill,
                    steps=(part.step,))  # fmt: skip


def workers(place: Place) -> Iterator[Scenario]:
    """Workers of Celery and RQ: stuck ones still count as connected; idle and busy ones are left alone."""
    queues.python()
    broker = _redis(place, "broker", shared=True)
    for number, (name, kind, label) in enumerate((
        ("celery-stuck", "celery", "process"),
        ("celery-busy", "celery", "healthy"),
        ("celery-idle", "celery", "healthy"),
        ("rq-stuck", "rq", "process"),
        ("rq-busy", "rq", "healthy"),
    )):  # fmt: skip
        yield _worker(place, name, kind, label, broker.port, number)


def _worker(place: Place, name: str, kind: str, label: str, port: int, database: int) -> Scenario:
    url = f"redis://127.0.0.1:{port}/{database}"
    argv = {
        "celery": ["-m", "celery", "-A", "jobs", "worker", "-c", "1", "--without-gossip", "--without-mingle"],
        "rq": ["-m", "rq.cli", "worker", "-u", url],
    }[kind]
    folder = place.folder / name
    environment = {"BROKER": url, "PYTHONPATH": str(folder)}
    part = Part(folder, [str(queues.python()), *argv], environment)
    jobs = queues.Workers(kind, folder, url)
    part.wait = lambda log="output": _has_worked(jobs)  # type: ignore[method-assign]  # it listens on no port
    (folder / "done").write_text("")
    place.add(part)
    queue = "celery" if kind == "celery" else "rq:queue:default"

    def fail() -> None:
        if label == "process":
            part.freeze()
        if not name.endswith("idle"):
            jobs.enqueue(*([0.0] * 40 if label == "process" else [1.5] * 200))

    settings = {
        "waiting": {"redis": {"command": ["LLEN", queue], "port": port, "db": database}},
        "done": {"file": {"path": str(folder / "done"), "what": "lines"}},
        "within": 20,
    }
    restart = "must" if label == "process" else "never"
    return Scenario(name, "progress", label, restart, settings, fail, steps=(part.step,))  # type: ignore[arg-type]


def _has_worked(jobs: queues.Workers) -> None:
    """Until it has done a first job: what imports for seconds is not stuck."""
    from tests.parts.docker import wait_for

    jobs.enqueue(0.0)
    wait_for(lambda: jobs.done >= 1, f"a job of {jobs.folder.name}", 120)


def langgraph(place: Place) -> Iterator[Scenario]:
    """LangGraph's development server: ended, standing still, idle, and asked at a path that it does not have."""
    cases: tuple[tuple[str, str, Restart], ...] = (
        ("langgraph-killed", "process", "must"),
        ("langgraph-wedged", "process", "must"),
        ("langgraph-wrong-path", "configuration", "never"),
        ("langgraph-idle", "healthy", "never"),
    )
    for name, label, restart in cases:
        folder = place.folder / name
        part = Part(folder, agents.langgraph_command(folder, "PORT"), agents.LANGGRAPH_ENVIRONMENT)
        agents.write_graph(folder)
        place.add(part)
        address = f"http://127.0.0.1:{part.port}/ok"
        settings = {"url": address, "expect": "json", "json_path": "ok", "equals": "true"}
        breaks: dict[str, Callable[[], object]] = {"langgraph-killed": part.kill, "langgraph-wedged": part.freeze}
        after = {"url": f"http://127.0.0.1:{part.port}/okay"} if label == "configuration" else {}
        yield Scenario(name, "agent", label, restart, settings, breaks.get(name, nothing), curl=address,
                       steps=(part.step,), after=after)  # fmt: skip
