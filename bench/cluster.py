"""Histories on a real cluster (Patroni with etcd, HAProxy, PgBouncer; packages of Debian), each from its seed: five
hosts watch an agent and the cluster, which is their store as well, while leaders are killed, isolated or changed, etcd
loses its quorum, hosts are cut off and clocks are apart. A checker judges each by all that was written, done and sent.

HEARTBEAT_BENCH_CLUSTER says how many (2; some 20 s each), HEARTBEAT_BENCH_CLUSTER_FROM from which seed on
(0): a history that went wrong can be had again by its seed alone. At least every tenth must have a failover in the
middle of a pass."""

import os
import time
from collections import Counter

from tabulate import tabulate
from tests.parts.cluster.checker import summary
from tests.parts.cluster.cluster import Cluster
from tests.parts.cluster.history import History, Outcome
from tests.parts.cluster.stories import story

from bench._measure import Rows, target

_HISTORIES = 2
_INSIDE = 10  # of so many histories one must have a failover inside a pass


def main() -> Rows:
    first = int(os.environ.get("HEARTBEAT_BENCH_CLUSTER_FROM", "0"))
    count = int(os.environ.get("HEARTBEAT_BENCH_CLUSTER", _HISTORIES))
    begun, wrong, inside = time.monotonic(), 0, 0
    blows: Counter[str] = Counter()
    total: Counter[str] = Counter()
    with Cluster() as cluster:
        for seed in range(first, first + count):
            one = story(seed)
            print(f"{seed}: {one}", flush=True)
            outcome = History(cluster, one).play()
            _show(outcome)
            wrong += bool(outcome.wrong)
            inside += bool(outcome.inside)
            blows[one.blow] += 1
            total.update(summary(outcome.record))
    print(f"\n{count} histories in {time.monotonic() - begun:.0f} s, {inside} with a failover inside a pass")
    print(tabulate([*sorted(blows.items()), *total.items()], disable_numparse=True, tablefmt="plain"))
    judged = target("histories with a violation", wrong, 0)
    judged += target("histories without a failover inside a pass", count - inside, count - count // _INSIDE)
    print()
    return judged


def _show(outcome: Outcome) -> None:
    figures = ", ".join(f"{number} {what}" for what, number in summary(outcome.record).items())
    print(f"    {figures}, {outcome.inside} runs with a failover inside, {outcome.seconds:.0f} s", flush=True)
    for id_, said in outcome.record.unanswered.items():
        print(f"    {id_} was sent again: {said}", flush=True)
    for line in outcome.wrong:
        print(f"    WRONG {line}", flush=True)
    for one in sorted(outcome.record.notices) if outcome.wrong else ():
        print(f"      {one.at:.3f} {one.observer} {one.id}", flush=True)
