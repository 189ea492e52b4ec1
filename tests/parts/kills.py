"""SIGKILL `run` at random moments while its targets change state by a known script, then compare with a model.

The model is the pure state machine over the heartbeats that the store holds. Whatever moment a process died at: a pass
is whole or absent, says what the script said at that moment, is judged exactly once, and what it gave rise to is in the
store and was told. Seeded, so that a failure can be had again. The time that a run is given follows from how many
of them were over by then: a third, on a slow machine as on a fast one.
"""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from heartbeat_cli.config import load, places
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import topological
from heartbeat_cli.domain.detection.attribution import advance
from heartbeat_cli.domain.detection.fault_detection import Observation, State
from heartbeat_cli.domain.detection.relapse import relapsed
from heartbeat_cli.domain.incident import incident_id
from heartbeat_cli.store.history import gaps
from heartbeat_cli.store.sql import database, schema
from heartbeat_cli.store.standby import mirror
from tests.parts.forked import Forked

TARGETS = ("alpha", "beta", "gamma", "delta")


class Outcome(NamedTuple):
    """What came of it: runs killed, passes kept, messages told, and how many of those were told more than once."""

    kills: int
    passes: int
    messages: int
    duplicates: int


class Harness:
    """`targets/<id>` exists while a target is well; `delta` depends on `alpha`."""

    def __init__(self, folder: Path, store: str, seed: int) -> None:
        self.folder, self.store = folder, store
        self.chance = random.Random(seed)
        self.well = dict.fromkeys(TARGETS, True)
        self._longest = 0.2  # seconds after which a run is not killed any more: longer than most runs take
        self.script: list[tuple[float, dict[str, bool]]] = []
        (folder / "targets").mkdir()
        self.path = folder / "heartbeat.toml"
        self.path.write_text(self._config())

    def _config(self) -> str:
        parts = [
            f'[components.{id_}]\nkind = "command"\ncommand = ["test", "-e", "{self.folder}/targets/{id_}"]\n'
            'exit_codes = "plain"\ninterval = 0.01\nretries = 0\nrecovery = "off"\n'
            + ('depends_on = ["alpha"]\n' if id_ == "delta" else "")
            for id_ in TARGETS
        ]
        head = f'[heartbeat]\nstore = "{self.store}"\nstate_dir = "{self.folder}/state"\nreopen_within = 0\n'
        return head + f'[channels.log]\nkind = "file"\npath = "{self.folder}/told.jsonl"\n' + "\n".join(parts)

    def move(self) -> None:
        """The next step of the script: each target changes with its own stubbornness."""
        for id_ in TARGETS:
            if self.chance.random() < 0.22:
                self.well[id_] = not self.well[id_]
            path = self.folder / "targets" / id_
            path.touch() if self.well[id_] else path.unlink(missing_ok=True)
        self.script.append((time.time(), dict(self.well)))

    def run(self, killed: bool) -> bool:
        """One run, killed at a random moment if asked; whether the kill found it alive."""
        one = self.begin()
        if killed:
            time.sleep(self.chance.uniform(0.0, self._longest))
            alive = one.poll() is None
            self._longest *= 1.1 if alive else 0.8
            one.kill()
            one.wait()
            one.close()
            return alive
        _, said = one.communicate()
        assert one.returncode == 0, said
        return False

    def begin(self) -> Forked:
        words, environment = ["--config", str(self.path), "run"], {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return Forked(words, self.folder, environment, session=True)

    def mirror_is_current(self) -> bool:
        """Whether the copy for an outage knows the last pass of the store. A run that was killed between its commit and
        the copy leaves it one pass behind; a spool that begins at that moment may notify people of what the store's
        own passes would not have (docs/reference/storage.md)."""
        made = load.read(self.path)
        copied = mirror.head(places.store_folder(made) / mirror.NAME)
        db = database.connect(self.store, 5)
        try:
            known = gaps.parse_watch(copied.watched) if copied else None
            return known is not None and known == gaps.watch(db, made.observer)
        finally:
            db.close()

    def play(self, kills: int, weather: Callable[[float], None] = lambda chance: None) -> Outcome:
        """Go on until that many runs were killed alive, then let the last run finish, and compare. Before each run
        `weather` gets a random number to do as it likes with the store; 1 at the end: it has to be there."""
        done = 0
        while done < kills:
            self.move()
            weather(self.chance.random())
            done += self.run(killed=True)
        weather(1.0)
        self.move()
        self.run(killed=False)
        return self.compare(done)

    def compare(self, kills: int) -> Outcome:
        made = load.read(self.path)
        db = database.connect(self.store, 5)
        schema.migrate(db)
        try:
            heartbeats = self._heartbeats(db)
            expected_states, expected_alerts, expected_incidents = _model(heartbeats, made)
            assert _states(db) == expected_states
            assert _incidents(db) == expected_incidents
            of_targets = "alert_type NOT IN ('store_unreachable', 'store_restored', 'missed_runs')"
            alerts = {row[0] for row in db.rows(f"SELECT alert_id FROM heartbeat_alerts WHERE {of_targets}")}
            assert alerts == expected_alerts, (alerts - expected_alerts, expected_alerts - alerts)
            assert db.rows("SELECT count(*) FROM heartbeat_outbox WHERE state <> 'sent'") == [(0,)]
            told = self._told(db)
            assert set(told) == {row[0] for row in db.rows("SELECT alert_id FROM heartbeat_outbox")}
            return Outcome(kills, len(heartbeats), sum(told.values()), sum(n - 1 for n in told.values()))
        finally:
            db.close()

    def _told(self, db: Any) -> Counter[str]:
        """How often each alert was told, alone or in one message with others."""
        path = self.folder / "told.jsonl"
        together: dict[str, list[str]] = {}
        for alert_id, batch in db.rows("SELECT alert_id, batch FROM heartbeat_outbox WHERE batch IS NOT NULL"):
            together.setdefault(batch, []).append(alert_id)
        lines = path.read_text().splitlines() if path.exists() else []
        ids = [json.loads(line)["id"] for line in lines]
        return Counter(alert_id for id_ in ids for alert_id in together.get(id_, [id_]))

    def _heartbeats(self, db: Any) -> list[tuple[float, dict[str, Observation]]]:
        """Passes in order; each whole, judged, and true to the script."""
        assert db.rows("SELECT count(*) FROM heartbeat_passes WHERE detected IS NULL") == [(0,)]
        found: dict[int, tuple[float, dict[str, Observation]]] = {}
        sql = (
            "SELECT p.key, p.started, p.looks, v.component, v.status, v.error FROM heartbeat_passes p"
            " JOIN heartbeat_logs v ON v.pass = p.id ORDER BY p.key"
        )
        looks = {}
        for key, started, count, component, status, error in db.rows(sql):
            seen = found.setdefault(key, (started, {}))[1]
            assert component not in seen, "a heartbeat stands twice"
            seen[component] = Observation(started, status, error)
            looks[key] = count
        ((passes,),) = db.rows("SELECT count(*) FROM heartbeat_passes")
        assert passes == len(found)
        for key, (started, seen) in found.items():
            assert len(seen) == looks[key] == len(TARGETS), "a pass is not whole"
            said = next(well for at, well in reversed(self.script) if at <= started)
            assert {id_: one.status == "healthy" for id_, one in seen.items()} == said
        return list(found.values())


def _model(heartbeats: Any, made: Config) -> tuple[dict[str, State], set[str], set[tuple[str, bool, bool]]]:
    """States, alert ids and incidents (id, ended, held) that an uninterrupted life would have come to."""
    states: dict[str, State] = {}
    relapses: dict[str, int] = {}  # of the open incident: what flaps stays one until it is steady
    alerts: set[str] = set()
    incidents: dict[str, tuple[bool, bool]] = {}
    for _, seen in heartbeats:
        for id_ in topological(made.components):
            before = states.get(id_)
            states[id_], events = advance(made.components[id_], seen[id_], states, made.components)
            fallen = relapsed(made.components[id_], before, states[id_]) is not None
            relapses[id_] = relapses.get(id_, 0) + 1 if fallen else relapses.get(id_, 0)
            for event in events:
                name = incident_id(id_, event.started)
                relapses[id_] = 0 if event.name in ("opened", "held") else relapses[id_]
                time_ = f"-{relapses[id_] + 1}" if relapses[id_] else ""
                if event.name in ("opened", "held"):
                    incidents[name] = (False, event.name == "held")
                elif event.name == "released":
                    incidents[name] = (False, False)
                elif event.name == "ended":
                    incidents[name] = (True, incidents[name][1])
                if event.name in ("opened", "released"):
                    alerts.add(f"{name}/command_down{time_}")
                elif event.name == "ended" and event.held_by is None:
                    alerts.add(f"{name}/recovered{time_}")
    return states, alerts, {(name, *flags) for name, flags in incidents.items()}


def _states(db: Any) -> dict[str, State]:
    from heartbeat_cli.store.state import states

    return states.states(db)


def _incidents(db: Any) -> set[tuple[str, bool, bool]]:
    sql = "SELECT id, ended IS NOT NULL, held_by IS NOT NULL FROM heartbeat_incidents"
    return {(id_, bool(ended), bool(held)) for id_, ended, held in db.rows(sql)}
