"""Kill heartbeat with SIGKILL at a chosen line of a recovery, and see what the next runs make of it.

A play is one fault from its second-last failing check to its end: `heartbeat run` finds the fault, tells of it and
takes the steps, dies where it was told to, and then runs again and again, as cron would start it. What was done is read
from outside: every step leaves a line in `done`. Each run is a process of its own, forked from this one, which has
everything imported: hundreds of runs in seconds. Between two runs the clock is moved on, as if minutes had passed.

Docker and systemd keep the time themselves: there it is let pass. Tests take a few points of each file; with
HEARTBEAT_TEST_EVERY_POINT=1 they take every line, where time can be moved.
"""

import ctypes
import importlib
import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from heartbeat_cli.store.outbox import alerts
from heartbeat_cli.store.sql import database
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import recoveries
from tests.parts.postgres import moved_clock, with_movable_clock

GRACE = 20.0  # seconds of the moved clock that a step gets to heal
_TIMES: dict[str, float] = {"timeout": 6, "startup_grace": GRACE, "verify_wait": 0.2, "backoff": 0}
_BETWEEN, _REAL_BETWEEN = 9.0, 0.4  # seconds from one run to the next
_ALL = "HEARTBEAT_TEST_EVERY_POINT"
_MOST_RUNS, _REAL_RUNS = 20, 120  # where time is let pass, each is short
_LEFT_ALONE = 4  # runs after which somebody comes to help where recovery has failed
_WATCHED = (
    "passes/recover/recover.py",
    "passes/recover/step_executor.py",
    "passes/recover/handoff.py",
    "store/state/recoveries.py",
)
_OF_STEPS = (
    "actions/_program.py",
    "actions/command.py",
    "actions/docker.py",
    "actions/_engine.py",
    "actions/systemd.py",
    "heartbeat_cli/system/process.py",
)
_SUBREAPER = 36  # prctl(2)

Point = tuple[str, int]  # `step_executor.py:75` and the how manieth time it is come to


class Row(NamedTuple):
    """A step as heartbeat recorded it."""

    outcome: str
    step: int
    started: float
    verified: float | None


class Fault(NamedTuple):
    """What is in fault, as TOML: a component without its recovery, and its steps; `{folder}` is the play's own. `done`
    prints the steps that were taken, one a line; `real` where time cannot be moved on, because others keep it, too."""

    component: str
    steps: str
    done: tuple[str, ...]
    real: bool = False


class Story(NamedTuple):
    """What came of a play: `runs` are the moments of the runs from the killed one on, `done` the steps that had been
    taken by the end of each, from outside; `tried` is what the message of the end says of them."""

    point: Point | None
    killed: bool
    runs: list[float]
    done: list[list[str]]
    told: list[str]
    rows: list[Row]
    tried: list[str]

    @property
    def steps(self) -> list[str]:
        return self.done[-1]

    @property
    def outcomes(self) -> list[str]:
        return [row.outcome for row in self.rows]

    def began(self, step: str, times: int = 1) -> float:
        """When the run began in which a step was taken for the so manieth time."""
        return next(at for at, done in zip(self.runs, self.done, strict=True) if done.count(step) >= times)


class Watch:
    """A trace function for every thread that dies at a point; `times` are the points that were come to."""

    def __init__(self, point: Point | None) -> None:
        self._point, self.times = point, dict[str, int]()
        self._lock = threading.Lock()

    def begin(self) -> None:
        threading.settrace(self._called)
        sys.settrace(self._called)

    def end(self) -> None:
        sys.settrace(None)

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        name = frame.f_code.co_filename
        if not frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            return None  # a module or class, which is only being imported
        if name.endswith(_WATCHED) or (name.endswith(_OF_STEPS) and _in_a_step(frame)):
            return self._line
        return None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            key = f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno:03}"
            with self._lock:
                times = self.times[key] = self.times.get(key, 0) + 1
                if (key, times) == self._point:
                    os.kill(os.getpid(), signal.SIGKILL)
                    time.sleep(60)
        return self._line


def _in_a_step(frame: FrameType | None) -> bool:
    """Checks are not steps, though they run programs, too."""
    while frame is not None:
        if frame.f_code.co_name == "run_step":
            return True
        frame = frame.f_back
    return False


class Play:
    """A folder with a configuration and a store, and runs over them. `well` in it means that somebody came to help."""

    def __init__(self, folder: Path, store: str, fault: Fault, recovery: dict[str, float]) -> None:
        self.folder, self.told, self.fault = folder, folder / "told.jsonl", fault
        self.store = store or f"sqlite:///{folder}/store.db"
        self.config = folder / "heartbeat.toml"
        folder.mkdir(parents=True, exist_ok=True)
        times = "\n".join(f"{key} = {value}" for key, value in (_TIMES | recovery).items())
        self.config.write_text(f"""
            [heartbeat]
            store = "{self.store}"
            state_dir = "{folder}/state"
            [recovery]
            {times}
            [channels.log]
            kind = "file"
            path = "{self.told}"
            digest = false
            [components.main]
            {fault.component.replace("{folder}", str(folder))}
            interval = 0.01
            retries = 0
            recovery = {{ ladder = [{fault.steps.replace("{folder}", str(folder))}] }}
            """)

    def begin(self, like: Path | None = None) -> None:
        """Two failing checks: the next one declares the fault. A store of SQLite is copied from one that has them."""
        if like is not None:
            for path in like.glob("store.db*"):
                shutil.copy(path, self.folder)
            return
        for _ in range(2):
            assert self.run() == 0, self._said()

    def run(self, point: Point | None = None, seen: Path | None = None) -> int:
        """One `heartbeat run`, as a process; returns its exit status. Where time is moved, what it left behind has
        ended before that."""
        pid = os.fork()
        if pid == 0:
            self._be_heartbeat(point, seen)
        _, status = os.waitpid(pid, 0)
        if self.fault.real:
            time.sleep(_REAL_BETWEEN)
        else:
            with suppress(ChildProcessError):
                while True:
                    os.waitpid(-1, 0)
            _clock.moved += _BETWEEN
            os.environ |= moved_clock(_clock.moved)
        return os.waitstatus_to_exitcode(status)

    def _be_heartbeat(self, point: Point | None, seen: Path | None) -> None:
        from heartbeat_cli import cli

        try:
            said = os.open(self.folder / "said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(said, 1)
            os.dup2(said, 2)
            watch = Watch(point)
            if point or seen:
                watch.begin()
            code = cli.run(["--config", str(self.config), "run", "-v"])
            watch.end()
            if seen:
                seen.write_text(json.dumps([watch.times, list(sys.modules)]))
            os._exit(code)
        finally:
            os._exit(70)

    def play(self, point: Point | None, seen: Path | None = None) -> Story:
        runs, done, killed = list[float](), list[list[str]](), False
        for number in range(_REAL_RUNS if self.fault.real else _MOST_RUNS):
            runs.append(time.time())
            code = self.run(point, seen) if number == 0 else self.run()
            killed = killed or code == -signal.SIGKILL
            assert code == 0 or (killed and number == 0), self._said()
            done.append(self._done())
            if "recovered" in self._told():
                break
            if number >= _LEFT_ALONE and "recovery_failed" in self._told():
                (self.folder / "well").touch()
        return Story(point, killed, runs, done, self._told(), rows(self.store), _tried(self.store))

    def _done(self) -> list[str]:
        argv = [word.replace("{folder}", str(self.folder)) for word in self.fault.done]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False).stdout.split()

    def _told(self) -> list[str]:
        told = told_of(self.told, self.store)
        return [one for one in told if one != "missed_runs"]  # between preparing a play and playing it

    def _said(self) -> str:
        return (self.folder / "said").read_text()


def told_of(path: Path, store: str) -> list[str]:
    """The types of the alerts that a file channel was told, in order, alone or in one message with others."""
    with _opened(store) as db:
        sent = db.rows(
            "SELECT o.batch, a.alert_type FROM heartbeat_outbox o JOIN heartbeat_alert_rows a"
            " ON a.alert_id = o.alert_id WHERE o.batch IS NOT NULL ORDER BY a.alert_time"
        )
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [kind for one in found for kind in [kind for batch, kind in sent if batch == one["id"]] or [one["type"]]]


def rows(store: str) -> list[Row]:
    """Every step as it was recorded, in order."""
    with _opened(store) as db:
        steps = [one for one in recoveries.between(db, 0, 9e9) if one.outcome != "held"]
    return [Row(one.outcome, one.step, one.started, one.verified) for one in steps]


def _tried(store: str) -> list[str]:
    with _opened(store) as db:
        ends = [one for one in alerts.between(db, 0, 9e9) if one.type == "recovered"]
    return [outcome for one in ends for _, outcome, _ in one.details["attempts"]]


def _opened(store: str) -> "closing[Database]":
    return closing(database.connect(store, 10))


class _Clock:
    """The machine's clock, moved on."""

    def __init__(self) -> None:
        self._real, self.moved = time.time, 0.0

    def __call__(self) -> float:
        return self._real() + self.moved


_clock = _Clock()


def perform(given: dict[str, Any]) -> None:
    """The plays of one process: first one without a kill, which shows what points there are."""
    faults = [Fault(*one) for one in given["faults"]]
    if not faults[0].real:
        time.time = _clock
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    folder, stores, recovery = Path(given["folder"]), given["stores"], given["recovery"]
    like = None
    if not (stores or faults[0].real):
        like = folder / "like"
        Play(like, "", faults[0], recovery).begin()

    def perform_one(number: int, point: Point | None, seen: Path | None = None) -> None:
        fault = faults[number % len(faults)]
        if stores:
            with_movable_clock(stores[number])
        play = Play(folder / str(number), stores[number] if stores else "", fault, recovery)
        play.begin(like)
        print(json.dumps(play.play(point, seen)), flush=True)

    seen = folder / "seen"
    perform_one(0, None, seen)
    points, modules = json.loads(seen.read_text())
    for name in modules:
        with suppress(ImportError):
            importlib.import_module(name)
    chosen = _all(points) if like and os.environ.get(_ALL) else _chosen(points, given["spread"])
    for number, point in enumerate(chosen[given["part"] :: given["parts"]], 1):
        perform_one(number, point)


def _all(points: dict[str, int]) -> list[Point]:
    """Every line, when it is first come to and when it is for the last time."""
    return sorted({(line, times) for line, most in points.items() for times in (1, most)})


def _chosen(points: dict[str, int], spread: dict[str, int]) -> list[Point]:
    """So many points of each file, evenly spaced over its lines; by turns when a line is first come to, and later."""
    found = []
    for name, wanted in spread.items():
        lines = sorted(point for point in points if point.startswith(f"{name}:"))
        wanted = min(wanted, len(lines))
        chosen = [lines[n * len(lines) // wanted] for n in range(wanted)]
        found += [(line, 1 + n % points[line]) for n, line in enumerate(chosen)]
    return found


def plays(
    folder: Path,
    faults: list[Fault],
    spread: dict[str, int],
    stores: list[str] | None = None,
    parts: int = 1,
    recovery: dict[str, float] | None = None,
) -> list[Story]:
    """Play a fault with a kill at each of so many points a file (`climb.py`: 9), in processes side by side, each of
    which begins with a play without a kill. Where every play needs a fault or a store of its own, that many are given.
    """
    running = []
    for part in range(parts):
        given = {
            "folder": str(folder / f"part{part}"),
            "faults": faults if len(faults) == 1 else faults[part::parts],
            "stores": (stores or [])[part::parts],
            "spread": spread,
            "recovery": recovery or {},
            "part": part,
            "parts": parts,
        }
        argv, pipe = [sys.executable, "-m", "tests.parts.kill_points"], subprocess.PIPE
        (folder / f"part{part}").mkdir(parents=True)
        home = Path(__file__).parents[2]
        one = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=home)
        assert one.stdin is not None
        one.stdin.write(json.dumps(given))
        one.stdin.flush()
        one.stdin.close()
        one.stdin = None
        running.append(one)
    found = []
    for one in running:
        out, err = one.communicate(timeout=1800)
        assert one.returncode == 0, err
        found += [_story(line) for line in out.splitlines()]
    kills = sum(one.killed for one in found)
    assert kills > 0.7 * (len(found) - parts), f"only {kills} of {len(found)} plays came to their kill"
    return found


def _story(line: str) -> Story:
    story = Story(*json.loads(line))
    return story._replace(rows=[Row(*row) for row in story.rows])


if __name__ == "__main__":
    perform(json.loads(sys.stdin.read()))
