"""Plays a story on a cluster: rounds of passes of all hosts at once, then quiet ones until everything is over."""

import json
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

from heartbeat_cli.store.sql import database as stores
from heartbeat_cli.store.sql import schema
from tests.parts import scratch
from tests.parts.cluster import audit
from tests.parts.cluster.checker import Attempt, Notice, Pass, Record, violations
from tests.parts.cluster.cluster import Cluster
from tests.parts.cluster.observers import NAMES, Agent, Observer, agent, observer
from tests.parts.cluster.stories import BLOWS, FAILOVERS, Story
from tests.parts.http import Answer, Seen, healthy_server

_SETTLES, _PAUSE = 20.0, 0.3  # seconds: for the last rounds after that, and between two
_MOST_ROUNDS = 60  # until a new leader is there
_MOST_QUIET = 40  # rounds until everything is over
_PATIENT = 6  # of these, before what has a later moment is done now


class Outcome(NamedTuple):
    """`failovers`: how often another node led, at which real times; `inside`: how many runs had one inside."""

    record: Record
    wrong: list[str]
    inside: int
    seconds: float


class History:
    def __init__(self, cluster: Cluster, story: Story) -> None:
        self.cluster, self.story = cluster, story
        self.database = f"history_{story.seed}"
        self.dsn = cluster.dsn(self.database, cluster.leader_port)
        self.notices: list[Notice] = []
        self.observers: list[Observer] = []
        self._changes: list[float] = []  # when the leader was lost, or another one led

    def play(self) -> Outcome:
        """From an empty database to the end of everything, judged. The database is dropped."""
        begun = time.monotonic()
        self.cluster.await_order()
        self.cluster.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        self.cluster.execute(f"CREATE DATABASE {self.database}")
        with closing(stores.connect(self.dsn, 20)) as db:
            schema.migrate(db, NAMES[0])
        audit.begin(self.dsn)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hb-history-", dir=scratch.root())))
            it, port = stack.enter_context(agent(folder, self.story.heals))
            receiver = stack.enter_context(healthy_server())
            receiver.choose = self._received
            for place, name in enumerate(NAMES):
                ahead = self.story.ahead[name]
                ports = port, receiver.port
                self.observers.append(observer(self.cluster, folder, place, self.database, it, ports, ahead))
            try:
                self._rounds(it)
                self._end(it)
                record = self._record(it)
            finally:
                for one in self.observers:
                    one.close()
        self.cluster.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        return Outcome(record, violations(record), self._inside(), time.monotonic() - begun)

    def _received(self, seen: Seen) -> Answer:
        said = json.loads(seen.body)
        self.notices.append(Notice(time.time(), seen.path.strip("/"), said["id"], said["type"]))
        return Answer()

    # --- what happens -----------------------------------------------------------------------------------------------

    def _rounds(self, it: Agent) -> None:
        """The rounds of the story, and more until the cluster has a leader again."""
        blow: threading.Thread | None = None
        number = 0
        while number < self.story.rounds or (blow is not None and blow.is_alive() and number < _MOST_ROUNDS):
            self._move(it, number)
            if number == self.story.blow_at:
                blow = threading.Thread(target=self._blow)
                blow.start()
            self._pass()
            number += 1
        if blow is not None:
            blow.join()

    def _move(self, it: Agent, number: int) -> None:
        story = self.story
        for begin, end in story.falls:
            if number == begin:
                it.falls()
            elif number == end:
                it.comes_back()
        for one in self.observers:
            if one.name in story.parted and number == story.parted_at:
                one.part()
            elif one.name in story.parted and number == story.joined_at:
                one.join()

    def _blow(self) -> None:
        """What becomes of the cluster, in the middle of passes; over when another node leads."""
        time.sleep(self.story.blow_after)
        leader = self.cluster.await_leader()
        self._changes.append(time.time())
        BLOWS[self.story.blow](self.cluster, leader)
        if self.story.blow in FAILOVERS:
            self.cluster.await_other_leader(leader)
            self._changes.append(time.time())
        elif self.story.blow == "etcd without quorum":
            self.cluster.await_no_leader()

    def _pass(self) -> None:
        with ThreadPoolExecutor(len(self.observers)) as pool:
            list(pool.map(lambda one: one.run(), self.observers))

    def _end(self, it: Agent) -> None:
        """Everything is mended; passes until nothing is left to be done."""
        it.comes_back()
        for one in self.observers:
            one.join()
        self.cluster.mend()
        self.cluster.await_order()
        # A host whose clock is ahead takes what others saw for older than its time without the store, until their
        # clocks have come so far.
        ahead = self.story.ahead.values()
        until, number = time.monotonic() + max(ahead) - min(ahead), 0
        while number < _MOST_QUIET or time.monotonic() < until + _SETTLES:
            self._pass()
            if self._is_over():
                return
            number += 1
            if number > _PATIENT:
                self._let_time_pass()
                time.sleep(_PAUSE)

    def _is_over(self) -> bool:
        left = self._rows(
            "SELECT (SELECT count(*) FROM heartbeat_outbox WHERE state = 'waiting')"
            " + (SELECT count(*) FROM heartbeat_incidents WHERE ended IS NULL)"
            " + (SELECT count(*) FROM heartbeat_state WHERE state <> 'healthy')"
        )
        return left == [(0,)] and not any(one.spools() for one in self.observers)

    def _let_time_pass(self) -> None:
        """A lease whose host lost the store lasts two minutes, and so does a channel's pause: they are over."""
        self.cluster.execute(
            "UPDATE heartbeat_outbox SET lease_until = NULL, next_try = now() WHERE state = 'waiting'", self.database
        )

    def _inside(self) -> int:
        """Runs that ended well and in which the leader was lost, or another one led."""
        if self.story.blow not in FAILOVERS:
            return 0
        runs = [one for host in self.observers for one in host.runs if one.code == 0]
        return sum(any(one.began <= at <= one.ended for at in self._changes) for one in runs)

    # --- what is known of it ----------------------------------------------------------------------------------------

    def _rows(self, sql: str) -> Sequence[Any]:
        return audit.rows(self.dsn, sql)

    def _record(self, it: Agent) -> Record:
        passes = self._rows(
            "SELECT o.id, p.number, extract(epoch FROM p.started)::float8, p.looks,"
            " (SELECT count(*) FROM heartbeat_log l WHERE l.pass = p.key),"
            " (SELECT count(DISTINCT component) FROM heartbeat_log l WHERE l.pass = p.key),"
            " NOT EXISTS (SELECT 1 FROM heartbeat_pending w WHERE w.pass = p.key AND NOT w.detected)"
            " FROM heartbeat_pass_rows p JOIN heartbeat_observers o ON o.key = p.observer ORDER BY p.started"
        )
        attempts = self._rows(
            "SELECT observer, incident, rung + 1, extract(epoch FROM started)::float8,"
            " extract(epoch FROM finished)::float8, outcome, extract(epoch FROM verified)::float8"
            " FROM heartbeat_recoveries WHERE outcome <> 'held'"
            " ORDER BY key"
        )
        unanswered = self._rows(
            "SELECT alert_id, string_agg(error, '; ') FROM heartbeat_sends WHERE error IS NOT NULL GROUP BY alert_id"
        )
        batches: dict[str, list[tuple[str, str]]] = {}
        for batch, alert, kind in self._rows(
            "SELECT DISTINCT s.batch, s.alert_id, a.alert_type FROM heartbeat_sends s"
            " JOIN heartbeat_alert_rows a ON a.alert_id = s.alert_id WHERE s.alerts > 1"
        ):
            batches.setdefault(batch, []).append((alert, kind))
        ((unsent,),) = self._rows("SELECT count(*) FROM heartbeat_outbox WHERE state <> 'sent'")
        return Record(
            self.story.ahead,
            [run for one in self.observers for run in one.runs],
            [Pass(*row) for row in passes],
            it.steps(),
            [Attempt(*row) for row in attempts],
            self.notices,
            audit.written(self.dsn),
            dict(self._rows("SELECT component, state FROM heartbeat_state")),
            unsent,
            sum(len(one.spools()) for one in self.observers),
            dict(unanswered),
            batches,
        )
