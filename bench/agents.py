"""heartbeat over agent software that is broken in labelled ways: the category it finds, and whether it restarts.

All is well for some passes; then all is broken at once. A loop of `curl -f -m 3` that restarts at the third failure in
a row is asked at the same moments. HEARTBEAT_BENCH_AGENTS names single scenarios, separated by commas;
HEARTBEAT_BENCH_AGENTS_KEEP a folder to which everything is copied at the end. Seconds are from the break. The software
of others is that of `.ci/agents` and `.ci/agents-queues`.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate
from tests.parts import lacking

from bench._agents_judge import Outcome
from bench._agents_world import play
from bench._measure import Rows, target

_SCENARIOS = 40


def main() -> Rows:
    wanted = frozenset(name for name in os.environ.get("HEARTBEAT_BENCH_AGENTS", "").split(",") if name)
    if not shutil.which("curl"):
        lacking("no curl")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            outcomes, left_out = play(Path(folder), wanted)
        finally:
            if kept := os.environ.get("HEARTBEAT_BENCH_AGENTS_KEEP"):
                shutil.copytree(folder, kept, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("hb-*"))
    if unknown := sorted(wanted - {one.scenario.id for one in outcomes}):
        left_out = [*left_out, f"no such scenario, or its part is missing: {', '.join(unknown)}"]
    print(f"{len(outcomes)} scenarios in {time.monotonic() - begun:.0f} s")
    print(tabulate([_row(one) for one in outcomes], headers=_HEADS, disable_numparse=True))
    print(_NOTES)
    for one in outcomes:
        if one.early or not one.right:
            print(f"  {one.scenario.id}: {one.early or one.error}")
    print(*(f"  left out: {line}" for line in left_out), sep="\n")
    return _targets(outcomes, complete=not wanted)


_HEADS = ["scenario", "kind", "label", "seen s", "category", "restarts", "healthy again s", "curl loop"]


def _row(one: Outcome) -> tuple[object, ...]:
    label = one.scenario.label
    category = "right" if one.right else f"WRONG: {one.said}"
    restarts = f"{one.restarts} WRONG" if one.wrongly_restarted else str(one.restarts)
    quiet = label == "healthy"
    healed = _seconds(one.healed) if one.heals else "-"
    return (
        one.scenario.id,
        one.scenario.kind,
        label,
        "-" if quiet else _seconds(one.seen),
        category,
        restarts,
        healed,
        _curl(one),
    )


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f}"


def _curl(one: Outcome) -> str:
    if one.curl is None:
        return "no address"
    if one.curl.failures == 0:
        return "quiet" if one.scenario.label == "healthy" else "blind"
    if one.curl.restarts == 0:
        return f"{one.curl.failures} of 3 strikes"
    restarts = "1 restart" if one.curl.restarts == 1 else f"{one.curl.restarts} restarts"
    return f"{restarts}, in vain" if one.scenario.restart == "never" else restarts


_NOTES = """
Label: the category of the fault; unknown: heartbeat cannot check; none: degraded without a category. Category: of the
last failing check before the first step. Restarts: steps taken; none may be taken where a restart mends nothing.
Healthy again: the first of the checks that were healthy up to the end. Curl loop: blind where all of its calls
succeeded; in vain where a restart mends nothing. It is asked about the same parts: one that heartbeat restarted before
its third strike is healthy again for it, too.
"""


def _targets(outcomes: Sequence[Outcome], complete: bool) -> Rows:
    def names(some: Sequence[Outcome]) -> str:
        return f" ({', '.join(one.scenario.id for one in some)})" if some else ""

    wrong = [one for one in outcomes if not one.right]
    vain = [one for one in outcomes if one.wrongly_restarted]
    stuck = [one for one in outcomes if one.heals and one.healed is None]
    early = [one for one in outcomes if one.early]
    judged = target(f"categories wrong, %{names(wrong)}", 100 * len(wrong) / max(1, len(outcomes)), 5)
    judged += target(f"restarted where a restart mends nothing{names(vain)}", len(vain), 0)
    judged += target(f"to be healed by a restart, and not healed{names(stuck)}", len(stuck), 0)
    judged += target(f"called failing while all was well{names(early)}", len(early), 0)
    if complete:
        judged += target("scenarios short of 40", max(0, _SCENARIOS - len(outcomes)), 0)
    return judged
