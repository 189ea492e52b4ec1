"""Drives every HTTP exchange of a pass at once, on one libcurl multi handle in one thread.

`engine.py` hands over exchanges and gets each response through `done`, which may return a retry.
libcurl says which sockets and which moment it waits for; the loop sleeps in one `select` for all of them.
What answers comes before what is to be asked next: a few are asked at a time, so that no answer lies there unread while
others are asked, which would count as the target's slowness. Those that let us wait keep a socket each, as many as the
system allows: a rack that hangs takes no turn from what would answer.
An exchange has its time on the clock of the wire, which stands still while one call of libcurl, or of `done`, takes
long: nobody is blamed because another's connection, or the reading of its answer, held everything up. libcurl knows no
such clock, and could end an exchange within the very call that held it up; so this module decides when one ends.
Nothing outlives `deadline`: what still runs then ends as a timeout, or as `CUT_SHORT` when it did not get the time it
was promised; what never got its turn ends as `NOT_ASKED`.
"""

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from heartbeat_cli.domain.checking.exchange import Fault, Response
from heartbeat_cli.domain.text import Text
from heartbeat_cli.http.curl import pycurl
from heartbeat_cli.http.ends import Ends, Exchange, Running
from heartbeat_cli.http.options import own_file_fault
from heartbeat_cli.http.poller import poller
from heartbeat_cli.http.sockets import Sockets
from heartbeat_cli.http.transfer import Hop, Transfer, no_answer, redirected

if TYPE_CHECKING:
    from heartbeat_cli.http.tls_guard import TlsGuard

__all__ = ["CUT_SHORT", "FLOODED", "NOT_ASKED", "Exchange", "drive"]

_AT_A_TIME = 8  # asked before the answers of earlier ones are looked for
_LONGEST_SLEEP = 1.0
_PROMISED = 0.9  # share of its time without which an exchange says nothing about its target
_LONG = 0.1  # seconds in one call after which the others count as held up
_TIMED_OUT = 28  # of libcurl
_TLS_BYTES = 262_144  # that may come besides head and body: certificates, records, what is on its way

# `other`, not `timeout`: the target was not asked, or not long enough, so it must not count as failing.
NOT_ASKED = Fault("other", Text("not asked: the pass had no time left"))
CUT_SHORT = Fault("other", Text("asked late, and the pass had no time left to wait for the answer"))
FLOODED = Fault("too_large", Text("it sent far more than an answer may have, without an answer in it"))


Done = Callable[[Exchange, Response], Exchange | None]


def drive(exchanges: Iterable[Exchange], *, deadline: float, done: Done) -> None:
    """Drive all exchanges and their follow-ups to an end by `deadline` (a moment of time.monotonic()).

    `done` is called in this thread, once for every exchange that ended, however it ended.
    """
    wire = _Wire(deadline, done)
    for exchange in exchanges:
        wire.enqueue(exchange)
    try:
        wire.run()
    finally:
        wire.close()


class _Wire:
    def __init__(self, deadline: float, done: Done) -> None:
        self._deadline, self._done = deadline, done
        self._longest = deadline - time.monotonic()
        self._ready: deque[Exchange] = deque()
        self._later: list[tuple[float, int, Exchange]] = []
        self._order = 0
        self._ends = Ends()
        self._running = self._ends.running
        self._idle: list[Transfer] = []
        self._wake: float | None = None
        self._left_resolving = False
        self._sockets = Sockets()
        self._guard: TlsGuard | None = None  # once there is an exchange for it: what it imports is dear
        self._counts = False  # whether there is an exchange with `most`
        self._held_by_one = 0.0  # seconds
        self._poller = poller()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._poller.watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)

    def enqueue(self, exchange: Exchange) -> None:
        if exchange.not_before > time.monotonic():
            self._order += 1
            heapq.heappush(self._later, (exchange.not_before, self._order, exchange))
        else:
            self._ready.append(exchange)

    def run(self) -> None:
        self._sockets.open(len(self._ready) + len(self._later))
        while self._ready or self._later or self._running:
            now = time.monotonic()
            if now >= self._deadline:
                self._end_all()
                return
            self._start_due(now)
            if self._running or self._later:
                self._turn()

    @property
    def _held(self) -> float:
        """For how many seconds the wire could serve no socket: one call of libcurl, or of `done`, took all of them."""
        return (self._guard.held if self._guard else 0.0) + self._held_by_one

    def _clock(self) -> float:
        return time.monotonic() - self._held

    def close(self) -> None:
        """Closing libcurl joins its resolver threads, which a silent name service can hold for half a minute:
        then a daemon thread does it, and neither the pass nor the end of the process waits."""
        for curl in self._running:
            self._multi.remove_handle(curl)
        self._running.clear()
        self._sockets.close()
        if self._guard is not None:
            self._guard.close()
        if self._left_resolving:
            threading.Thread(target=self._close_now, daemon=True).start()
        else:
            self._close_now()

    def _close_now(self) -> None:
        self._multi.close()
        self._poller.close()

    def _set_timer(self, milliseconds: int) -> None:
        self._wake = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    # --- one turn of the loop

    def _turn(self) -> None:
        act = self._act()
        for fd, flags in self._poller.wait(self._pause()):
            act(fd, flags)
        if self._wake is not None and time.monotonic() >= self._wake:
            self._wake = None
            act(pycurl.SOCKET_TIMEOUT, 0)
        self._collect()
        if overdue := self._ends.overdue(self._clock()):
            self._stop(overdue)
        if self._counts and self._guard is not None:
            self._guard.shut_floods()

    def _act(self) -> Callable[[int, int], None]:
        return self._timed if self._guard is None else self._guarded

    def _timed(self, fd: int, flags: int) -> None:
        """Let libcurl act upon a socket; in one call it may unpack for long what others are to answer for."""
        begun = time.monotonic()
        self._multi.socket_action(fd, flags)
        self._held_by_one += max(0.0, time.monotonic() - begun - _LONG)

    def _guarded(self, fd: int, flags: int) -> None:
        """Let libcurl act upon a socket, where there are https connections."""
        self._tls_guard().call(self._multi.socket_action, fd, flags)

    def _tls_guard(self) -> "TlsGuard":
        if self._guard is None:
            from heartbeat_cli.http.tls_guard import TlsGuard

            self._guard = TlsGuard()
        return self._guard

    def _was_cut(self, curl: Any) -> bool:
        """Whether the connection of a transfer that has ended was shut, because it flooded."""
        return self._guard is not None and self._guard.release(curl)

    def _pause(self) -> float:
        """Seconds until there is something to do besides what the sockets bring."""
        room = len(self._running) < self._sockets.most
        if room and self._ready:
            return 0.0
        moments = [self._deadline, *([self._wake] if self._wake is not None else [])]
        if (soonest := self._ends.soonest()) is not None:
            moments.append(soonest + self._held)
        if room and self._later:
            moments.append(self._later[0][0])
        return min(_LONGEST_SLEEP, max(0.0, min(moments) - time.monotonic()))

    def _collect(self) -> None:
        queued = 1
        while queued:
            queued, good, bad = self._multi.info_read()
            for curl in good:
                self._ended(curl, 0, "")
            for curl, code, said in bad:
                self._ended(curl, code, said)

    def _start_due(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            self._ready.append(heapq.heappop(self._later)[2])
        for _ in range(min(_AT_A_TIME, self._sockets.most - len(self._running), len(self._ready))):
            exchange = self._ready.popleft()
            fault = own_file_fault(exchange.request)
            if fault is not None:
                self._report(exchange, no_answer(exchange.request, fault))
                continue
            now = self._clock()
            self._start(exchange, Hop(exchange.request), now, now + max(0.0, exchange.timeout))

    def _start(self, exchange: Exchange, hop: Hop, began: float, ends: float) -> None:
        transfer = self._idle.pop() if self._idle else Transfer(pycurl.Curl())
        left = self._deadline - time.monotonic()
        try:
            transfer.begin(hop, min(left, ends - self._clock()))
        except (ValueError, pycurl.error) as error:
            self._idle.append(transfer)
            reason = "a character that cannot be sent" if isinstance(error, UnicodeError) else error
            fault = Fault("other", Text("cannot ask: {reason}", reason=str(reason)))
            self._report(exchange, no_answer(hop.request, redirected(fault) if hop.number else fault))
            return
        request, curl = hop.request, transfer.curl
        over_tls = request.url[:6].lower() == "https:" or (request.proxy or "")[:6].lower() == "https:"
        if over_tls or exchange.most is not None:
            most = exchange.most or request.max_headers + request.max_body + _TLS_BYTES
            curl.setopt(pycurl.OPENSOCKETFUNCTION, self._tls_guard().opener(curl, most, over_tls))
            self._counts = self._counts or exchange.most is not None
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int(left * 1000)))
        self._ends.add(Running(exchange, transfer, began, ends))
        self._multi.add_handle(curl)

    def _ended(self, curl: Any, code: int, said: str) -> None:
        running = self._running.pop(curl)
        outcome = running.transfer.finish(code, said)
        if self._was_cut(curl) and isinstance(outcome, Response):
            outcome = outcome._replace(fault=FLOODED)
        if code:
            self._note_resolving(running.transfer)
        self._multi.remove_handle(curl)
        self._idle.append(running.transfer)
        if isinstance(outcome, Hop):
            self._start(running.exchange, outcome, running.began, running.ends)
        else:
            self._report(running.exchange, self._fair(running, outcome) if code == _TIMED_OUT else outcome)

    def _note_resolving(self, transfer: Transfer) -> None:
        if transfer.resolving():
            self._left_resolving = True

    def _report(self, exchange: Exchange, response: Response) -> None:
        begun = time.monotonic()
        follow_up = self._done(exchange, response)
        self._held_by_one += max(0.0, time.monotonic() - begun - _LONG)
        if follow_up is not None:
            self.enqueue(follow_up)

    # --- what has run out of time

    def _stop(self, overdue: list[Running]) -> None:
        """Have libcurl end exchanges, since it knows best how far each has come, and end those that it does not."""
        for running in overdue:
            running.transfer.curl.setopt(pycurl.TIMEOUT_MS, 1)
            with suppress(pycurl.error):  # it has no connection yet
                running.transfer.curl.pause(pycurl.PAUSE_ALL)
                running.transfer.curl.pause(pycurl.PAUSE_CONT)  # libcurl looks at it again, and at its time
        self._act()(pycurl.SOCKET_TIMEOUT, 0)
        self._collect()
        for running in overdue:
            if self._ends.is_running(running):
                self._end(running)

    def _end(self, running: Running) -> None:
        """Drop an exchange; libcurl may not know how long it took."""
        transfer, curl = running.transfer, running.transfer.curl
        del self._running[curl]
        self._note_resolving(transfer)
        response = transfer.abandon()
        took = max(response.elapsed, self._clock() - running.began)
        response = response._replace(elapsed=took, phases={**response.phases, "total": took})
        if self._was_cut(curl):
            response = response._replace(fault=FLOODED)
        self._multi.remove_handle(curl)
        self._idle.append(transfer)
        self._report(running.exchange, self._fair(running, response))

    def _end_all(self) -> None:
        """At the deadline: take what libcurl has just finished, cut the rest, and start nothing new."""
        self._collect()
        self._stop(list(self._running.values()))
        for running in list(self._running.values()):  # what a redirect has begun just now
            self._end(running)
        waiting = [*self._ready, *(entry[2] for entry in self._later)]
        self._ready.clear()
        self._later.clear()
        for exchange in waiting:
            self._done(exchange, no_answer(exchange.request, NOT_ASKED))

    def _fair(self, running: Running, response: Response) -> Response:
        """The response of an exchange whose time ran out. Who was asked late cannot be blamed for not having answered
        by the end of the pass, nor can one that did not get back the time for which it was held up."""
        short = self._clock() - running.began < _PROMISED * min(running.exchange.timeout, self._longest)
        timed_out = response.fault is not None and response.fault.kind in ("timeout", "dns")
        return response._replace(fault=CUT_SHORT) if short and timed_out else response
