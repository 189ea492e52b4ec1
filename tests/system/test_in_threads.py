"""Calls in threads: all at once, each result by its key, and what is late is left out."""

import threading
import time

from heartbeat_cli.system import in_threads


def test_results_and_exceptions_come_by_key() -> None:
    def fails() -> int:
        raise ValueError("no")

    found = in_threads.results({"a": lambda: 1, "b": fails}, time.monotonic() + 10)
    assert found["a"] == 1 and isinstance(found["b"], ValueError)


def test_what_is_late_is_left_out_and_changes_nothing_later() -> None:
    release, ended = threading.Event(), threading.Event()

    def late() -> str:
        release.wait(10)
        ended.set()
        return "late"

    found = in_threads.results({"late": late, "there": lambda: "there"}, time.monotonic() + 0.2)
    release.set()
    assert ended.wait(10) and found == {"there": "there"}


def test_they_run_side_by_side() -> None:
    """Each waits for the other: one after the other neither would end."""
    both = threading.Barrier(2, timeout=10)
    found = in_threads.results({1: both.wait, 2: both.wait}, time.monotonic() + 10)
    assert sorted(found.values()) == [0, 1]  # type: ignore[type-var]
