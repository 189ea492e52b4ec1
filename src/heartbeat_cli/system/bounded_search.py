"""Search foreign text with a configured pattern, for a bounded time: a pattern like `(a+)+$` can take years
on the right text, and Python's matcher neither yields to other threads nor has a deadline of its own."""

import re

LONGEST_TEXT = 8_192
_SECONDS = 0.5
_PIPE = 60_000  # bytes that a pipe takes without a reader
# The pattern and the text come by standard input: what stands on a command line every user of the host can read.
_CODE = (
    "import re, sys; pattern, text = sys.stdin.buffer.read().decode().split('\\0', 1);"
    " sys.exit(0 if re.search(pattern, text) else 1)"
)


class TooSlow(Exception):
    """The pattern did not come to an end on this text."""


def found(pattern: str, text: str) -> bool:
    """Whether the pattern occurs in the first LONGEST_TEXT characters. Raises TooSlow after half a second.

    In the main thread an interval timer stops the matcher, which looks for signals while it works. Any other
    thread cannot receive one: there a child process does the search.
    """
    import threading

    text = text[:LONGEST_TEXT]
    if threading.current_thread() is threading.main_thread():
        return _under_a_timer(pattern, text)
    return _in_a_child(pattern, text)


def _under_a_timer(pattern: str, text: str) -> bool:
    import signal
    import time

    def stop(_number: int, _frame: object) -> None:
        raise TooSlow

    began = time.monotonic()
    handler = signal.signal(signal.SIGALRM, stop)
    left, every = signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        return re.search(pattern, text) is not None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, left - (time.monotonic() - began)), every)


def _in_a_child(pattern: str, text: str) -> bool:
    import sys

    from heartbeat_cli.system.process import run

    asked = f"{pattern}\0{text}".encode("utf-8", "replace")
    if len(asked) > _PIPE:
        raise TooSlow
    ended = run([sys.executable, "-I", "-S", "-c", _CODE], timeout=_SECONDS + 1.0, given=asked)
    if ended.timed_out:
        raise TooSlow
    return ended.code == 0
