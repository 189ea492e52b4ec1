"""Things that fail in real Docker and real systemd, and `heartbeat run`, again and again, as cron would start it.

Every fault has a component of its own. What was done about it is counted by others than heartbeat: Docker's stream of
events, and a line that systemd itself writes at each start of a unit. When a fault was declared, when its healing was
verified and what was told is read from the store with plain SQL.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests.parts.docker import docker, wait_for
from tests.parts.recovery_faults import Part
from tests.parts.systemd import SystemdBox

HEARTBEAT = (str(Path(sys.executable).with_name("heartbeat")),)
_PASS_SECONDS = 0.6  # from one pass to the next: every component is due at each
_EVENTS = ("start", "restart", "unpause")


class Fault(NamedTuple):
    """One fault and what came of it. Times are seconds from its declaration; None: it never came to that."""

    part: Part
    declared: bool
    well: bool
    ended: bool
    verified: float | None
    restarts: int
    failed_alerts: int
    last: str

    @property
    def healed(self) -> bool:
        return self.declared and self.well and self.ended and self.verified is not None

    @property
    def given_up(self) -> bool:
        """Told of once, and left alone since."""
        return self.declared and self.failed_alerts == 1


class World:
    """Parts that run, one configuration over them, and its store. Use as a context manager."""

    def __init__(self, folder: Path, parts: Sequence[Part], box: SystemdBox | None = None) -> None:
        self.folder, self.parts, self.box = folder, list(parts), box
        self.config = folder / "heartbeat.toml"
        self.store = folder / "store.db"
        self.passes = 0
        self._injected: dict[str, float] = {}
        self._next = 0.0

    def __enter__(self) -> "World":
        self.config.write_text(_config(self.folder, self.store, self.parts))
        argv = ["docker", "events", "--format", "{{.TimeNano}} {{.Action}} {{.Actor.Attributes.name}}"]
        filters = [word for action in _EVENTS for word in ("--filter", f"event={action}")]
        self._events = self.folder / "events"
        with self._events.open("w") as out:
            self._listener = subprocess.Popen([*argv, *filters], stdout=out)
        try:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda part: part.start(), self.parts))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.kill()
        self._listener.wait()
        names = [part.target for part in self.parts if not part.unit]
        if names:
            argv = ["docker", "rm", "--force", "--volumes", *names]
            subprocess.run(argv, capture_output=True, timeout=300, check=False)

    def run(self) -> None:
        """One pass."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + _PASS_SECONDS
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        argv = [*HEARTBEAT, "--config", str(self.config), "run", "--verbose"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, env=environment, check=False)
        with (self.folder / "passes.log").open("a") as log:
            log.write(f"--- {time.time():.3f}\n{done.stdout}{done.stderr}")
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
        self.passes += 1

    def run_until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Pass after pass; whether it came to that in time."""
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                return False
            self.run()
        return True

    def settle(self) -> None:
        """Until every part is known to be well: what fails afterwards was made to fail."""
        wait_for(lambda: all(self._well().values()), "every part is well", 60)
        states: dict[str, str] = {}

        def healthy() -> bool:
            states.clear()
            states.update(dict(self._rows("SELECT component, state FROM heartbeat_state")))
            return all(states.get(part.id) == "healthy" for part in self.parts)

        assert self.run_until(healthy, 60), {id_: state for id_, state in states.items() if state != "healthy"}

    def inject(self, parts: Sequence[Part]) -> None:
        """Make these fail, all at once."""
        for part in parts:
            self._injected[part.id] = time.time()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda part: part.fail(), parts))

    def over(self, parts: Sequence[Part]) -> bool:
        """Whether each of these is healed, its incident ended, or was given up."""
        ended = dict(self._rows("SELECT component, max(ended IS NOT NULL) FROM heartbeat_incidents GROUP BY component"))
        failed = {row[0] for row in self._alerts()}
        return all(part.id in failed or (part.healable and ended.get(part.id)) for part in parts)

    def outcomes(self) -> list[Fault]:
        """What came of every fault that was made."""
        well, starts = self._well(), self._starts()
        told = [row[0] for row in self._alerts()]
        incidents = {
            component: (declared, bool(ended))
            for component, declared, ended in self._rows(
                "SELECT component, min(declared), min(ended IS NOT NULL) FROM heartbeat_incidents GROUP BY component"
            )
        }
        found = []
        for part in self.parts:
            if part.id not in self._injected:
                continue
            declared, ended = incidents.get(part.id, (None, False))
            sql = "SELECT verified, outcome, detail FROM heartbeat_recoveries WHERE component = ? ORDER BY key"
            tried = self._rows(sql, part.id)
            verified = next((row[0] - declared for row in tried if row[0] is not None and declared is not None), None)
            last = " · ".join(
                f"{outcome}, {'not ' if at is None else ''}verified: {detail}" for at, outcome, detail in tried[-2:]
            )
            found.append(
                Fault(
                    part,
                    declared is not None,
                    well[part.id],
                    ended,
                    verified,
                    starts[part.id],
                    told.count(part.id),
                    last,
                )
            )
        return found

    def attempts(self) -> int:
        """How many steps were taken, over everything."""
        return int(self._rows("SELECT count(*) FROM heartbeat_recoveries")[0][0])

    def _alerts(self) -> list[tuple[Any, ...]]:
        return self._rows("SELECT component FROM heartbeat_alerts WHERE alert_type = 'recovery_failed'")

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        if not self.store.exists():
            return []
        db = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=30)
        try:
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

    def _well(self) -> dict[str, bool]:
        """How the parts really are, whatever heartbeat thinks."""
        names = [part.target for part in self.parts if not part.unit]
        seen = {
            one["Name"].lstrip("/"): one["State"] for one in json.loads(docker("inspect", *names) if names else "[]")
        }
        units = self._active([part.target for part in self.parts if part.unit])
        return {
            part.id: (units[part.target] if part.unit else _runs(seen.get(part.target, {}))) and part.answers()
            for part in self.parts
        }

    def _active(self, units: Sequence[str]) -> dict[str, bool]:
        if not units or self.box is None:
            return {}
        said = self.box.systemctl("show", "--value", "--property=ActiveState", "--", *units).split()
        return {unit: state == "active" for unit, state in zip(units, said, strict=True)}

    def _starts(self) -> dict[str, int]:
        """How often each part was started again since it was made to fail, its own restarts by Docker left out."""
        since = {part.target: self._injected.get(part.id, float("inf")) for part in self.parts}
        events: dict[str, list[str]] = {}
        for line in self._events.read_text().splitlines():
            stamp, action, name = line.split(" ", 2)
            if int(stamp) / 1e9 > since.get(name, float("inf")):
                events.setdefault(name, []).append(action)
        found = {part.id: part.restarts(events.get(part.target, [])) for part in self.parts if not part.unit}
        if self.box is not None:
            for part in (one for one in self.parts if one.unit):
                said = self.box.shell(f"cat /run/starts/{part.target}")
                found[part.id] = len(set(said.split())) - 1
        return found


def _runs(state: Any) -> bool:
    health = (state.get("Health") or {}).get("Status", "healthy")
    return bool(state.get("Status") == "running" and health == "healthy")


def _config(folder: Path, store: Path, parts: Sequence[Part]) -> str:
    """Limits are the defaults, except that this host is made to take far more restarts in an hour than any should."""
    head = f"""
[heartbeat]
store = "sqlite:///{store}"
state_dir = "{folder}/state"
[recovery]
host_budget = 1000
[channels.log]
kind = "file"
path = "{folder}/messages.jsonl"
"""
    common = "interval = 0.01\nfail_threshold = 2\nrecovery_threshold = 2\n"
    return head + "".join(f"[components.{part.id}]\n{common}{part.block}\n" for part in parts)
