"""The faults of the duel: what is broken, when, and what may be done about it.

Every fault has a copy for each contestant. Faults whose checks or restarts would delay others' (a check that hangs, a
restart that takes long) have a group of their own: each contestant runs once for each group.
"""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.parts import recovery_faults

from bench._duel_targets import Container, Events, Process, Target, stop_on_purpose

_ON, _OFF = 30.0, 30.0  # seconds down and up of the one that flaps
_TIMES = 4
_AGAIN = (100.0, 450.0)  # seconds after which the one that fails often fails again; the last is measured
AWAY = 120.0  # seconds that the mail server is away


class Copy:
    """One contestant's copy of a fault. `injected` is the moment at which what is measured was broken, `kill_watcher`
    kills the contestant with everything that it runs."""

    def __init__(self, fault: "Fault", who: str, targets: list[Target]) -> None:
        self.fault, self.who, self.targets = fault, who, targets
        self.injected = 0.0
        self.kill_watcher: Callable[[], None] = lambda: None

    @property
    def target(self) -> Target:
        return self.targets[0]

    @property
    def process(self) -> Process:
        assert isinstance(self.targets[0], Process)
        return self.targets[0]

    def inject(self, action: Callable[[], object]) -> None:
        self.injected = time.time()
        action()


class Clock(NamedTuple):
    """Seconds from the moment at which a contestant's faults begin."""

    zero: float

    def wait(self, seconds: float) -> None:
        time.sleep(max(0.0, self.zero + seconds - time.time()))


class Place(NamedTuple):
    """Where a copy's targets are made."""

    folder: Path
    scripts: Path
    events: Events
    number: int


class Fault(NamedTuple):
    """`restarts` is how many are justified; `lasts` how long it is watched, in seconds; `healable` is whether a restart
    ends it, `ends` whether it ends at all; `forbidden` has the beginning of the ids that must not be restarted, and
    what they are; `compared` names the figures that decide. Without `seen_by_action` only a message is detection."""

    id: str
    make: Callable[["Fault", Place], list[Target]]
    play: Callable[[Copy, Clock], None]
    group: str = "main"
    lasts: float = 120.0
    restarts: int = 1
    healable: bool = True
    ends: bool = True
    forbidden: tuple[str, str] | None = None
    compared: tuple[str, ...] = ("detected", "healed")
    needs_person: bool = False
    seen_by_action: bool = True


def _process(fault: Fault, place: Place) -> list[Target]:
    return [Process(fault.id, place.folder / fault.id, place.scripts)]


def _slow_script(seconds: float, fault: Fault, place: Place) -> list[Target]:
    made = Process(fault.id, place.folder / fault.id, place.scripts)
    made.mark("slow-script", f"{seconds:g}")
    return [made]


def _family(fault: Fault, place: Place) -> list[Target]:
    parent = Process(fault.id, place.folder / fault.id, place.scripts)
    children = [Process(f"child-{n}", place.folder / f"child-{n}", place.scripts) for n in (1, 2)]
    for child in children:
        child.mark("upstream", str(parent.port))
    return [parent, *children]


def _beside(fault: Fault, place: Place) -> list[Target]:
    busy = Process("restarts-12s", place.folder / "restarts-12s", place.scripts)
    busy.mark("slow-script", "12")
    return [Process(fault.id, place.folder / fault.id, place.scripts), busy]


def _container(make: Callable[[int], recovery_faults.Part], stopped: bool, fault: Fault, place: Place) -> list[Target]:
    fail = stop_on_purpose if stopped else None
    return [Container(fault.id, make(place.number), place.events, fail)]


def _kill(copy: Copy, clock: Clock) -> None:
    clock.wait(0)
    copy.inject(copy.process.kill)


def _signal(number: int, copy: Copy, clock: Clock) -> None:
    clock.wait(0)
    copy.inject(partial(copy.process.signal, number))


def _mode(mode: str, copy: Copy, clock: Clock) -> None:
    clock.wait(0)
    copy.inject(partial(copy.process.mark, "mode", mode))


def _kill_marked(mark: str, text: str, copy: Copy, clock: Clock) -> None:
    copy.process.mark(mark, text)
    _kill(copy, clock)


def _first_step_fails(copy: Copy, clock: Clock) -> None:
    copy.process.mark("fail-once")
    _mode("500", copy, clock)


def _break_container(copy: Copy, clock: Clock) -> None:
    assert isinstance(copy.target, Container)
    clock.wait(0)
    copy.inject(copy.target.fail)


def _again(copy: Copy, clock: Clock) -> None:
    """Killed, then another fault, and long after that the one that is measured, again 3 s before the next check."""
    _kill(copy, clock)
    clock.wait(_AGAIN[0])
    copy.inject(partial(copy.process.mark, "mode", "500"))
    clock.wait(_AGAIN[1])
    before, end = copy.process.asked(), time.monotonic() + 30
    while copy.process.asked() == before and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(7)
    copy.inject(partial(copy.process.mark, "mode", "500"))


def _flap(copy: Copy, clock: Clock) -> None:
    """Down for reasons that no restart ends, and up again by itself."""
    copy.process.mark("sticky")
    _mode("500", copy, clock)
    for n in range(_TIMES):
        clock.wait(n * (_ON + _OFF))
        copy.process.mark("mode", "500")
        clock.wait(n * (_ON + _OFF) + _ON)
        copy.process.unmark("mode")


def _watcher_killed(copy: Copy, clock: Clock) -> None:
    """The contestant and its restart script die together, when the script has stopped the target."""
    _kill(copy, clock)
    if _until_restart(copy.process):
        time.sleep(1)
        copy.kill_watcher()
        os.kill(int((copy.process.folder / "script").read_text()), signal.SIGKILL)


def _while_another_restarts(copy: Copy, clock: Clock) -> None:
    busy = copy.targets[1]
    assert isinstance(busy, Process)
    clock.wait(0)
    busy.kill()
    if _until_restart(busy):
        time.sleep(1)
    copy.inject(copy.process.kill)


def _until_restart(target: Process, seconds: float = 100.0) -> bool:
    end = time.monotonic() + seconds
    while not target.restarts():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


_CHILDREN = ("child-", "a child whose parent is down")
_STOPPED = ("container-stopped", "what a person stopped")

FAULTS = (
    Fault("process-killed", _process, _kill),
    Fault("process-hangs", _process, partial(_signal, signal.SIGSTOP), "hang"),
    Fault("answers-500", _process, partial(_mode, "500")),
    Fault("body-says-fail", _process, partial(_mode, "fail")),
    Fault("slow-answer", _process, partial(_mode, "slow"), "slow"),
    Fault("port-closed", _process, partial(_signal, signal.SIGUSR1)),
    Fault("starts-in-20s", _process, partial(_kill_marked, "slow-start", "20"), lasts=180),
    Fault("starts-in-75s", _process, partial(_kill_marked, "slow-start", "75"), lasts=360),
    Fault(
        "crash-loop",
        _process,
        partial(_kill_marked, "crash", ""),
        "crash",
        480,
        restarts=5,
        healable=False,
        ends=False,
        needs_person=True,
        compared=("detected",),
    ),
    Fault("second-try-heals", _process, _first_step_fails, lasts=300, restarts=2),
    Fault("parent-down", _family, partial(_kill_marked, "slow-start", "20"), lasts=180, forbidden=_CHILDREN),
    Fault("container-killed", partial(_container, recovery_faults.killed, False), _break_container),
    Fault("container-unhealthy", partial(_container, recovery_faults.unhealthy, False), _break_container),
    Fault(
        "container-stopped",
        partial(_container, recovery_faults.killed, True),
        _break_container,
        restarts=0,
        healable=False,
        ends=False,
        forbidden=_STOPPED,
        compared=(),
    ),
    Fault("fell-twice-before", _process, _again, lasts=_AGAIN[-1] + 105, restarts=3),
    Fault("watcher-killed-too", partial(_slow_script, 5.0), _watcher_killed, "killed", 240, restarts=2),
    Fault(
        "30s-down-30s-up",
        _process,
        _flap,
        "flaps",
        480,
        restarts=_TIMES,
        healable=False,
        compared=("detected", "messages"),
    ),
    Fault(
        "mail-server-away",
        _process,
        _kill,
        "mail",
        300,
        compared=("detected", "healed", "messages"),
        seen_by_action=False,
    ),
    Fault("while-another-restarts", _beside, _while_another_restarts, "beside"),
)
