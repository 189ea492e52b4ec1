"""Check the components that are due, and store the results."""

import math
import os
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.config import places
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.checking.coverage import MISSED, TICK, missed
from heartbeat_cli.domain.checking.isolation import as_unknown
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.component import Component, watched_by
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.strategy import STRATEGIES, Strategy, is_due
from heartbeat_cli.passes.check import clock, engine, isolation, prewarm
from heartbeat_cli.redact import are_harmless, redact
from heartbeat_cli.store.history import gaps, last_checks, passes
from heartbeat_cli.store.history.last_checks import CheckMemory
from heartbeat_cli.store.history.passes import Pass
from heartbeat_cli.store.sql import identity, preferences
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.state import beats, states

_SLACK = 1.0  # seconds a pass may take beyond its slowest check


class Checked(Record):
    """What a check saw: readings by component id, in config order; `tick` is how often a pass is expected, and
    `regular` whether this was one: a check of named components says nothing about the watch over all."""

    done: Pass
    readings: Mapping[str, Reading]
    tick: float = TICK
    regular: bool = True

    @property
    def started(self) -> float:
        return self.done.started


def strategy(db: Database, config: Config) -> Strategy:
    """The strategy in force: what `heartbeat strategy set` remembered, else the configuration's."""
    named = preferences.get(db, identity.STRATEGY)
    return STRATEGIES.get(named or "", STRATEGIES[config.heartbeat.strategy])


def check(
    db: Database, config: Config, now: float, wanted: Iterable[str] | None = None, *, dry_run: bool = False
) -> Checked:
    """Check the wanted components (None: those that are due) and save what was seen."""
    seen = take(db, config, now, wanted)
    if not dry_run:
        save(db, config, seen)
    return seen


class Begun(Record):
    """A check that has all it needs of the store: what is asked, since when (epoch seconds, and time.monotonic()), and
    whether one more failure is likely to make a fault."""

    asked: list[engine.Asked]
    started: float
    begun: float
    pace: Strategy
    tick: float
    regular: bool
    last_chance: bool


def take(
    db: Database,
    config: Config,
    now: float,
    wanted: Iterable[str] | None = None,
    prepare: Sequence[Callable[[], object]] = (),
    confirms: bool = False,
) -> Checked:
    """Check, without saving what was seen. What `prepare` holds is called meanwhile if a fault is likely; `confirms`:
    the caller confirms certain failures."""
    begun = begin(db, config, now, wanted, confirms=confirms)
    with prewarm.ready(prepare, begun.last_chance):
        found = run(begun.asked)
    return conclude(config, begun, found)


def begin(
    db: Database,
    config: Config,
    now: float,
    wanted: Iterable[str] | None = None,
    besides: Iterable[str] = (),
    *,
    confirms: bool = False,
) -> Begun:
    """Choose what is to be checked (the wanted components, or what is due and what is named `besides`), and read from
    the store what the checks need."""
    at, pace = time.monotonic(), strategy(db, config)
    last = last_checks.memories(db, config.observer)
    mine, sooner = _own(config), states.unsettled(db) if wanted is None or confirms else {}
    if wanted is None:
        due = _due(mine, sooner, last, pace, now)
        ids = {one.id for one in due}.union(besides)
        chosen = [one for one in mine if one.id in ids]
    else:
        chosen = [config.components[id_] for id_ in wanted]
    asked = [
        engine.Asked(
            one, _context(db, config, one, last, pace, now), confirms and _will_be_confirmed(one, sooner, pace)
        )
        for one in chosen
    ]
    last_chance = any(sooner.get(one.id, -1) + 1 >= one.common.fail_threshold for one in chosen)
    everything = bool(mine) and {one.id for one in mine} <= {one.id for one in chosen}
    return Begun(asked, now, at, pace, _tick(mine, pace), wanted is None or everything, last_chance)


def _will_be_confirmed(one: Component, unsettled: Mapping[str, int], pace: Strategy) -> bool:
    """Whether one more failure that is certain leaves it suspect, so that further checks of this run confirm it."""
    failures = unsettled.get(one.id)
    suspect = one.common.fail_threshold > 1 if failures is None else 0 < failures < one.common.fail_threshold - 1
    return suspect and one.confirm_every(pace) > 0


def conclude(config: Config, begun: Begun, found: Mapping[str, Reading]) -> Checked:
    """What the checks have seen; it asks the reference address if nothing remote answers, and not the store."""
    readings = {id_: _discreet(config.components[id_].kind, one, config.secrets) for id_, one in found.items()}
    isolated = isolation.self_isolation(config, readings)
    if isolated is not None:
        readings = as_unknown(readings, isolation.remote(config), isolated)
    now, ended = begun.started, round(begun.started + time.monotonic() - begun.begun, 6)
    done = Pass(pass_id(config.observer, now), config.observer, now, ended, isolated, begun.pace)
    return Checked(done, readings, begun.tick, begun.regular)


def due_in(db: Database, config: Config, now: float) -> float:
    """Seconds until the next check of a component of this host falls due; infinite where there is none."""
    last, pace, sooner = last_checks.memories(db, config.observer), strategy(db, config), states.unsettled(db)
    left = [
        last[one.id].at + (one.retry_interval(pace) if one.id in sooner else one.interval(pace)) - now
        if last[one.id].at <= now
        else 0.0  # the clock was set back
        for one in _own(config)
        if one.id in last
    ]
    return max(0.0, min(left, default=math.inf))


def save(db: Database, config: Config, seen: Checked) -> bool:
    """Store a pass: heartbeats, metrics, memories, and the gap before it if it came too late. Twice is once. What this
    host does not watch it may check, but has no say in: that is not saved. Returns whether the store is known to have
    other hosts."""
    mine = {id_: one for id_, one in seen.readings.items() if watched_by(config.components[id_], config.observer)}
    if not mine:
        if seen.regular:
            _still_here(db, config, seen)
        return False
    with db.transaction():
        passes.save(db, seen.done, mine, config.components)
        if seen.regular:
            return clock.go_on(db, config, seen.started, seen.done.finished, seen.tick)
    return False


def _still_here(db: Database, config: Config, seen: Checked) -> None:
    """Nothing was due, for hours perhaps, and the others of the store wait for a sign of life: a write now and then,
    before it would be late."""
    before = gaps.watch(db, config.observer)
    if before is not None and abs(seen.started - before.started) > MISSED * before.every / 2:
        with db.transaction():
            clock.go_on(db, config, seen.started, seen.done.finished, seen.tick)


def run(asked: list[engine.Asked]) -> dict[str, Reading]:
    """Readings for what is asked, within the slowest check's timeout and a second."""
    longest = max((one.context.timeout for one in asked), default=0.0)
    return engine.run_checks(asked, time.monotonic() + longest + _SLACK)


def _discreet(kind: str, reading: Reading, secrets: Iterable[str]) -> Reading:
    """What a component said, without our secrets: it may echo them, and everything below shows what is kept."""
    _, _, error, metrics, evidence, memory, *_ = reading
    if not secrets and not memory and are_harmless((error or "", *evidence.values())):
        return reading
    error = None if error is None else redact(error, secrets)
    if evidence:
        evidence = {redact(label, secrets): redact(text, secrets) for label, text in evidence.items()}
    if memory:
        own = getattr(plugins.load("monitors", kind), "IDENTITY", ())  # by which it knows again what it has seen
        memory = {key: one if key in own else _remembered(one, secrets) for key, one in memory.items()}
    if metrics and secrets:  # a query's rows or a plugin's labels name them
        heard = '"'.join(word for one in metrics for word in (one.name, *one.metadata.values()))
        if redact(heard, secrets) != heard:
            from heartbeat_cli.domain.kinds import perfdata

            metrics = perfdata.without(metrics, lambda text: redact(text, secrets))
    return reading._replace(error=error, metrics=metrics, evidence=evidence, memory=memory)


def _remembered(value: Any, secrets: Iterable[str]) -> Any:
    """The same, with every text in it redacted."""
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, Mapping):
        return {redact(key, secrets): _remembered(one, secrets) for key, one in value.items()}
    return [_remembered(one, secrets) for one in value] if isinstance(value, list) else value


def prepare(
    db: Database, config: Config, component: Component, now: float, *, confirming: bool = False
) -> engine.Asked:
    """The check that a pass would make, for recovery to verify a step with, or to confirm the failure before one."""
    last = last_checks.memories(db, config.observer)
    context = _context(db, config, component, last, strategy(db, config), now)
    return engine.Asked(component, context._replace(confirming=confirming))


def prepare_again(db: Database, asked: engine.Asked, seen: Reading, now: float) -> engine.Asked:
    """The check after `seen`: it remembers what that one left behind, and any beat that came meanwhile."""
    memory = {**asked.context.memory, **seen.memory}
    if getattr(plugins.load("monitors", asked.component.kind), "WANTS_BEATS", False):
        memory |= beats.recent(db, asked.component.id)
        now += db.clock_ahead or 0.0
    return asked._replace(context=asked.context._replace(memory=memory, now=now))


def pass_id(observer: str, started: float) -> str:
    """Unique over observers and processes: who, when, and which process."""
    return f"{observer}@{round(started * 1000)}-{os.getpid()}"


def expected_every(db: Database, config: Config) -> float:
    """Seconds between two passes, as this host's components and the strategy in force ask for them."""
    return _tick(_own(config), strategy(db, config))


def _tick(mine: Sequence[Component], pace: Strategy) -> float:
    """No less than cron's grain: a crontab made for an earlier strategy may still fire only once a minute."""
    return max(TICK, min((one.interval(pace) for one in mine), default=TICK))


def _own(config: Config) -> list[Component]:
    """The components that this host watches."""
    return [one for one in config.components.values() if watched_by(one, config.observer)]


def _due(
    mine: Iterable[Component], sooner: Container[str], last: Mapping[str, CheckMemory], pace: Strategy, now: float
) -> list[Component]:
    """Those whose interval is over; one that is not known to be well is checked sooner."""
    found = []
    for one in mine:
        interval = one.retry_interval(pace) if one.id in sooner else one.interval(pace)
        if is_due(last[one.id].at if one.id in last else None, now, interval):
            found.append(one)
    return found


def _context(
    db: Database, config: Config, component: Component, last: Mapping[str, CheckMemory], pace: Strategy, now: float
) -> CheckContext:
    memory, note = last[component.id].memory if component.id in last else {}, None
    if component.stands_for is not None:
        memory = component.stands_for.memory
    module = plugins.load("monitors", component.kind)
    if vars(module).get("KEEPS_NOTES"):
        note = str(places.note_file(config, component.id))
    if vars(module).get("WANTS_BEATS"):
        memory = {**memory, **beats.recent(db, component.id), "gap": _asleep(db, config, pace, now)}
        now += db.clock_ahead or 0.0  # beats bear the time of their arrival at the store, by its clock
    usual = _tick([component], pace)
    return CheckContext(component.id, component.timeout(pace), now, memory, note, usual)


def _asleep(db: Database, config: Config, pace: Strategy, now: float) -> tuple[float, float] | None:
    """When this host last did not watch, perhaps until just now: it may have slept, and its jobs with it. By the
    store's clock, as beats are."""
    before, ahead = gaps.watch(db, config.observer), db.clock_ahead or 0.0
    gap = missed(before, config.observer, now, _tick(_own(config), pace))
    found = (gap.started, gap.ended) if gap is not None else before.gap if before else None
    return found and (found[0] + ahead, found[1] + ahead)
