"""Match many foreign lines with configured patterns for a bounded time, in a child process: Python's matcher neither
yields to other threads nor has a deadline of its own. `bounded_search.py` does it for one text."""

import sys
import time
from collections.abc import Sequence

from heartbeat_cli.domain.kinds import log_pattern
from heartbeat_cli.domain.kinds.log_pattern import KEPT, Judged, Wanted
from heartbeat_cli.domain.plain import whole
from heartbeat_cli.system.process import minimal_env, run

_SPARE = 0.6  # seconds of the time that the child leaves for its start, its end, and being asked to end
_MOST_OUTPUT = 1_000
# A timer of its CPU time interrupts a search that goes on from one tick to the next; the matcher looks for signals.
# Asked to end (SIGTERM), it says how far it has come: what was judged need not be judged again.
# The patterns come by standard input: what stands on a command line every user of the host can read.
_CODE = """
import os, re, signal, sys, time
ends, pattern, ignore, text = sys.stdin.buffer.read().decode("utf-8", "replace").split("\\0", 3)
ends, lines = time.monotonic() + float(ends), text.split("\\n")
search, ignored = re.compile(pattern).search, re.compile(ignore).search
at, seen, found, slow = 0, -1, [], 0
class Slow(Exception):
    pass
def tick(number, frame):
    global seen
    if seen == at:
        raise Slow
    seen = at
def said():
    print(at, len(found), slow, *found[-KEPT:], flush=True)
def end(number, frame):
    said()
    os._exit(0)
signal.signal(signal.SIGVTALRM, tick)
signal.signal(signal.SIGTERM, end)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.1, 0.1)
while at < len(lines) and time.monotonic() < ends:
    try:
        while at < len(lines) and time.monotonic() < ends:
            if search(lines[at]) and not (ignore and ignored(lines[at])):
                found.append(at)
            at += 1
    except Slow:
        slow += 1
        at += 1
signal.setitimer(signal.ITIMER_VIRTUAL, 0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
said()
""".replace("KEPT", str(KEPT))


def judge(wanted: Wanted, lines: Sequence[str], deadline: float) -> Judged:
    """How many of the lines have been judged by the deadline (time.monotonic()), and which of them are wanted. No line
    may hold a line end. Raises OSError when no process can be started."""
    if wanted.is_fast:
        return log_pattern.judged(wanted, lines)
    places = log_pattern.candidates(wanted, lines)
    if not places:
        return Judged(len(lines))
    left = deadline - time.monotonic()
    if left <= _SPARE:
        return Judged(0)
    text = "\n".join(lines[place] for place in places)
    asked = f"{left - _SPARE:f}\0{wanted.pattern}\0{wanted.ignore}\0{text}".encode("utf-8", "replace")
    argv = [sys.executable, "-I", "-S", "-c", _CODE]
    done = run(argv, timeout=left, env=minimal_env({}), max_output=_MOST_OUTPUT, given=asked)
    said = [whole(word) for word in done.stdout.split()]
    if len(said) < 3 or None in said:
        return Judged(0)
    reached, matches, slow, *found = [one or 0 for one in said]
    return Judged(
        len(lines) if reached >= len(places) else places[reached],
        matches,
        slow,
        tuple(places[one] for one in found),
    )
