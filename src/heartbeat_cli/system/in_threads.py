"""Calls in threads, with a deadline: for what has none of its own, as a mount, a resolver or somebody else's library.

What is not back in time is given up: nobody waits for its thread, and the process ends without it.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")


def beside(work: Callable[[], T], meanwhile: Callable[[], None], every: float = 0.05) -> T:
    """Run `work` in a thread and call `meanwhile` here every so many seconds until it has ended. Returns what it
    returned, or raises what it raised."""
    found: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(every)
        meanwhile()
    if failed:
        raise failed[0]
    return found[0]


def results(calls: Mapping[K, Callable[[], T]], until: float) -> dict[K, T | Exception]:
    """Make all calls at once, each in a thread of its own, and wait for them until `until` (time.monotonic()).

    Returns by key what each call returned, or the exception that it raised; calls that are late are left out."""
    found: dict[K, T | Exception] = {}

    def work(key: K, call: Callable[[], T]) -> None:
        try:
            found[key] = call()
        except Exception as error:
            found[key] = error

    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in calls.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return dict(found)  # as of now: what comes late must not change it
