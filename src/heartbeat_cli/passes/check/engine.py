"""Check many components at once, each under its own deadline, all under the pass's.

Exchange-shaped kinds share one libcurl multi handle on this thread; calls and batches run on daemon threads that
nobody waits for past the deadline: a thread that never returns costs its component an `unknown`, and the process ends
without it. Each job has a thread of its own, so that many that hang cannot starve one that would answer.
A check that got no answer (`error`) is tried again inside its timeout: one lost packet is not worth a counter. An
answer is one, whatever it says, and stands. An exchange-shaped check may follow its answer up with one more exchange in
the same time; tried again, it begins with its first.
"""

import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from heartbeat_cli import plugins
from heartbeat_cli.domain.checking import slowness
from heartbeat_cli.domain.checking.guarded import a_reading, answered, guarded, not_checked
from heartbeat_cli.domain.checking.result import CheckContext, Reading, unknown
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.plain import EVIDENCE, bounded, duration, one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

if TYPE_CHECKING:
    from types import ModuleType

    from heartbeat_cli.domain.checking.exchange import Fault, FollowUp, Request, Response
    from heartbeat_cli.http.multi import Exchange

_THREADS = 256  # as many sockets as the wire takes at once; jobs beyond that wait for a free thread
_SLACK = 0.25  # what an abandoned check may take beyond its timeout before it is given up
_NO_ANSWER = "error"  # the status of a check that is tried again
_LINE = 300  # characters of an error
_WORTH = 0.4  # share of the timeout that must be left for another try
_ASKING = 0.001  # seconds of this machine that a check may take, its waiting not counted
_BACK_OFF = (0.1, 0.3)  # seconds before the first try again, doubled each time; the span is the jitter


class Asked(Record):
    """One component to check, and the circumstances; `confirmed`: further checks of the same run confirm a certain
    failure, so that it is not tried again within this one."""

    component: Component
    context: CheckContext
    confirmed: bool = False


def run_checks(asked: Iterable[Asked], deadline: float) -> dict[str, Reading]:
    """A reading for everything asked, in that order. `deadline` is a `time.monotonic()` moment and is kept, plus a
    millisecond for each: of ten thousand the last is asked seconds after the first, and has its timeout all the same.
    """
    asked = list(asked)
    deadline += len(asked) * _ASKING
    # One whose settings hold a reference that leads nowhere is no reason for the others to wait.
    broken = (one for one in asked if one.component.broken)
    readings = {one.component.id: unknown(str(one.component.broken), one.context.memory) for one in broken}
    exchanges: list[Asked] = []
    jobs: list[_Job] = []
    batches: dict[str, list[Asked]] = {}
    for one in asked:
        if one.component.broken:
            continue
        module = plugins.load("monitors", one.component.kind)
        if hasattr(module, "request"):
            exchanges.append(one)
        elif hasattr(module, "probe_all"):
            batches.setdefault(one.component.kind, []).append(one)
        else:
            jobs.append(_Job((one,), module, _call))
    jobs += [_Job(tuple(group), plugins.load("monitors", kind), _batch) for kind, group in batches.items()]
    _prepare(jobs)
    threads = _Threads(jobs, deadline)
    readings.update(_Exchanges(exchanges, deadline).readings() if exchanges else {})
    readings.update(_explained(exchanges, readings, deadline))
    readings.update(threads.collect())
    return {one.component.id: _judged(one, readings[one.component.id]) for one in asked}


def _explained(exchanges: list[Asked], readings: Mapping[str, Reading], deadline: float) -> Mapping[str, Reading]:
    """Those where nothing runs any more, with what their monitors know besides."""
    ended = [one for one in exchanges if readings[one.component.id].certain]
    if not any(hasattr(plugins.load("monitors", one.component.kind), "explain") for one in ended):
        return {}
    from heartbeat_cli.passes.check import explain  # most passes need none

    return explain.explained([(one.component, one.context, readings[one.component.id]) for one in ended], deadline)


def _prepare(jobs: "list[_Job]") -> None:
    """What a monitor imports at less cost while there is one thread: its optional `prepare`."""
    for module in dict.fromkeys(job.module for job in jobs):
        if hasattr(module, "prepare"):
            with suppress(Exception):  # the check itself says what is wrong
                module.prepare()


def _judged(one: Asked, reading: Reading) -> Reading:
    tidied = guarded(one.context, tidy, reading)
    return slowness.judge(one.component.common, tidied, one.context.memory)


def tidy(reading: Reading) -> Reading:
    """What a monitor took over from outside, fit to be kept and shown: one line of error, evidence bounded, figures
    that are numbers."""
    _, took, error, metrics, evidence, *_ = reading
    if error is not None and not (error.isprintable() and len(error) <= _LINE):
        error = one_line(error, _LINE)
    shown = {one_line(label, 60): bounded(text, EVIDENCE) for label, text in evidence.items()}
    figures = tuple([metric for metric in metrics if math.isfinite(metric.value)])
    took = took if took is None or math.isfinite(took) else None
    if (took, error, figures, shown) == reading[1:5]:  # as nearly all
        return reading
    return reading._replace(response_time=took, error=error, metrics=figures, evidence=shown)


def _pause(attempt: int) -> float:
    shortest, longest = _BACK_OFF
    share = int.from_bytes(os.urandom(4), "big") / 2**32  # the module random would cost every pass a millisecond
    return (shortest + (longest - shortest) * share) * 2.0 ** (attempt - 1)


def _retried(reading: Reading, attempt: int) -> Reading:
    """A reading that needed more than one try says so."""
    return reading if attempt == 1 else reading._replace(attempts=attempt)


# --- exchanges ---------------------------------------------------------------------------------------------------


class _Progress(Record):
    """One check on its way: which attempt is being made, when its time is over (monotonic; known once the first attempt
    has begun), the reading of the attempt before, the follow-up whose response is waited for, and what it follows."""

    asked: Asked
    module: "ModuleType"
    attempt: int = 1
    ends: float = 0.0
    before: Reading | None = None
    then: "FollowUp | None" = None
    first: "Request | None" = None


class _Exchanges:
    """The exchange-shaped checks of a pass, on one libcurl multi handle. Those without an answer are tried again."""

    def __init__(self, asked: list[Asked], deadline: float) -> None:
        self._asked, self._deadline = asked, deadline
        self._progress: dict[str, _Progress] = {}
        self._readings: dict[str, Reading] = {}
        self._unmade: tuple[Fault, ...] = ()  # the faults of an exchange that had no time, or not all of it

    def readings(self) -> dict[str, Reading]:
        """Make them all; a reading for each."""
        from heartbeat_cli.http import multi

        self._unmade = multi.NOT_ASKED, multi.CUT_SHORT
        multi.drive(self._first(), deadline=self._deadline, done=self._next)
        return self._readings

    def _first(self) -> "list[Exchange]":
        """The first exchange of each check."""
        from heartbeat_cli.http.multi import Exchange

        found = []
        for one in self._asked:
            id_, module = one.component.id, plugins.load("monitors", one.component.kind)
            self._progress[id_] = _Progress(one, module)
            try:
                request = module.request(one.component.settings, one.context)
                found.append(Exchange(id_, request, one.context.timeout))
            except Exception as error:
                self._readings[id_] = not_checked(one.context, error)
        return found

    def _next(self, exchange: "Exchange", response: "Response") -> "Exchange | None":
        """Read the answer to an exchange. Returns the exchange that follows: the check's own once more, or its
        follow-up; None once the reading stands."""
        state = self._progress[exchange.key]
        ended, found = time.monotonic(), self._read(state, exchange, response)
        if isinstance(found, Reading) and found.status != _NO_ANSWER and state.before is None:  # as nearly all
            self._readings[exchange.key] = found
            return None
        if state.ends == 0.0:  # its time began when its turn came
            begun = ended - response.elapsed
            state = state._replace(ends=min(begun + state.asked.context.timeout, self._deadline))
        if not isinstance(found, Reading):
            self._progress[exchange.key] = state._replace(then=found, first=exchange.request)
            return exchange._replace(request=found.request, timeout=max(0.0, state.ends - time.monotonic()))
        if state.before is not None and state.then is None and response.fault in self._unmade:
            self._readings[exchange.key] = _retried(state.before, state.attempt - 1)  # the answer before stands
            return None
        again = _try_again(state, found)
        if again is None:
            self._readings[exchange.key] = _retried(found, state.attempt)
            return None
        self._progress[exchange.key] = state._replace(attempt=state.attempt + 1, before=found, then=None)
        request = state.first or exchange.request
        return exchange._replace(request=request, not_before=again, timeout=state.ends - again)

    def _read(self, state: _Progress, exchange: "Exchange", response: "Response") -> "Reading | FollowUp":
        context, fault = state.asked.context, response.fault
        if state.then is None:
            return answered(context, state.module.read, state.asked.component.settings, response)
        if fault is not None and fault.kind == "timeout" and exchange.timeout < _WORTH * context.timeout:
            response = response._replace(fault=self._unmade[1])  # the answer before it took nearly all of the time
        return guarded(context, state.then.read, response)


def _try_again(state: _Progress, reading: Reading) -> float | None:
    """When to try again (monotonic), or None when the answer stands."""
    if reading.status != _NO_ANSWER or state.attempt > state.asked.component.common.retries:
        return None
    if reading.certain and state.asked.confirmed:
        return None
    moment = time.monotonic() + _pause(state.attempt)
    # A try in the last sliver of the time could only fail for want of it, and would name that as the cause.
    return moment if state.ends - moment >= _WORTH * state.asked.context.timeout else None


# --- calls and batches -------------------------------------------------------------------------------------------


class _Job(Record):
    asked: tuple[Asked, ...]
    module: "ModuleType"
    run: "Callable[[_Job], list[Reading]]"


def _call(job: _Job) -> list[Reading]:
    """One component, with the tries its timeout has room for."""
    (one,) = job.asked
    ends = time.monotonic() + one.context.timeout
    attempt = 1
    while True:
        context = one.context._replace(timeout=max(0.05, ends - time.monotonic()))
        reading = guarded(context, job.module.probe, one.component.settings, context)
        again = _try_again(_Progress(one, job.module, attempt, ends), reading)
        if again is None:
            return [_retried(reading, attempt)]
        time.sleep(max(0.0, again - time.monotonic()))
        attempt += 1


def _batch(job: _Job) -> list[Reading]:
    """Every component of a kind that answers for many at once. What is no reading costs its own component alone."""
    pairs = [(one.component.settings, one.context) for one in job.asked]
    try:
        found = list(job.module.probe_all(pairs))
        if len(found) != len(pairs):
            raise ValueError(f"the monitor gave {len(found)} readings for {len(pairs)} looks")
    except Exception as error:
        return [not_checked(one.context, error) for one in job.asked]
    return [guarded(one.context, a_reading, reading) for one, reading in zip(job.asked, found, strict=True)]


class _Threads:
    """Daemon threads that work jobs off; what is not back in time is given up. Not by `system.in_threads`: there are
    fewer threads than jobs, and one job has the results of many components."""

    def __init__(self, jobs: list[_Job], deadline: float) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._back: queue.SimpleQueue[Mapping[str, Reading]] = queue.SimpleQueue()
        self._asked = [one for job in jobs for one in job.asked]
        longest = max((one.context.timeout for one in self._asked), default=0.0)
        self._deadline = min(deadline, time.monotonic() + longest + _SLACK)
        count = min(_THREADS, len(jobs))
        for job in [*jobs, *[None] * count]:
            self._jobs.put(job)
        try:
            for _ in range(count):
                threading.Thread(target=self._work, daemon=True).start()
        except RuntimeError:
            return  # the system gives no more threads: those that run share the work

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            readings = job.run(job)
            ids = [one.component.id for one in job.asked]
            self._back.put(dict(zip(ids, readings, strict=True)))

    def collect(self) -> dict[str, Reading]:
        readings: dict[str, Reading] = {}
        while len(readings) < len(self._asked):
            try:
                readings.update(self._back.get(timeout=max(0.0, self._deadline - time.monotonic())))
            except queue.Empty:
                break
        for one in self._asked:
            if one.component.id not in readings:
                text = Text(
                    "the check did not end within {span}; heartbeat went on without it",
                    span=duration(one.context.timeout),
                )
                readings[one.component.id] = unknown(text, one.context.memory)
        return readings
