"""One duel from start to end: targets that run, contestants that watch them, faults, and what became of each."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.parts.docker import wait_for
from tests.parts.smtp import MailBox, smtp_server

from bench._duel_contestants import CONTESTANTS, CYCLE, Job, Spent, Watch
from bench._duel_faults import AWAY, Clock, Copy, Fault, Place
from bench._duel_judge import Message, Outcome, outcome, record
from bench._duel_targets import Container, Events, Process, Reaper, scripts

_AGE = 62.0  # seconds: what has just been started is given its startup_grace, and rightly not restarted in it
_SEEN_WELL = 3  # cycles before the faults begin
_BEFORE = 3.0  # seconds from the faults to the next cycle
_AWAY_GROUP = "mail"


class Duel:
    """Every fault's copies, and the contestants that watch them."""

    def __init__(self, folder: Path, faults: Sequence[Fault]) -> None:
        self.folder, self.faults = folder, faults
        self.mails: list[Message] = []
        self.copies: list[Copy] = []
        self.watches: dict[tuple[str, str], Watch] = {}
        self.zero = 0.0

    def run(self) -> None:
        scripts(self.folder)
        with ExitStack() as stack:
            stack.enter_context(Reaper())
            self._make(stack.enter_context(Events(self.folder)))
            stack.callback(self._for_all_targets, "end")
            port = self._mail(stack)
            away = AwayServer(self._record)
            stack.callback(away.stop)
            self._for_all_targets("start")
            started = time.time()
            wait_for(self._all_serve, "every target serves", 60)
            age = _AGE if any(isinstance(one, Container) for copy in self.copies for one in copy.targets) else 0.0
            begin = max(time.time() + 2, started + age - _SEEN_WELL * CYCLE)
            self.zero = begin + _SEEN_WELL * CYCLE - _BEFORE
            for group in sorted({fault.group for fault in self.faults}):
                for who in CONTESTANTS:
                    job = self._job(who, group, away.port if group == _AWAY_GROUP else port)
                    self.watches[who, group] = stack.enter_context(Watch(job, begin))
            self._play(away)

    def outcomes(self) -> list[Outcome]:
        """In the order of the faults, then of the contestants."""
        return [
            outcome(copy, [one for one in self.mails if one.to == _address(copy.who, copy.fault.group)], self.zero)
            for copy in self.copies
        ]

    def spent(self) -> dict[str, Spent]:
        """What each contestant spent on the group that has the most faults."""
        groups = [fault.group for fault in self.faults]
        largest = max(groups, key=groups.count)
        return {who: self.watches[who, largest].spent for who in CONTESTANTS}

    def _make(self, events: Events) -> None:
        for number, fault in enumerate(self.faults, 1):
            for who in CONTESTANTS:
                place = Place(self.folder / who / fault.group / "targets", self.folder, events, number)
                self.copies.append(Copy(fault, who, fault.make(fault, place)))

    def _for_all_targets(self, what: str) -> None:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda one: getattr(one, what)(), [one for copy in self.copies for one in copy.targets]))

    def _all_serve(self) -> bool:
        return all(
            not isinstance(one, Process) or one.served(0.0) is not None for copy in self.copies for one in copy.targets
        )

    def _mail(self, stack: ExitStack) -> int:
        box = stack.enter_context(smtp_server())
        self._record(box)
        return box.port

    def _record(self, box: MailBox) -> None:
        record(box, self.mails)

    def _job(self, who: str, group: str, port: int) -> Job:
        own = [copy for copy in self.copies if copy.who == who and copy.fault.group == group]
        targets = [one for copy in own for one in copy.targets]
        parents = {one.id: copy.target.id for copy in own if copy.fault.id == "parent-down" for one in copy.targets[1:]}
        return Job(who, self.folder / who / group, self.folder, targets, parents, port, _address(who, group))

    def _play(self, away: "AwayServer") -> None:
        zeros = self._zeros(Clock(self.zero))
        self.zero = min(zeros.values())
        clock = Clock(self.zero)
        early = [f"{one.id} of {copy.who}" for copy in self.copies for one in copy.targets if _restarted(one)]
        assert not early, f"restarted before anything was broken: {', '.join(early)}"
        for copy in self.copies:
            copy.kill_watcher = self.watches[copy.who, copy.fault.group].kill
        errors: list[str] = []
        threads = [
            threading.Thread(target=_play_one, args=(copy, Clock(zeros[copy.who, copy.fault.group]), errors))
            for copy in self.copies
        ]
        for thread in threads:
            thread.start()
        away.stop()
        clock.wait(AWAY)
        away.begin()
        for thread in threads:
            thread.join()
        clock.wait(max(fault.lasts for fault in self.faults))
        errors += [f"{key}: its launcher has ended" for key, watch in self.watches.items() if not watch.alive()]
        assert not errors, errors

    def _zeros(self, clock: Clock) -> dict[tuple[str, str], float]:
        """When the faults begin, by contestant and group: 3 s before the next check of its first process, as far as the
        last two let that be foreseen. With one moment for all, chance would decide by seconds: the cycles of those that
        sleep between them drift."""
        clock.wait(-_BEFORE - CYCLE)
        first = {key: _asked(watch) for key, watch in self.watches.items()}
        clock.wait(-_BEFORE + 1)
        found = {}
        for key, watch in self.watches.items():
            before, last = first[key], _asked(watch)
            period = last - before if last and before and last - before > CYCLE / 2 else float(CYCLE)
            following = last or clock.zero + _BEFORE
            while following < clock.zero + 1 + _BEFORE:
                following += period
            found[key] = following - _BEFORE
        return found


def _asked(watch: Watch) -> float | None:
    """When a contestant's first process was last asked, None if it has none."""
    return next((one.asked() for one in watch.job.targets if isinstance(one, Process)), None)


def _play_one(copy: Copy, clock: Clock, errors: list[str]) -> None:
    try:
        copy.fault.play(copy, clock)
    except Exception as error:
        errors.append(f"{copy.fault.id} of {copy.who}: {error!r}")


def _restarted(target: object) -> bool:
    return isinstance(target, Process) and bool(target.restarts())


def _address(who: str, group: str) -> str:
    return f"{who.lower()}-{group}@duel.test"


class AwayServer:
    """A mail server that goes away, and comes back on its port."""

    def __init__(self, record: Callable[[MailBox], None]) -> None:
        self._record, self._stack = record, ExitStack()
        self.port = 0
        self.begin()

    def begin(self) -> None:
        box = self._stack.enter_context(smtp_server(port=self.port))
        self._record(box)
        self.port = box.port

    def stop(self) -> None:
        self._stack.close()
