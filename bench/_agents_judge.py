"""What became of a scenario, by the store: seen when, category right or wrong, restarted, and healthy again."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from bench._agents_scenario import Scenario

_GOOD = ("healthy", "degraded")


class Check(NamedTuple):
    """A row of `heartbeat_logs`; `at` in seconds since the epoch."""

    component: str
    at: float
    status: str
    category: str | None
    error: str | None


class Step(NamedTuple):
    """A row of `heartbeat_recoveries`: a step that was really taken."""

    component: str
    at: float
    outcome: str
    detail: str


class Curled(NamedTuple):
    """What the loop saw: the restarts it would have made, and the answers that failed."""

    restarts: int
    failures: int


class Outcome(NamedTuple):
    """Seconds are from the break; None: never.

    said: the label that the checks arrived at
    early: what was not healthy before the break
    curl: what the loop did, None where it has no address
    """

    scenario: Scenario
    seen: float | None
    said: str
    error: str
    restarts: int
    healed: float | None
    early: str
    curl: Curled | None

    @property
    def right(self) -> bool:
        return self.said == self.scenario.label

    @property
    def heals(self) -> bool:
        return self.scenario.restart == "must"

    @property
    def wrongly_restarted(self) -> bool:
        return self.scenario.restart == "never" and self.restarts > 0


def read(store: Path) -> tuple[list[Check], list[Step]]:
    """All checks, and all steps that were not held, in the order of time."""
    with closing(sqlite3.connect(store, timeout=20)) as db:
        checks = db.execute("SELECT component, timestamp, status, category, error FROM heartbeat_logs").fetchall()
        steps = db.execute(
            "SELECT component, started, outcome, detail FROM heartbeat_recoveries WHERE outcome <> 'held'"
        ).fetchall()
    return (
        sorted((Check(one[0], epoch(one[1]), *one[2:]) for one in checks), key=lambda one: one.at),
        sorted((Step(one[0], epoch(one[1]), *one[2:]) for one in steps), key=lambda one: one.at),
    )


def epoch(stored: object) -> float:
    """A time of the store in seconds since the epoch."""
    if isinstance(stored, int | float):
        return float(stored)
    return datetime.fromisoformat(str(stored)).timestamp()


def judge(
    scenario: Scenario, broken_at: float, checks: Sequence[Check], steps: Sequence[Step], curl: Curled | None
) -> Outcome:
    before = [one for one in checks if one.at < broken_at]
    after = [one for one in checks if one.at >= broken_at]
    first_step = min((one.at for one in steps), default=float("inf"))
    failing = [one for one in after if one.status != "healthy"]
    decisive = [one for one in failing if one.at < first_step] or failing
    said, error = _said(decisive)
    healthy = after[-2:] if len(after) >= 2 and all(one.status == "healthy" for one in after[-2:]) else []
    healed = None
    if healthy and steps:
        last_bad = max((one.at for one in failing), default=broken_at)
        healed = next(one.at for one in after if one.at > last_bad) - broken_at
    bad = [one for one in before if one.status != "healthy"]
    early = f"{bad[-1].status}: {bad[-1].error}" if bad else "" if before else "not checked"
    seen = failing[0].at - broken_at if failing else None
    return Outcome(scenario, seen, said, error, len(steps), healed, early, curl)


def _said(checks: Sequence[Check]) -> tuple[str, str]:
    """The label of the last of them: its category, `unknown`, `none` without one, `healthy` where there are none."""
    if not checks:
        return "healthy", ""
    last = checks[-1]
    if last.status == "unknown":
        return "unknown", last.error or ""
    return last.category or ("none" if last.status in _GOOD else "process"), last.error or ""
