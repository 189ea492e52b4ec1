"""A history of faults, failing steps and killed runs, on a clock of its own: one or two hosts that share a store
recover components whose health and whose steps are real HTTP endpoints.

The server keeps what was really asked of it: that, and not what heartbeat wrote, is what a history is judged by.
"""

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from heartbeat_cli.config import load
from heartbeat_cli.passes.check import check
from heartbeat_cli.passes.detect import detect
from heartbeat_cli.passes.recover import recover
from heartbeat_cli.store.sql import database, schema
from heartbeat_cli.store.sql.database import Database
from tests.parts.http import Answer, Seen, Server

START = 1_795_348_800.0  # 2026-11-22 12:00 UTC
PASS = 30.0  # seconds from one pass to the next
GRACE = 60.0
WINDOW, REARM = 1_800.0, 1_800.0
BUDGET, HOST_BUDGET = 4, 7
Cure = Literal["never", "at once", "later"]


class StepPlan(NamedTuple):
    """What a step does about a fault: it answers 500 `failures` times, then it heals so, or not."""

    failures: int
    cure: Cure


class Fall(NamedTuple):
    """A component fails at a pass, and what each step of its ladder does about that."""

    at: int
    component: int
    steps: tuple[StepPlan, ...]


class Kill(NamedTuple):
    """The run of a pass is killed by SIGKILL at its first step: before or after that took effect."""

    at: int
    after: bool


class Story(NamedTuple):
    ladders: tuple[int, ...]  # how many steps each component has
    falls: tuple[Fall, ...]
    kills: tuple[Kill, ...]
    hosts: int
    passes: int


class Call(NamedTuple):
    """A step that was really asked for: at a moment of the history, of a component, its number."""

    at: float
    component: int
    step: int


class History:
    """Plays a story; `calls` are the steps that were asked for, `wrong` what must never happen."""

    def __init__(self, folder: Path, server: Server, story: Story) -> None:
        self.story, self.now = story, START
        self.calls: list[Call] = []
        self.wrong: list[str] = []
        self._server = server
        self._causes: dict[int, list[StepPlan]] = {}  # of what is down: what is left of each step's plan
        self._heals_at: dict[int, float] = {}
        self._at_work: set[int] = set()
        self._doomed: tuple[int, bool] | None = None  # the process to be killed at its first step, and when
        self._guard = threading.Lock()
        self._url = f"sqlite:///{folder}/store.db"
        self._configs = [self._config(folder, f"host{number}") for number in range(story.hosts)]
        server.choose = self._answer

    def _config(self, folder: Path, observer: str) -> Any:
        components = {}
        for number, steps in enumerate(self.story.ladders):
            ladder = [{"action": "http", "url": f"{self._server.url}/step/{number}/{step}"} for step in range(steps)]
            components[f"c{number}"] = {
                "kind": "agent",
                "url": f"{self._server.url}/health/{number}",
                "interval": 1,
                "retries": 0,
                "fail_threshold": 1,
                "recovery_threshold": 1,
                "recovery": {"ladder": ladder},
            }
        limits = {"budget": BUDGET, "host_budget": HOST_BUDGET, "budget_window": WINDOW, "rearm": REARM}
        tables = {
            "heartbeat": {"store": self._url, "state_dir": f"{folder}/{observer}", "observer": observer},
            "recovery": {"verify_wait": 0, "startup_grace": GRACE, "timeout": 10, **limits},
            "components": components,
        }
        return load.load(tables, "heartbeat.toml", folder)

    # --- the world --------------------------------------------------------------------------------------------------

    def _answer(self, seen: Seen) -> Answer:
        what, number, *rest = seen.path.strip("/").split("/")
        component = int(number)
        if what == "health":
            return Answer(503 if self._is_down(component) else 200)
        with self._guard:
            if component in self._at_work:
                self.wrong.append(f"c{component}: two steps at once at {self.now - START:.0f} s")
            self._at_work.add(component)
            doomed, self._doomed = self._doomed, None
        try:
            time.sleep(0.003)
            if doomed is not None and not doomed[1]:
                os.kill(doomed[0], signal.SIGKILL)
                return Answer(500)
            self.calls.append(Call(self.now, component, int(rest[0])))
            answer = Answer(200 if self._takes_effect(component, int(rest[0])) else 500)
            if doomed is not None:
                os.kill(doomed[0], signal.SIGKILL)
            return answer
        finally:
            with self._guard:
                self._at_work.discard(component)

    def _is_down(self, component: int) -> bool:
        if self._heals_at.get(component, self.now + 1) <= self.now:
            self._causes.pop(component, None)
            self._heals_at.pop(component, None)
        return component in self._causes

    def _takes_effect(self, component: int, step: int) -> bool:
        """Do what the step does about the fault; False when it fails."""
        plans = self._causes.get(component)
        if plans is None:
            return True
        one = plans[step]
        if one.failures > 0:
            plans[step] = one._replace(failures=one.failures - 1)
            return False
        if one.cure == "at once":
            del self._causes[component]
        elif one.cure == "later":
            self._heals_at.setdefault(component, self.now + GRACE / 2)
        return True

    # --- heartbeat --------------------------------------------------------------------------------------------------

    def play(self) -> None:
        """All passes of the story; then more, until everything is healthy that can be."""
        kills = {one.at: one.after for one in self.story.kills}
        for number in range(self.story.passes):
            for fall in self.story.falls:
                if fall.at == number and fall.component not in self._causes:
                    self._causes[fall.component] = list(fall.steps)
            self._pass(kills.get(number))
            self.now += PASS
        end = self.now + 3 * (REARM + WINDOW)  # for a ladder that is used up to be begun anew, more than once
        while self.now < end and any(self._is_down(component) for component in self.healable):
            self._pass(None)
            self.now += 4 * PASS
        self._judge()

    @property
    def healable(self) -> list[int]:
        """The components that are down, and that a step of their ladder would heal."""
        return [number for number, plans in self._causes.items() if any(one.cure != "never" for one in plans)]

    def _pass(self, killed_after: bool | None) -> None:
        if killed_after is None:
            threads = [threading.Thread(target=self._run, args=(config,)) for config in self._configs]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return
        child = os.fork()
        if child == 0:
            try:
                time.sleep(0.002)
                self._run(self._configs[0])
            finally:
                os._exit(0)
        self._doomed = child, killed_after
        os.waitpid(child, 0)
        self._doomed = None

    def _run(self, config: Any) -> None:
        db = database.connect(self._url, 30.0)
        try:
            schema.migrate(db, config.observer)
            check.check(db, config, self.now)
            detect.detect(db, config, self.now)
            recover.recover(recover.one_store(db), config, lambda: self.now)
        except Exception as error:
            self.wrong.append(f"{type(error).__name__}: {error}")
        finally:
            db.close()

    # --- judgement --------------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        for component in range(len(self.story.ladders)):
            own = [one.at for one in self.calls if one.component == component]
            if (most := _most_within(own, WINDOW)) > BUDGET:
                self.wrong.append(f"c{component}: {most} steps within the window, and its budget is {BUDGET}")
        if self.story.hosts == 1 and (most := _most_within([one.at for one in self.calls], WINDOW)) > HOST_BUDGET:
            self.wrong.append(f"{most} steps within the window, and the host's budget is {HOST_BUDGET}")
        for component in self.healable:
            if self._is_down(component):
                self.wrong.append(f"c{component}: down at the end, and a step would heal it")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        db: Database = database.connect(self._url, 30.0)
        try:
            return db.rows(sql)
        finally:
            db.close()


def _most_within(moments: Sequence[float], span: float) -> int:
    """The most moments that any stretch of so many seconds holds."""
    return max((sum(at <= other < at + span for other in moments) for at in moments), default=0)
