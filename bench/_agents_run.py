"""The driver of `bench agents`: passes of the installed program over one configuration, and curl beside them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench._agents_judge import Check, Curled, Outcome, Step, judge, read
from bench._agents_scenario import Scenario, nothing
from bench._measure import ENVIRONMENT, heartbeat

_CYCLE = 2.0  # seconds from one pass to the next
_WELL = 4  # passes before anything is broken
_LEAST, _MOST = 40.0, 90.0  # seconds from the break to the last pass
_STRIKES = 3
_CURL_SECONDS = 3
_HEAD = """[heartbeat]
store = "sqlite:///{folder}/store.db"
state_dir = "{folder}/state"
[recovery]
host_budget = 1000
verify_wait = 1
startup_grace = 8
"""
_COMMON = {"interval": 2, "timeout": 1.5, "retries": 0, "fail_threshold": 3}


class Run:
    """One group of scenarios in one configuration."""

    def __init__(self, folder: Path, scenarios: Sequence[Scenario]) -> None:
        self.folder, self.scenarios = folder, scenarios
        self.config = folder / "heartbeat.toml"
        self.broken_at: dict[str, float] = {}
        self.passes = 0
        self._curl = Curl(scenarios)
        self._due = 0.0

    def play(self) -> list[Outcome]:
        self._write(broken=False)
        for _ in range(_WELL):
            self._pass()
        self._break()
        began = time.time()
        while time.time() < began + _MOST:
            self._pass()
            if time.time() >= began + _LEAST and all(one.healed is not None for one in self._outcomes() if one.heals):
                break
        self._curl.join()
        return self._outcomes()

    def _pass(self) -> None:
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._due = time.monotonic() + _CYCLE
        self._curl.ask()
        done = subprocess.run(
            heartbeat(self.config, "run"), env=_ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode in (0, 1), f"heartbeat run: exit {done.returncode}: {done.stderr[-2000:]}"
        self.passes += 1

    def _break(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._fail, self.scenarios))
        self._write(broken=True)
        now = time.time()
        self.broken_at |= {one.id: now for one in self.scenarios if one.after}
        self._curl.all_is_broken()

    def _fail(self, scenario: Scenario) -> None:
        self.broken_at[scenario.id] = time.time()
        if scenario.fail is not nothing:
            scenario.fail()

    def _outcomes(self) -> list[Outcome]:
        checks, steps = read(self.folder / "store.db")
        return [self._outcome(one, _of(checks, one.id), _of(steps, one.id)) for one in self.scenarios]

    def _outcome(self, scenario: Scenario, checks: Sequence[Check], steps: Sequence[Step]) -> Outcome:
        """By the store; where the part has noted more restarts than the store knows of, those count."""
        at = self.broken_at[scenario.id]
        found = judge(scenario, at, checks, steps, self._curl.seen(scenario.id))
        return found._replace(restarts=max(found.restarts, noted(scenario, at)))

    def _write(self, broken: bool) -> None:
        new = self.config.with_suffix(".new")
        new.write_text(configuration(self.folder, self.scenarios, broken))
        new.rename(self.config)


_ENVIRONMENT = {**ENVIRONMENT, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def noted(scenario: Scenario, since: float) -> int:
    """The restarts since then, as the restart scripts themselves noted them."""
    files = {Path(step["command"][0]).with_name("restarts") for step in scenario.steps if "command" in step}
    moments = [float(line) for file in files if file.exists() for line in file.read_text().splitlines()]
    return sum(moment >= since for moment in moments)


def _of(rows: Sequence[Any], id_: str) -> list[Any]:
    return [one for one in rows if one.component == id_]


def configuration(folder: Path, scenarios: Sequence[Scenario], broken: bool) -> str:
    """The configuration of all of them, before or after somebody has edited it."""
    return _HEAD.format(folder=folder) + "".join(_block(one, broken) for one in scenarios)


def _block(scenario: Scenario, broken: bool) -> str:
    settings = {**scenario.settings, **(scenario.after if broken else {})}
    table = {"kind": scenario.kind, **_COMMON, **scenario.keys, **settings}
    table["recovery"] = {"mode": "on", **scenario.recovery, "ladder": list(scenario.steps)}
    return f"[components.{scenario.id}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


class Curl:
    """What a loop of `curl -f -s -m 3` for each component would do at the same moments: a restart at the third failure
    in a row, after which it counts anew. `restarts` are those it would have made, `failures` the answers it did not
    like, by scenario."""

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        self._scenarios = {one.id: one for one in scenarios if one.curl is not None}
        self._asking: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(max(1, len(self._scenarios)))
        self.broken = False
        self._count_anew()

    def _count_anew(self) -> None:
        self._strikes, self.restarts, self.failures = (dict.fromkeys(self._scenarios, 0) for _ in range(3))

    def ask(self) -> None:
        """Ask beside the pass; what still waits for its last answer is left out."""
        for id_ in self._scenarios:
            if id_ not in self._asking or self._asking[id_].done():
                self._asking[id_] = self._pool.submit(self._one, id_)

    def all_is_broken(self) -> None:
        self.join()
        self.broken = True
        self._count_anew()

    def join(self) -> None:
        for one in self._asking.values():
            one.result()

    def seen(self, id_: str) -> Curled | None:
        return Curled(self.restarts[id_], self.failures[id_]) if id_ in self._scenarios else None

    def _one(self, id_: str) -> None:
        scenario = self._scenarios[id_]
        url = self._edited(scenario) or scenario.curl
        trust = ("--cacert", str(scenario.settings["ca_file"])) if "ca_file" in scenario.settings else ()
        argv = ["curl", "-f", "-s", *trust, "-o", os.devnull, "-m", str(_CURL_SECONDS), str(url)]
        failed = subprocess.run(argv, stdin=subprocess.DEVNULL, check=False, timeout=30).returncode != 0
        self.failures[id_] += failed
        self._strikes[id_] = self._strikes[id_] + 1 if failed else 0
        if self._strikes[id_] == _STRIKES:
            self.restarts[id_] += 1
            self._strikes[id_] = 0

    def _edited(self, scenario: Scenario) -> object:
        """If somebody edits the address of the check, then that of the loop too."""
        return scenario.after.get("url") if self.broken and scenario.kind == "agent" else None
