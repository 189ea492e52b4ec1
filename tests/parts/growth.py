"""How the work for an input grows with its length, whatever the machine: what must stay linear is tested on it."""

import time
from collections.abc import Callable


def growth(work: Callable[[str], object], piece: Callable[[int], str], small: int) -> float:
    """How many times the CPU time of `piece(small)` a piece of eight times that size takes: about 8 where the work is
    linear, 64 where it is quadratic. The least of five tries each: a busy machine only ever adds."""
    return _least(work, piece(8 * small)) / _least(work, piece(small))


def _least(work: Callable[[str], object], text: str) -> float:
    return min(_cpu(work, text) for _ in range(5))


def _cpu(work: Callable[[str], object], text: str) -> float:
    begun = time.thread_time()
    work(text)
    return time.thread_time() - begun
