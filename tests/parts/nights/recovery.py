"""Nights in which heartbeat restarts something, or has a reason not to."""

import subprocess
import time
from typing import Any

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.plain import duration, percent
from heartbeat_cli.domain.text import Text, listed, stacked
from tests.parts.docker import BUSYBOX, docker, need_image, unique
from tests.parts.nights.stage import AGENT, STEP, Stage, Truth, answered
from tests.parts.postgres_impostor import impostor, refusal

_FULL = "sorry, too many clients already"
_SYSTEMCTL = """\
for one in "$@"; do
  case "$one" in *.service)
    printf 'Id=%s\\nNames=%s\\nLoadState=loaded\\nActiveState=failed\\nSubState=failed\\n' "$one" "$one"
    printf 'Result=exit-code\\nExecMainCode=1\\nExecMainStatus=1\\n\\n' ;;
  esac
done
"""


def flapping_agent_and_full_database(stage: Stage) -> Truth:
    with impostor(refusal("53300", "FATAL", _FULL)) as port:
        return _flapping_agent_and_full_database(stage, port)


def _flapping_agent_and_full_database(stage: Stage, port: int) -> Truth:
    database = {"kind": "database", "name": "PostgreSQL", "dsn": f"postgresql://127.0.0.1:{port}/app?sslmode=disable"}
    main = AGENT | {"name": "Main Agent", "recovery": stage.script("restart_main.sh", "exit 0")}
    stage.open({"main": main, "db": database, "chat": AGENT | {"name": "Chat Assistant", "recovery": "off"}})
    stage.run(3)
    begun = stage.clock()
    bad, full = answered(503, "worker thread died"), _no_slot(port)
    stage.run(3, main=bad)
    stage.run(3)
    again = stage.clock()
    stage.run(3, main=bad)
    stage.run(2)
    slots = stage.clock()
    stage.run(3, db=full)
    return Truth(
        "Main Agent (main) answers HTTP 503, comes back after a restart and fails again and again. PostgreSQL (db)"
        " takes no connection: all slots are used, 71 of 100 by sessions of chat-api that are idle in transaction.",
        "Both on agents-1.",
        f"main: {begun}, again {again}; db: {slots}.",
        "main: its own process (a worker thread died). db: the application chat-api, which leaves sessions open; not"
        " PostgreSQL itself.",
        "main: heartbeat ran restart_main.sh twice; it healed it the first time. db: nothing yet, heartbeat is about to"
        " have PostgreSQL reload its configuration.",
        "db: end the idle sessions of chat-api, then fix chat-api, which leaves them open. main: heartbeat restarts it;"
        " read today what its log says right before it fails.",
    )


def _no_slot(port: int) -> Reading:
    line = Text("{where} takes no connection: {text}", where=f"127.0.0.1:{port}", text=f"FATAL: {_FULL}")
    who = (
        Text("role {role}", role="app"),
        Text("application {name}", name="chat-api"),
        Text("from {address}", address="172.18.0.7"),
        Text("idle in transaction"),
        Text("the oldest for {span}", span=duration(47 * 60)),
    )
    rest = (Text("role {role}", role="app"), Text("application {name}", name="worker"), Text("active"))
    held = [
        Text("{span} ago: {used:.0f} of {most:.0f} connections used", span=duration(60), used=98.0, most=100.0),
        Text.counted(71, "{n} connection: {who}", "{n} connections: {who}", who=listed(who)),
        Text.counted(24, "{n} connection: {who}", "{n} connections: {who}", who=listed(rest)),
    ]
    return Reading("error", 0.01, line, (), {Text("who holds the connections"): stacked(held)}, category="resource")


def provider_behind_three_agents(stage: Stage) -> Truth:
    agents = {"main": "Main Agent", "chat": "Chat Assistant", "coding": "Worker"}
    step = stage.script("restart_agent.sh", "exit 0")
    parts: dict[str, Any] = {
        id_: AGENT | {"name": name, "depends_on": ["claude"], "recovery": step} for id_, name in agents.items()
    }
    parts["claude"] = {"kind": "llm", "name": "Claude API", "url": "https://api.example.com/v1"}
    stage.open(parts)
    stage.run(2)
    begun = stage.clock()
    why = Text("{line}: {said}", line="HTTP 529", said="Overloaded")
    away = Reading("unhealthy", 0.4, Text("{path}: {why}", path="/models", why=why), category="provider")
    stage.run(2, claude=away)
    down = {id_: answered(503, "model provider unavailable") for id_ in agents}
    stage.run(9, claude=away, **down)
    stage.run(2, chat=down["chat"])
    ended = stage.clock(30)
    stage.run(6)
    return Truth(
        "The model provider behind the component Claude API (claude) answers HTTP 529 Overloaded. Main Agent, Chat"
        " Assistant and Worker fail because of it.",
        "At the provider (api.example.com), seen from agents-1.",
        f"{begun}, until {ended}.",
        "The provider's. Not the agents', not this host's.",
        "Nothing: a restart cannot help. The agents were not restarted.",
        "Nothing; it is over. Chat Assistant was not well yet at the end; no message of its own came at 03:08:00,"
        " so it is well. While it lasted: look at the provider's status page, wait or switch to another model.",
    )


def full_disk_under_two_services(stage: Stage) -> Truth:
    stage.script("systemctl", _SYSTEMCTL)
    service = {"kind": "service", "retries": 0, "systemctl": [str(stage.folder / "systemctl")]}
    stage.open(
        {
            "host": {"kind": "host", "name": "agents-1"},
            "queue": service
            | {"name": "Queue", "unit": "queue.service"}
            | {"recovery": stage.script("restart_queue.sh", "echo 'queue.service failed: exit-code' >&2; exit 1")},
            "indexer": service
            | {"name": "Indexer", "unit": "indexer.service"}
            | {"recovery": stage.script("restart_indexer.sh", "echo 'indexer.service failed: exit-code' >&2; exit 1")},
        }
    )
    stage.run(2)
    begun = stage.clock()
    stage.run(1, host=_full())
    units = stage.clock()
    failed = {"queue": _unit("queue", "write /var/lib/queue/journal"), "indexer": _unit("indexer", "segment 41")}
    stage.run(6, host=_full(), **failed)
    return Truth(
        "The disk / is 98 % full. Because of that the services Queue and Indexer have failed: they cannot write.",
        "On agents-1, disk /. Largest: 61.0 GB in /var/log/nginx/.",
        f"Disk: {begun}; the services: {units}.",
        "The disk; what fills it is the log of nginx. Not the services themselves.",
        "Queue and Indexer: a restart was tried once each and failed. The disk: nothing, heartbeat deletes nothing.",
        "A person has to free space: look at /var/log/nginx/ first. Then restart the two services: heartbeat recover"
        " --component queue --force, the same for indexer.",
    )


def _full() -> Reading:
    line = Text("disk {point} {share:.0f} % full", point="/", share=98.2)
    line = Text("{line} (limit {limit}){rest}", line=line, limit=percent(95), rest=Text(", {size} free", size="1.4 GB"))
    note = Text("searched {seen} of {used} used on {point}", seen="74.9 GB", used="76.3 GB", point="/")
    rest = Text("the rest of {path}", path="/var/")
    places = (("61.0 GB", "/var/log/nginx/"), ("6.2 GB", "/var/lib/docker/"), ("3.4 GB", rest), ("2.1 GB", "/usr/"))
    found = stacked([*(Text("{size} {path}", size=weight, path=path) for weight, path in places), note])
    return Reading("unhealthy", None, line, (), {Text("largest folders and files"): found}, category="resource")


def _unit(name: str, what: str) -> Reading:
    line = Text("{line} ({how})", line=Text("failed to run"), how=Text("exit {code}", code="1"))
    pid = 2211 if name == "queue" else 2318
    journal = f"Nov 19 03:01:28 {name}[{pid}]: {what}: No space left on device"
    systemd = "LoadState=loaded, ActiveState=failed, SubState=failed, Result=exit-code, ExecMainStatus=1"
    return Reading("unhealthy", None, line, (), {"systemd": systemd, Text("journal"): journal}, category="process")


def container_stopped_by_a_person(stage: Stage) -> Truth:
    """A real container, so this night is tonight."""
    name = unique("gateway")
    image = need_image("busybox", BUSYBOX)
    docker("run", "--detach", "--network=none", "--stop-signal=SIGKILL", "--name", name, image, "sleep", "600")
    try:
        stage.now = time.time()
        gateway = {"kind": "docker", "name": "Gateway", "container": name, "retries": 0, "interval": 30}
        chat = AGENT | {"name": "Chat Assistant", "depends_on": ["gateway"], "recovery": "off"}
        stage.open({"gateway": gateway, "chat": chat})
        stage.run(1)
        docker("exec", name, "sleep", "2")  # so that it does not stop in the second of its start
        docker("stop", name)
        begun = stage.clock()
        gone, down = _stopped(stage, name), answered(502, "no gateway", "http://localhost:8001/health")
        stage.run(6, gateway=gone, chat=down)
        docker("start", name)
        ended = stage.clock(-STEP)
        stage.run(4)
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, timeout=60, check=False)
    return Truth(
        "The container of Gateway (gateway) does not run. Chat Assistant fails because of it.",
        f"Container {name}, Docker on agents-1.",
        f"{begun} (the first failing check; it was stopped up to 30 s before, as the message says), until {ended}.",
        "A person's or a tool's: it was stopped on purpose (docker stop), so it is no crash.",
        "Nothing: heartbeat does not start what somebody stopped. Later somebody started it again; heartbeat did not.",
        "Nothing; it is over. While it lasted: ask who stopped it; if it should run, heartbeat recover --component"
        " gateway --force.",
    )


def _stopped(stage: Stage, name: str) -> Reading:
    """What the monitor says of it now."""
    scene = next(iter(stage.scenes.values()))
    found = scene.check("gateway", dry_run=True).readings["gateway"]
    assert found.status == "unhealthy", (name, found)
    return found
