"""Counting a pass away from the turn of the hour: the first pass of an hour adds up the one before."""

import time

import pytest

_ROOM = 40.0  # seconds a test of counts may take on a busy machine


@pytest.fixture
def within_an_hour() -> None:
    """Begin only where the hour does not end before the test does."""
    left = 3600 - time.time() % 3600
    if left < _ROOM:
        time.sleep(left + 0.1)
