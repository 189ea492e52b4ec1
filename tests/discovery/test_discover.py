"""Discovery on real parts: what runs is found, what is no component is left out, and nothing that hangs holds it up."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.config import load
from heartbeat_cli.discovery import discover, http, local
from heartbeat_cli.discovery.http import Address
from heartbeat_cli.discovery.local import Container, Unit
from heartbeat_cli.discovery.owners import Owner
from tests.parts import lacking
from tests.parts.docker import RunContainer, inspect, wait_for
from tests.parts.http import Answer, healthy_server
from tests.parts.postgres import Server
from tests.parts.systemd import SystemdBox

HUNG = 30.0  # seconds after which what ought to give up has not


def built_in() -> dict[str, Any]:
    tables = discover.default_tables()
    load.load(tables, "built-in")  # whatever was found, it loads
    found: Any = tables["components"]
    return dict(found)


@contextmanager
def silent_socket(path: Path) -> Iterator[None]:
    """A Unix socket that takes connections and never says a word."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(8)
        yield


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host without Docker, and without a PostgreSQL named in the environment."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    for name in ("PGHOST", "PGPORT", "PGUSER"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_host_is_always_watched_and_nothing_is_restarted(bare: Path) -> None:
    assert built_in()["host"] == {"kind": "host"}
    assert discover.default_tables()["recovery"] == {"mode": "off"}


def test_a_tick_without_a_configuration_stays_cheap(bare: Path) -> None:
    """No ports scanned, no program started, no module that only a full search needs."""
    code = (
        "import sys; from heartbeat_cli.discovery import discover; discover.default_tables()\n"
        "dear = {'psutil', 'docker', 'requests', 'subprocess', 'heartbeat_cli.discovery.http'} & set(sys.modules)\n"
        "assert not dear, dear"
    )
    subprocess.run([sys.executable, "-c", code], env=dict(os.environ), timeout=60, check=True)


@pytest.mark.docker
def test_containers_but_no_finished_jobs(run_container: RunContainer) -> None:
    running = run_container()
    job = run_container(command=("true",))
    failed = run_container(command=("false",))
    kept = run_container("--restart=on-failure", command=("true",))
    for name in (job, failed, kept):
        wait_for(lambda name=name: inspect(name)["State"]["Status"] == "exited", f"{name} has ended")
    found = built_in()
    for name in (running, failed, kept):
        assert found[name] == {"kind": "docker", "container": name}
    assert job not in found


@pytest.mark.docker
def test_a_container_named_like_something_else_gets_an_id_of_its_own(run_container: RunContainer) -> None:
    name = run_container(name="host")
    found = built_in()
    assert found["host"] == {"kind": "host"}
    assert found["host-2"] == {"kind": "docker", "container": name}


def test_a_docker_that_hangs_is_given_up(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_socket(bare / "docker.sock"):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{bare}/docker.sock")
        begun = time.monotonic()
        found = built_in()
        assert time.monotonic() - begun < HUNG
        assert not [one for one in found.values() if one["kind"] == "docker"]
        containers, note = local.containers(0.3)
        assert containers is None
        assert "does not answer" in note


@pytest.mark.parametrize("host", ["ssh://x", "tcp://127.0.0.1:1", "nonsense://"])
def test_a_docker_host_that_is_of_no_use(bare: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    containers, note = local.containers(0.5)
    assert containers is None
    assert note.startswith("Docker")
    assert "host" in built_in()


@pytest.mark.postgres
def test_a_local_postgresql(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as server:
        monkeypatch.setenv("PGHOST", str(server.home))
        monkeypatch.setenv("PGPORT", str(server.port))
        refused = [one for one in local.servers(1.0) if f"port={server.port}" in one.dsn]
        assert "does not let heartbeat in" in refused[0].locked_out  # nobody has made a role for this user
        assert not [one for one in built_in().values() if str(server.port) in one.get("dsn", "")]
        monkeypatch.setenv("PGUSER", "postgres")
        (own,) = [one for one in built_in().values() if str(server.port) in one.get("dsn", "")]
        assert own["kind"] == "database"
        monkeypatch.delenv("PGUSER")
        with _asked(own["dsn"]) as answer:  # what was found holds without the environment
            assert answer == [(1,)]
    assert not [one for one in built_in().values() if str(server.port) in one.get("dsn", "")]


@contextmanager
def _asked(dsn: str) -> Iterator[Any]:
    from heartbeat_cli.postgres import libpq

    deadline = time.monotonic() + 5
    with libpq.connect(dsn, deadline=deadline) as session:
        yield session.rows("SELECT 1", deadline=deadline)


def test_a_postgresql_that_hangs_is_there_but_given_up(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", str(bare))
    with silent_socket(bare / ".s.PGSQL.5999"):
        begun = time.monotonic()
        assert [one for one in built_in().values() if "port=5999" in one.get("dsn", "")]
        assert time.monotonic() - begun < HUNG
    assert not [one for one in built_in().values() if "port=5999" in one.get("dsn", "")]


def addresses_with(*ports: int) -> dict[int, http.Address]:
    """What is found, by port, once these are. Every server of this host is asked, other tests' too, and a busy machine
    has not the time for all in a few seconds."""
    for seconds in (3.0, 10.0, 30.0, 60.0):
        found = {one.port: one for one in http.addresses(seconds, ephemeral=True)}
        if found.keys() >= set(ports):
            break
    return found


def test_health_addresses() -> None:
    nothing = Answer(404, b"not found", ())
    page = Answer(200, b"<html>", (("Content-Type", "text/html"),))
    with healthy_server(nothing) as none, healthy_server(nothing) as spring, healthy_server(page) as any_page:
        spring.answers["/actuator/health"] = Answer(503, b'{"status": "DOWN"}')
        any_page.answers["/healthz"] = Answer(200, b'{"ok": true}')
        found = addresses_with(spring.port, any_page.port)
    assert found[spring.port][:3] == (
        f"http://127.0.0.1:{spring.port}/actuator/health",
        spring.port,
        '{"status": "DOWN"}',
    )
    assert found[any_page.port].url.endswith("/healthz")  # what speaks of health is believed before any 200
    assert none.port not in found
    assert [seen.path for seen in none.found] and {seen.method for seen in none.found} == {"GET"}


def test_a_port_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, healthy_server() as server:
        found = addresses_with(server.port)
        assert mute.getsockname()[1] not in found


@pytest.mark.parametrize("port", [6379, 5433, 3306])
def test_ports_that_speak_something_else_are_left_alone(port: int) -> None:
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError:
        lacking(f"port {port} is in use")
    with listener:
        listener.settimeout(0.2)
        http.addresses(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.systemd
def test_units(systemd_box: SystemdBox) -> None:
    box = systemd_box
    box.service("openclaw-found.service", "ExecStart=/bin/sleep 600", start=True)
    box.service("openclaw-idle.service", "ExecStart=/bin/sleep 600")
    box.service("discovery-failed.service", "ExecStart=/bin/false", start=True)
    box.service("discovery-other.service", "ExecStart=/bin/sleep 600", start=True)
    box.service("nginx.service", "ExecStart=/bin/sleep 600", start=True)
    box.wait("discovery-failed.service", "ActiveState", "failed")
    units, note = local.units(box.prefix, 20)
    assert note == ""
    said = {one.name: one.said for one in units}
    assert said["openclaw-found.service"] == "active (running)"
    assert said["nginx.service"] == "active (running)"
    assert said["discovery-failed.service"] == "failed (failed)"
    assert not {"openclaw-idle.service", "discovery-other.service"} & set(said)


def test_a_systemctl_that_is_of_no_use() -> None:
    units, note = local.units(("/no/such/systemctl",), 1)
    assert (units, note) == ([], "systemctl cannot be run: No such file or directory")
    assert local.units(("sleep",), 0.5)[1].startswith("systemd: ")


def test_the_full_search_ends_whatever_hangs(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = bare / "systemctl"
    slow.write_text("#!/bin/sh\nsleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PGHOST", str(bare))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{bare}/docker.sock")
    with (
        silent_socket(bare / "docker.sock"),
        silent_socket(bare / ".s.PGSQL.5998"),
        socket.create_server(("127.0.0.1", 0)),
        healthy_server() as server,
    ):
        url = f"http://127.0.0.1:{server.port}/readyz"
        for _ in range(20):  # each ends by itself, whatever it has found; a busy machine has not the time for all
            begun = time.monotonic()
            found = discover.discover((str(slow),), ephemeral=True)
            assert time.monotonic() - begun < HUNG
            urls = {one.table.get("url"): one for one in found.things}
            if url in urls:
                break
    agent = urls[url]
    assert agent.table["recovery"] == "off"  # nobody knows what to restart
    assert any("Docker" in note for note in found.notes)
    assert "systemd: systemctl did not answer in time" in found.notes
    components = {one.id: one.table for one in found.things}
    assert len(components) == len(found.things)
    load.load({"components": components}, "found")


def test_what_an_address_belongs_to_is_its_parent_and_what_to_restart() -> None:
    things = discover._things(
        discover._Names(),
        [Container("web", "nginx", "Up", {8080: 80})],
        [local.Server("postgresql://localhost:5432/postgres", 5432)],
        [Unit("openclaw-main.service", "active (running)")],
        [
            Address("http://localhost:8080/health", 8080, "HTTP 200"),
            Address("http://localhost:8000/health", 8000, "{}", Owner("openclaw-main.service")),
            Address("http://localhost:9000/health", 9000, "{}", Owner("thing.service")),
            Address("http://localhost:9001/health", 9001, "{}", Owner("openclaw-gateway.service", user=True)),
            Address("http://localhost:9002/health", 9002, "{}", Owner(process="node")),
        ],
    )
    tables = {one.id: one.table for one in things}
    assert tables["web-8080"]["depends_on"] == ["web"]
    assert tables["web-8080"]["recovery"]["ladder"] == [{"action": "docker", "container": "web"}]
    assert tables["main"]["depends_on"] == ["openclaw-main"]
    assert tables["thing-9000"]["recovery"]["ladder"] == [{"action": "systemd", "unit": "thing.service"}]
    step = {"action": "systemd", "unit": "openclaw-gateway.service", "user": True}
    assert tables["gateway"]["recovery"]["ladder"] == [step] and "depends_on" not in tables["gateway"]
    assert tables["node-9002"]["recovery"] == "off"
    load.load({"components": tables}, "found")


def test_a_page_that_answers_every_path_is_no_health_address() -> None:
    """Any mistyped path of it would be called healthy."""
    page = Answer(200, b"<!doctype html><html>", (("Content-Type", "text/html"),))
    with healthy_server(page) as app, healthy_server(Answer(404, b"", ())) as honest:
        honest.answers["/health"] = page
        found = addresses_with(honest.port)
    assert app.port not in found
    assert found[honest.port].url == f"http://127.0.0.1:{honest.port}/health"


def test_another_users_listener_on_the_other_family_is_not_asked_in_its_name() -> None:
    """`localhost` leads to ::1 first: whoever takes that port there would speak for a service on 127.0.0.1."""
    with healthy_server() as server:
        try:
            other = socket.create_server(("::1", server.port), family=socket.AF_INET6)
        except OSError:
            lacking("there is no IPv6 loopback")
        with other:
            found = addresses_with(server.port)
    assert found[server.port].url.startswith(f"http://127.0.0.1:{server.port}/")


def test_ports_that_the_kernel_gives_away_are_passed_over() -> None:
    with healthy_server() as server:
        assert server.port not in [one.port for one in http.addresses(3.0)]


@pytest.mark.parametrize(
    ("path", "answer", "kind", "keys"),
    [
        ("/readyz", Answer(503, b'{"ready": false, "failing": ["telegram"]}'), "openclaw", {"url": "{base}"}),
        ("/health/liveliness", Answer(200, b'"I\'m alive!"'), "llm", {"url": "{base}/v1"}),
        ("/v1/models", Answer(200, b'{"object": "list", "data": [{"id": "qwen3"}]}'), "llm", {"url": "{base}/v1"}),
        ("/mcp", Answer(406, b'{"jsonrpc": "2.0", "error": {"code": -32600}}'), "mcp", {"url": "{base}/mcp"}),
        ("/ok", Answer(200, b'{"ok": true}'), "agent", {}),
    ],
)
def test_software_with_a_kind_of_its_own_is_recognised(path: str, answer: Answer, kind: str, keys: Any) -> None:
    with healthy_server(Answer(404, b"", ())) as server:
        server.answers[path] = answer
        found = addresses_with(server.port)[server.port]
    assert (found.kind, found.keys) == (
        kind,
        {key: text.format(base=f"http://127.0.0.1:{server.port}") for key, text in keys.items()},
    )


def test_ids_are_valid_and_each_is_given_once() -> None:
    names = discover._Names()
    wishes = ["a b", "a b", "ä", "", "-x-", "y" * 90, "y" * 90, "openclaw-main", "postgresql@15-main"]
    given = [names.take(wish) for wish in wishes]
    assert given[:5] == ["a-b", "a-b-2", "component", "component-2", "x"]
    assert len(set(given)) == len(given)
    load.load({"components": {id_: {"kind": "host"} for id_ in given}}, "ids")
