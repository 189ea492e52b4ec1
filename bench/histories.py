"""500 random histories of faults, failing steps and killed runs (hypothesis), over real steps and a real store: no
budget is exceeded, no step is taken twice at once, and no component stays down that a permitted step would heal."""

import time

from tests.parts.http import healthy_server
from tests.parts.recovery_stories import play

from bench._measure import Rows, target

_MANY, _SEED = 500, 15


def main() -> Rows:
    begun = time.monotonic()
    with healthy_server() as server:
        try:
            played = play(server, _MANY, _SEED)
        except AssertionError as wrong:
            print(f"{wrong}\n")
            return target("random histories in which something went wrong", 1, 0)
    print(f"{played} random histories of recovery, {time.monotonic() - begun:.0f} s: nothing went wrong\n")
    return target("random histories in which something went wrong", _MANY - played, 0)
