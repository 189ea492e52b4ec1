"""A deployment with a day behind it, written through the store's own functions: what views and reports are shown on.

    config = deployment.config(tmp_path)                 # five agents, PostgreSQL, two containers, a unit, the host
    with deployment.store(config) as db:
        deployment.live(db, config, now, deployment.trouble)     # 24 hours up to `now`, a pass every five minutes

A story is `(component id, seconds before now, random) -> Reading or None` (None: not checked). `calm` is a good day,
`trouble` a bad one that is not over. Everything follows from a fixed seed. `live` moves counters, incidents and alerts
with the real detection; recovery attempts and deliveries are written as the real passes write them.
"""

import math
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from heartbeat_cli.config import load as configuration
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.alert import SLOW
from heartbeat_cli.domain.alerting.delivery import Decision
from heartbeat_cli.domain.checking.result import Metric, Reading
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.passes.detect import detect
from heartbeat_cli.store.history import passes
from heartbeat_cli.store.outbox import outbox, outcomes
from heartbeat_cli.store.outbox.outcomes import Outcome
from heartbeat_cli.store.sql import database, schema
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries, states

Story = Callable[[str, float, random.Random], Reading | None]

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
AGENTS = {
    "main": "Main Agent",
    "chat": "Chat Assistant",
    "coding": "Worker",
    "system-admin": "System Admin",
    "weather": "Weather Agent",
}
_USUAL = {
    **{"main": 0.042, "chat": 0.061, "coding": 0.055, "system-admin": 0.038, "weather": 0.12},
    **{"db": 0.006, "openclaw-postgres": 0.009, "gateway": 0.011, "sshd": 0.018, "host": 0.004},
}


def tables(folder: Path, **sections: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as TOML would give it; `sections` are added to (or replace) its own."""
    components: dict[str, Any] = {
        id_: {
            "kind": "agent",
            "name": name,
            "url": f"http://localhost:{8000 + port}/health",
            "slow_after": 1.0,
            "depends_on": ["db"] if id_ in ("main", "chat") else [],
        }
        for port, (id_, name) in enumerate(AGENTS.items())
    }
    components["db"] = {
        "kind": "database",
        "name": "PostgreSQL",
        "dsn": "postgresql://app:hunter2-secret@localhost/app",
        "severity": "severe",
        "depends_on": ["openclaw-postgres"],
    }
    for id_ in ("openclaw-postgres", "gateway"):
        name = id_ if id_.startswith("openclaw") else f"openclaw-{id_}"
        components[id_] = {"kind": "docker", "container": name, "interval": 30}
    components["sshd"] = {"kind": "service", "unit": "ssh.service"}
    components["host"] = {"kind": "host", "name": "This machine"}
    return {
        "heartbeat": {
            "state_dir": str(folder / "state"),
            "timezone": "Asia/Hong_Kong",
            "observer": "agents-01",
            **sections.pop("heartbeat", {}),
        },
        "components": components,
        "channels": {id_: {"kind": "file", "path": str(folder / f"{id_}.log")} for id_ in ("telegram", "mail")},
        **sections,
    }


def config(folder: Path, **sections: Mapping[str, Any]) -> Config:
    """The deployment's configuration, its store and state below `folder`."""
    return configuration.load(tables(folder, **sections), "heartbeat.toml")


@contextmanager
def store(config: Config) -> Iterator[Database]:
    """The configured store, made if it is not there."""
    db = database.connect(config.store, 30.0)
    try:
        schema.migrate(db)
        yield db
    finally:
        db.close()


def live(
    db: Database,
    config: Config,
    now: float,
    story: Story,
    *,
    step: float = 5 * MINUTE,
    span: float = DAY,
    seed: int = 7,
) -> None:
    """Live through `span` seconds up to `now`: a pass every `step` seconds, the last one a moment before `now`."""
    chance = random.Random(seed)
    with db.transaction():  # one commit for the whole day: the tests are in a hurry
        for back in range(round(span / step), -1, -1):
            at = round(now - 4.0 - back * step, 6)
            seen = {id_: story(id_, now - at, chance) for id_ in config.components}
            _pass(db, config, at, {id_: one for id_, one in seen.items() if one is not None})
            _deliver(db, at + 2.0)
            if story is trouble:
                _heal(db, at + 1.0)


def _pass(db: Database, config: Config, at: float, readings: Mapping[str, Reading]) -> None:
    one = passes.Pass(f"{config.observer}@{round(at * 1000)}", config.observer, at, at + 0.31)
    passes.save(db, one, readings, config.components)
    detect.detect(db, config, at + 0.5)


def _deliver(db: Database, at: float) -> None:
    """Everything goes out by Telegram; the mail server is out of order for the last hour's messages."""
    for channel in ("telegram", "mail"):
        while parcel := outbox.claim(db, "test", at, 60.0, channel, digest=False):
            (one,) = parcel.notifications
            if channel == "mail" and one.alert.component in ("db", "host"):
                decision, error = Decision("waiting", at + 3_500.0), "localhost:25: connection refused"
            else:
                decision, error = Decision("sent"), None
            outcomes.save(db, parcel, Outcome(at, "here", decision, error, None, 0.1))


def _heal(db: Database, at: float) -> None:
    """What recovery did about whatever is open and its own."""
    for incident in states.open_incidents(db).values():
        tried = recoveries.of_incident(db, incident.id)
        ladder = _LADDERS.get(incident.component, ())
        if incident.held_by is None and len(tried) < len(ladder):
            action, outcome, detail, verified = ladder[len(tried)]
            recoveries.save(
                db,
                Attempt(
                    f"{incident.id}/{round(at * 1000)}",
                    incident.id,
                    incident.component,
                    len(tried),
                    action,
                    "heartbeat",
                    "agents-01",
                    at,
                    at + 2.4,
                    outcome,
                    detail,
                    verify_until=at + MINUTE,
                    verified=at + 9.0 if verified else None,
                ),
            )
        elif ladder and not tried[-1].verified and incident.recovery != "failed" and len(tried) == len(ladder):
            states.save_incident(db, incident._replace(recovery="failed"))


def past(db: Database, config: Config, until: float, days: int = 89, seed: int = 7) -> None:
    """Hourly figures of the days up to `until`, as rolling up leaves them: two bad days, a slow week of small faults, a
    day and a half in which nobody checked, and one component that came later. Call it after `live`."""
    chance = random.Random(seed)
    keys = dict(db.rows("SELECT id, key FROM heartbeat_components"))
    last = int(until // HOUR)
    rows = []
    for id_ in config.components:
        first = last - (30 if id_ == "weather" else days) * 24
        for hour in range(first, last):
            ago = (last - hour) / 24
            if 40.2 < ago < 41.7:
                continue
            down = _down(id_, ago, chance) * 3.6e9
            rows.append((hour, keys[id_], 60, 0, 0, 0, 0, 60, 0, 60, 60 * 50_000, 9_000, 90_000, 50_000))
            rows[-1] += (round(3.6e9 - down), round(down), "{}")  # type: ignore[operator]
    marks = ", ".join("?" for _ in range(17))
    columns = (
        "hour, component, healthy, degraded, unhealthy, error, unknown, attempts, flaps, answered, total_us, least_us,"
        " most_us, median_us, up_us, down_us, sketch"
    )
    with db.transaction():
        db.insert(f"INSERT INTO heartbeat_hours ({columns})", f"({marks})", rows, "ON CONFLICT DO NOTHING")


def _down(component: str, ago: float, chance: random.Random) -> float:
    """The part of an hour, `ago` days back, that a component was down."""
    if component in ("db", "main", "chat") and 61.3 < ago < 61.5:
        return 1.0
    if component == "coding" and 18 < ago < 25:
        return 0.1 if chance.random() < 0.1 else 0.0
    if component == "gateway" and 12.2 < ago < 12.35:
        return 0.7
    return 0.05 if chance.random() < 0.0008 else 0.0


_LADDERS = {
    "db": (
        ("postgres", "failed", "could not connect: the server is in recovery mode", False),
        ("docker", "done", "restarted openclaw-postgres in 2.4 s", False),
        ("script", "failed", "restart_db.sh: exit code 1: no space left on device", False),
    ),
    "coding": (("systemd", "done", "restarted openclaw-coding.service", True),),
    "gateway": (("docker", "done", "restarted openclaw-gateway in 1.1 s", True),),
}


def calm(component: str, ago: float, chance: random.Random) -> Reading | None:
    """A good day: everything answers, busier in the afternoon."""
    wave = 1 + 0.35 * math.sin(ago / DAY * 2 * math.pi + len(component))
    took = _USUAL.get(component, 0.05) * wave * chance.uniform(0.85, 1.25)
    if component == "host":
        return Reading("healthy", took, metrics=_host(ago, chance, disk=61.0))
    if component == "db":
        figures = (Metric("query_seconds", took * 0.4), Metric("connections_used_percent", 18 + 6 * wave))
        return Reading("healthy", took, metrics=figures)
    return Reading("healthy", took)


def trouble(component: str, ago: float, chance: random.Random) -> Reading | None:
    """A bad day: the disk fills, PostgreSQL dies of it and takes two agents along; two smaller faults were healed."""
    well = calm(component, ago, chance)
    if 9 * HOUR < ago < 9.7 * HOUR:
        return None  # heartbeat itself was not running
    bad = _bad(component, ago, chance)
    return bad if bad is not None else well


def _bad(component: str, ago: float, chance: random.Random) -> Reading | None:
    if component == "host":
        disk = min(97.4, 78 + max(0.0, 20 * HOUR - ago) / HOUR)
        if disk >= 85:
            text = f"disk / {disk:.0f} % full (limit {95 if disk >= 95 else 85} %), {(100 - disk) * 2:.1f} GB free"
            status = "unhealthy" if disk >= 95 else "degraded"
            return Reading(status, 0.004, text, _host(ago, chance, disk))  # type: ignore[arg-type]
        return Reading("healthy", 0.004, None, _host(ago, chance, disk))
    if component == "db" and ago < 95 * MINUTE:
        return Reading("error", None, "could not connect to server: PANIC: could not write to file: No space left")
    if component in ("main", "chat") and ago < 90 * MINUTE:
        return Reading("unhealthy", 0.21, "status is fail: database connection lost")
    if component == "coding" and 5 * HOUR < ago < 5.4 * HOUR:
        return Reading("error", None, "connection refused (localhost:8002)")
    if component == "gateway" and 14 * HOUR < ago < 14.35 * HOUR:
        return Reading("unhealthy", 0.01, "restarting (exit code 137, out of memory)")
    if component == "weather":
        return _weather(ago, chance)
    if component == "sshd" and 2 * HOUR < ago < 3 * HOUR:
        return Reading("unknown", error="systemd did not answer in 5 s")
    return None


def _weather(ago: float, chance: random.Random) -> Reading | None:
    """Slower and slower: its upstream is."""
    if ago > 7 * HOUR:
        return None
    took = 0.15 + (7 * HOUR - ago) / HOUR * 0.28 * chance.uniform(0.95, 1.05)
    if ago > 4 * HOUR:
        return Reading("healthy", took)
    return Reading("degraded", took, f"{SLOW}{took:.1f} s (limit 1 s)")


def _host(ago: float, chance: random.Random, disk: float) -> tuple[Metric, ...]:
    busy = 22 + 14 * math.sin(ago / DAY * 2 * math.pi) + chance.uniform(-4, 9)
    memory = 54 + 8 * math.sin(ago / DAY * 2 * math.pi + 1) + chance.uniform(-1, 1)
    return (
        Metric("cpu_percent", max(1.0, busy)),
        Metric("load5", max(0.1, busy / 30)),
        Metric("memory_used_percent", memory),
        Metric("memory_available_bytes", 8e9 * (1 - memory / 100)),
        Metric("disk_used_percent", disk, metadata={"mount": "/"}),
        Metric("disk_used_percent", 41.5, metadata={"mount": "/srv/models"}),
        Metric("network_receive_bytes_per_second", 45_000 * chance.uniform(0.5, 2)),
    )
