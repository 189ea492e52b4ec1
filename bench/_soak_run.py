"""One soak: a script lived through, pass by pass, and everything that was seen of it."""

import statistics
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from tests.parts.docker import engine

from bench._soak_judge import Verdict, judge
from bench._soak_left import Left, Postgres, Size, Sqlite, left, size
from bench._soak_process import Processes, Run
from bench._soak_script import CYCLE, Script
from bench._soak_twin import Twin
from bench._soak_world import World

START = 1_796_255_100.0  # 2026-12-02 23:45 UTC: a day is over after thirty passes
_BEATS = 10  # passes between two beats of the job
_SAMPLES = 80  # looks at the sizes of the store
_TWINS = 10  # passes between two of the twin, at least
_QUIET = ("checked ", "done in ")  # how the lines begin that a pass says in which nothing happened


class Pass(NamedTuple):
    """One pass: `plain` is one in which nothing happened, `calm` one in which nothing was amiss; `left` is None while
    the store is away."""

    number: int
    run: Run
    calm: bool
    plain: bool
    drew: bool
    left: Left | None


class Soak(NamedTuple):
    """`yardsticks` are the seconds of CPU and wall time of the twin's pass, by the pass before it."""

    passes: list[Pass]
    yardsticks: dict[int, tuple[float, float]]
    sizes: list[Size]
    verdict: Verdict
    failed: list[str]
    names: list[str]
    script: Script


def soak(folder: Path, store: str, passes: int, seed: int, cycle: int = 0, box: bool = True, twin: bool = True) -> Soak:
    """Live through it, from that cycle of the script on; `box`: with a container, where there is Docker; `twin`: with
    something to compare times with."""
    box = box and engine() is None
    script = Script(seed, passes, store, box, cycle)
    with ExitStack() as stack:
        world = stack.enter_context(World(folder, store, box, seed))
        processes = stack.enter_context(Processes(folder, world.config))
        return _Life(world, script, processes, Twin(world, processes, START - 2_400) if twin else None).live()


class _Life:
    def __init__(self, world: World, script: Script, processes: Processes, twin: Twin | None) -> None:
        self.twin = twin
        self.world, self.script, self.processes = world, script, processes
        self.store = Postgres(world) if world.dialect == "postgres" else Sqlite(world)
        self.passes: list[Pass] = []
        self.yardsticks: dict[int, tuple[float, float]] = {}
        self.sizes: list[Size] = []
        self.failed: list[str] = []
        self._beaten = -_BEATS
        self._page = 0.0

    def live(self) -> Soak:
        with closing(self.store):
            for number in range(self.script.passes):
                self._pass(number)
            for number in range(self.script.passes, self.script.passes + 3 * CYCLE, 10):
                if not self.passes[-1].left or not self.passes[-1].left.waiting:
                    break  # all is told
                self._pass(number)
            self.sizes.append(size(len(self.passes), self.store))
            verdict = judge(self.script, START, self.store, self.world.arrivals)
        names = sorted(one.name for one in self.world.state.rglob("*") if one.is_file() and one.suffix != ".cache")
        return Soak(self.passes, self.yardsticks, self.sizes, verdict, self.failed, names, self.script)

    def _pass(self, number: int) -> None:
        world, script = self.world, self.script
        world.move(number, script.troubles)
        self._beside(number)
        kill = self._moment(number) if number in script.killed else None
        timer = world.cutting()
        run = self.processes.heartbeat("run", "--verbose", at=START + script.seconds(number), kill=kill)
        if timer is not None:
            timer.join()
        world.read_file()
        self._keep(number, run)
        if self.twin is not None and self.passes[-1].plain and number - max(self.yardsticks, default=-99) >= _TWINS:
            same = self.twin.run()
            self.yardsticks[number] = (same.cpu, same.wall)
        if number % max(5, self.script.passes // _SAMPLES) == 4 and not world.away:
            self.sizes.append(size(number, self.store))

    def _moment(self, number: int) -> float:
        """When to kill a pass: at any time of its life, as the last ones took."""
        usual = statistics.median([one.run.wall for one in self.passes[-20:]] or [0.2])
        return usual * (0.1 + (number * 7_919 % 211) / 250)

    def _keep(self, number: int, run: Run) -> None:
        if (run.code != 0 and not run.killed) or "Traceback" in run.err:
            self.failed.append(f"pass {number}: exit {run.code}: {run.err[-500:]}")
        seen = (
            None if self.world.away else left(self.world, self.store, (self.processes.temporary, self.processes.home))
        )
        calm = self.script.calm(number) and not (seen and seen.waiting)
        plain = calm and all(line.startswith(_QUIET) for line in run.err.splitlines())
        page = self.world.public / "index.html"
        drawn = page.stat().st_mtime_ns if page.exists() else 0
        self.passes.append(Pass(number, run, calm, plain, drawn != self._page, seen))
        self._page = drawn

    def _beside(self, number: int) -> None:
        """What people, jobs and cron do between two passes, when the store is there."""
        script, at = self.script, START + self.script.seconds(number) - 2
        job = next((one for one in script.now(number) if one.what == "job"), None)
        due = number - self._beaten >= _BEATS or number in script.asleep
        if job is not None and job.how == "fails":
            if number == job.first:
                self._verb("beat", "job", "--fail", "-m", "no space left", at=at)
        elif due and job is None:
            self._verb("beat", "job", at=at)
            self._beaten = number
        if any(one.what == "quiet" and one.first == number for one in script.troubles):
            self._verb("silence", "quiet", "--for", "10", "--reason", "work", at=at)
        if number in script.acks:
            self._verb("ack", at=at, codes=(0, 1))
        if number % 100 == 1:
            self._verb("metrics", "-o", str(self.world.public / "heartbeat.prom"), at=at)
            self._verb("status", at=at, codes=(0, 1))
        if number % 500 == 490:
            self._verb("prune", at=at, codes=(0, 3))  # in the hour after a day of sleep the clock is in doubt
            self._verb("report", "--send", at=at)

    def _verb(self, *words: str, at: float, codes: tuple[int, ...] = (0,)) -> None:
        run = self.processes.heartbeat(*words, at=at)
        if run.code not in codes or run.orphans:
            self.failed.append(f"{words} before pass {self.world.number}: exit {run.code}: {run.err[-500:]}")
