"""Several hosts over one store, each with a configuration of its own and one clock: what `together` is tested on.

hosts = Hosts(store, url, folder, "abc", {"web": {...}})
hosts.round(a="error", b="healthy")     # each of these makes a pass that saw this of `web`; then 30 seconds pass
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.passes.check.check import Checked, pass_id, save
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import states
from tests.parts.scene import START, Scene

STEP = 30.0


class Hosts:
    """`web` is what they check."""

    def __init__(self, db: Database, store: str, folder: Path, names: Iterable[str], **more: Any) -> None:
        self.db, self.store, self.now = db, store, START
        component = {"kind": "agent", "url": "http://192.0.2.1:9/health", "timeout": 0.3, "recovery": "off"} | more
        self.scenes = {
            name: Scene(
                db,
                store,
                folder / name,
                {"web": component},
                heartbeat={"observer": name},
                recovery={"verify_wait": 0.1},  # nothing here ever comes up
            )
            for name in names
        }
        for one in self.scenes.values():
            one.folder.mkdir(exist_ok=True)

    def check(self, name: str, status: str, at: float | None = None, db: Database | None = None) -> list[str]:
        """One regular pass of a host, judged."""
        scene = self.scenes[name]
        scene.now, scene.db = self.now, db or self.db
        self.keep(name, status, at, db)
        return scene.detect()

    def keep(self, name: str, status: str, at: float | None = None, db: Database | None = None) -> None:
        """One regular pass of a host, not judged yet."""
        config, at = self.scenes[name].config, self.now if at is None else at
        error = None if status in ("healthy", "unknown") else f"{name} got {status}"
        reading = Reading(status, 0.1, error, evidence={"seen by": name})  # type: ignore[arg-type]
        done = Pass(pass_id(name, at), name, at, at + 0.5)
        save(db or self.db, config, Checked(done, {"web": reading}, STEP))

    def round(self, times: int = 1, **seen: str) -> list[str]:
        """Passes of these hosts, one after another; what was decided."""
        decided: list[str] = []
        for _ in range(times):
            for name, status in seen.items():
                decided += self.check(name, status)
                self.now += 1
            self.now += STEP - len(seen)
        return decided

    @property
    def state(self) -> State:
        return states.states(self.db)["web"]

    def notified(self) -> list[str]:
        """Types of the alerts that somebody hears of, oldest first."""
        made = sorted(alerts.between(self.db, 0.0, 9e9), key=lambda one: one.at)
        heard = {one.alert_id for one in alerts.deliveries(self.db, [alert.id for alert in made])}
        return [one.type for one in made if one.id in heard]

    def alert(self, type_: str) -> Mapping[str, Any]:
        """What the newest alert of a type says."""
        found = [one for one in alerts.between(self.db, 0.0, 9e9) if one.type == type_]
        return found[0]._asdict()

    def toml(self, name: str) -> Path:
        """The configuration of a host as a file, for its commands."""
        scene = self.scenes[name]
        heartbeat = scene.tables["heartbeat"] | {"store": self.store}
        lines = [f"[heartbeat]\n{_keys(heartbeat)}"]
        lines += [f"[components.{id_}]\n{_keys(own)}" for id_, own in scene.tables["components"].items()]
        path = scene.folder / "heartbeat.toml"
        path.write_text("\n".join(lines))
        return path


def _keys(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in table.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
    return "[" + ", ".join(map(_value, value)) + "]" if isinstance(value, list) else json.dumps(value)
