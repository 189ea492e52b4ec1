"""heartbeat beside Monit and a shell loop: the same faults in the same cycle, on separate copies of small real things.

All three have a cycle of 10 s and act at the third failure. HEARTBEAT_BENCH_DUEL names single faults, separated by
commas; HEARTBEAT_BENCH_DUEL_KEEP a folder to which everything is copied at the end. Seconds are from the fault.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tabulate import tabulate
from tests.parts import lacking
from tests.parts.docker import BUSYBOX, need_image

from bench._duel_contestants import CONTESTANTS, CYCLE, THRESHOLD
from bench._duel_faults import FAULTS
from bench._duel_judge import Outcome, level
from bench._duel_run import Duel
from bench._measure import Row, Rows, target

_OURS = "heartbeat"


def main() -> Rows:
    wanted = [name for name in os.environ.get("HEARTBEAT_BENCH_DUEL", "").split(",") if name]
    if unknown := sorted(set(wanted) - {fault.id for fault in FAULTS}):
        raise SystemExit(f"no such fault: {', '.join(unknown)}; known: {', '.join(fault.id for fault in FAULTS)}")
    for program in ("monit", "curl"):
        if not shutil.which(program):
            lacking(f"no {program}")
    need_image("busybox", BUSYBOX)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        duel = Duel(Path(folder), [fault for fault in FAULTS if not wanted or fault.id in wanted])
        try:
            duel.run()
            outcomes = duel.outcomes()
        finally:
            _keep(duel)
    took = time.monotonic() - begun
    print(f"{len(duel.faults)} faults in {took:.0f} s; a cycle of {CYCLE} s, a threshold of {THRESHOLD}")
    print(tabulate([_row(one) for one in outcomes], headers=_HEADS, disable_numparse=True))
    print()
    spent = [(who, f"{one.cpu:.1f}", f"{one.peak:.0f}") for who, one in duel.spent().items()]
    print(tabulate(spent, headers=["instance with the most faults", "CPU s", "peak MB"], disable_numparse=True))
    print(_NOTES)
    return _targets(outcomes)


def _keep(duel: Duel) -> None:
    if kept := os.environ.get("HEARTBEAT_BENCH_DUEL_KEEP"):
        lines = [f"{one.at - duel.zero:.1f} {one.to} {one.subject}\n" for one in duel.mails]
        (duel.folder / "mails").write_text("".join(lines))
        shutil.copytree(duel.folder, kept, symlinks=True, dirs_exist_ok=True)


_HEADS = ["fault", "", "detected s", "healed s", "restarts", "messages", "wrong decisions"]


def _row(one: Outcome) -> tuple[object, ...]:
    first = one.copy.who == next(iter(CONTESTANTS))
    healed = _seconds(one.healed) if one.copy.fault.healable else "-"
    wrong = "; ".join(one.wrong)
    name = one.copy.fault.id if first else ""
    return name, one.copy.who, _seconds(one.detected), healed, one.restarts, one.messages, wrong


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f}"


_NOTES = """
Detected: the first message about the fault or the first restart. Healed: the target served again. Restarts and messages
are those since the first fault. CPU and memory: the instance that watches the most faults, with all that it started and
waited for, without the targets and the Docker daemon; of Monit the peak of its own process. A storm is more restarts
than the fault needs. Each copy is broken 3 s before the next cycle of its contestant, all within one cycle: the cycles
of Monit and the loop drift, and with one moment for all chance would decide by seconds.
- Faults whose checks or restarts delay others' have an instance of each contestant for themselves, with one target.
- process-killed and others that end the process: Monit acts at the first check that finds none, by its own default.
- container-stopped: heartbeat reads in Docker's events that a person stopped it. Monit and the loop have no such
  source; with them an operator has to say it first (`monit unmonitor`).
- parent-down: `depends on` makes Monit stop and start the children with their parent. The loop knows no dependencies.
- starts-in-75s: the restart script ends at once, as `systemctl restart` of a simple unit does. Monit and the loop have
  no grace for what is starting.
- crash-loop: Monit gives up after five restarts within 60 cycles, heartbeat by its budget, the loop never.
- watcher-killed-too: systemd starts all of them again after a second: Monit and the loop as services that are to
  stay, heartbeat as the service of its timer (`Restart=on-abnormal`, as in docs/recipes/systemd-timer.md).
- while-another-restarts: each contestant's second target is killed while its own restart of the first is under way.
- fell-twice-before: killed, 100 s later another fault, and 350 s after that the one that is measured.
- mail-server-away: detected is the first message that arrived, from the fault on; the server is back after 120 s.
"""


def _targets(outcomes: Sequence[Outcome]) -> Rows:
    judged: Rows = []
    for id_, some in groupby(outcomes, key=lambda one: one.copy.fault.id):
        ours, *others = sorted(some, key=lambda one: one.copy.who != _OURS)
        for name in ours.copy.fault.compared:
            mine, theirs = ours.figure(name), [one.figure(name) for one in others]
            met = level(mine, theirs)
            best = min((one for one in theirs if one is not None), default=None)
            print(f"  {'met ' if met else 'MISS'} {id_}, {name}: {_number(mine)} (the best other: {_number(best)})")
            judged.append(Row(f"{id_}, {name}, ours level with the best other", 0.0 if met else 1.0, 0.0))
    wrong = [one for one in outcomes if one.copy.who == _OURS and one.wrong]
    return judged + target("faults in which heartbeat decided wrongly", len(wrong), 0)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
