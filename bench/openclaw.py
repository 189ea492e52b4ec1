"""heartbeat over a real OpenClaw gateway, as a unit of a real systemd: what it heals, and what it leaves to a person.

1. Its process is stopped (SIGSTOP). systemd wakes it to stop it, and it drains.
2. Its event loop is blocked, so that it does not see SIGTERM: systemd alone would wait 330 s for its end. With
   `hang_kill` one step heals both, and nobody is called.
3. Its configuration is broken, and it ends with exit status 78: no restart mends that.

The component is that of docs/recipes/openclaw.md, but for a system unit and the usual `startup_grace`. What has just
been started is given that before it is restarted, so each fault finds a gateway that is older.
HEARTBEAT_BENCH_OPENCLAW names the folder that OpenClaw is installed in. Seconds are from the break.
"""

import json
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from bench._agents_judge import Step, epoch, read
from bench._measure import ENVIRONMENT, Rows, heartbeat, target
from bench._openclaw_box import UNIT, Gateway, gateway

_CYCLE = 5.0  # seconds from one pass to the next
_OLD, _HEALS_WITHIN, _WATCHED = 65.0, 240.0, 90.0
_STRIKES = 3
_CONFIG = """[heartbeat]
store = "sqlite:///{folder}/store.db"
state_dir = "{folder}/state"
[channels.file]
kind = "file"
path = "{folder}/state/messages.jsonl"
[components.openclaw]
kind = "openclaw"
interval = 5
timeout = 4
user = false
[components.openclaw.recovery]
ladder = [ {{ action = "systemd", unit = "{unit}", hang_kill = 10, systemctl = {systemctl} }} ]
[components.unit]
kind = "service"
unit = "{unit}"
interval = 5
timeout = 4
systemctl = {systemctl}
recovery = "off"
"""
_CALLS = ("recovery_failed", "recovery_held")


class Seen(NamedTuple):
    """What became of one break; `categories` are those of the failing checks by component, the last one of each,
    `early` how many checks failed before it."""

    first: float | None
    categories: dict[str, str]
    steps: list[Step]
    healed: float | None
    alerts: list[str]
    decision: str
    strikes: int
    early: int = 0

    @property
    def calls(self) -> list[str]:
        """The messages that ask a person to act."""
        return [one for one in self.alerts if one in _CALLS]


def main() -> Rows:
    with gateway() as unit, tempfile.TemporaryDirectory() as name:
        took = unit.wait()
        found = {
            "process stopped": _fault(unit, Path(name) / "stopped", unit.stop_process, heals=True),
            "event loop blocked": _fault(unit, Path(name) / "blocked", unit.block_event_loop, heals=True),
            "configuration broken (exit 78)": _fault(
                unit, Path(name) / "spoilt", unit.spoil_configuration, heals=False
            ),
        }
    stopped, blocked, spoilt = found.values()
    print(f"OpenClaw under systemd: ready {took:.0f} s after its start; a pass every {_CYCLE:g} s")
    print(tabulate([_row(*one) for one in found.items()], headers=_HEADS, disable_numparse=True))
    for one in [step for seen in found.values() for step in seen.steps]:
        print(f"  step: {one.outcome}: {one.detail}")
    print(f"  decided on exit 78: {spoilt.decision}\n")
    return _targets(stopped, blocked, spoilt)


def _fault(unit: Gateway, folder: Path, breaks: Callable[[], None], *, heals: bool) -> Seen:
    """One fault of a gateway that is healthy and past its grace, with a store of its own: what recovery remembers of
    the fault before it would decide with it."""
    folder.mkdir()
    run = _Run(folder, unit)
    run.grow_old()
    early = sum(one.status in ("error", "unhealthy") for one in read(folder / "store.db")[0])
    seen = run.play(breaks, _healed if heals else lambda seen: False, _HEALS_WITHIN if heals else _WATCHED)
    return seen._replace(early=early)


def _healed(seen: Seen) -> bool:
    return seen.healed is not None


class _Run:
    """Passes of the installed program in the gateway's network, and a curl beside each."""

    def __init__(self, folder: Path, unit: Gateway) -> None:
        self._folder, self._unit = folder, unit
        self._strikes, self._due = 0, 0.0
        systemctl = json.dumps(unit.box.prefix)
        reaching = folder / "bin"  # on the gateway's own host these are the ones of its systemd
        reaching.mkdir()
        for name in ("systemctl", "journalctl"):
            (reaching / name).write_text(f'#!/bin/sh\nexec docker exec {unit.box.name} {name} "$@"\n')
            (reaching / name).chmod(0o755)
        self._environment = ENVIRONMENT | {"PATH": f"{reaching}:{ENVIRONMENT['PATH']}"}
        (folder / "heartbeat.toml").write_text(_CONFIG.format(folder=folder, unit=UNIT, systemctl=systemctl))

    def once(self) -> None:
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._due = time.monotonic() + _CYCLE
        self._strikes += self._unit.curl("/healthz").returncode != 0
        argv = [*self._unit.inside, *heartbeat(self._folder / "heartbeat.toml", "run")]
        done = subprocess.run(argv, env=self._environment, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode in (0, 1), f"heartbeat run: exit {done.returncode}: {done.stderr[-2000:]}"

    def grow_old(self) -> None:
        """Passes until what is healthy now is older than its startup_grace."""
        end = time.monotonic() + _OLD
        while time.monotonic() < end:
            self.once()

    def play(self, breaks: Callable[[], None], decided: Callable[[Seen], bool], seconds: float) -> Seen:
        self._strikes, at = 0, time.time()
        breaks()
        while time.time() < at + seconds and not decided(self._seen(at)):
            self.once()
        return self._seen(at)

    def _seen(self, since: float) -> Seen:
        store = self._folder / "store.db"
        checks, steps = read(store)
        after = [one for one in checks if one.at >= since]
        failing = [one for one in after if one.status in ("error", "unhealthy")]
        ours = [one for one in after if one.component == "openclaw"]
        bad = max((one.at for one in ours if one.status != "healthy"), default=None)
        healed = [one.at for one in ours if bad is not None and one.at > bad]
        with closing(sqlite3.connect(store, timeout=20)) as db:
            alerts = db.execute(
                "SELECT alert_type, alert_time FROM heartbeat_alerts WHERE component = 'openclaw' ORDER BY alert_time"
            ).fetchall()
            held = db.execute(
                "SELECT detail, reason FROM heartbeat_recoveries WHERE outcome = 'held' ORDER BY key DESC LIMIT 1"
            ).fetchone()
        return Seen(
            failing[0].at - since if failing else None,
            {one.component: one.category or "process" for one in failing},
            [one for one in steps if one.at >= since],
            healed[0] - since if len(healed) >= 2 else None,
            [kind for kind, stamp in alerts if epoch(stamp) >= since],
            " ".join(held) if held else "",
            self._strikes,
        )


_HEADS = ["the gateway's fault", "seen s", "category", "steps", "healthy again s", "messages", "curl loop"]


def _row(name: str, seen: Seen) -> tuple[object, ...]:
    category = ", ".join(f"{key}: {value}" for key, value in sorted(seen.categories.items()))
    first, healed = (f"{one:.1f}" if one is not None else "never" for one in (seen.first, seen.healed))
    loop = f"restarts: {seen.strikes // _STRIKES}"
    return name, first, category, len(seen.steps), healed, ", ".join(seen.alerts) or "none", loop


def _targets(stopped: Seen, blocked: Seen, spoilt: Seen) -> Rows:
    early = stopped.early + blocked.early + spoilt.early
    judged = target("checks that failed while all was well", early, 0)
    for name, seen in (("process stopped", stopped), ("event loop blocked", blocked)):
        judged += target(f"{name}: steps more or fewer than one", abs(len(seen.steps) - 1), 0)
        judged += target(f"{name}: not healed", seen.healed is None, 0)
        judged += target(f"{name}: calls for a person", len(seen.calls), 0)
    judged += target("exit 78: restarts", len(spoilt.steps), 0)
    wrong = sorted(key for key, value in spoilt.categories.items() if value != "configuration")
    said = f" ({', '.join(wrong)})" if wrong else ""
    return judged + target(f"exit 78: components with another category than configuration{said}", len(wrong), 0)
