"""500 random histories of faults, failing steps and killed runs (hypothesis), over real steps and a real store: no
budget is exceeded, no step is taken twice at once, and no component stays down that a permitted step would heal."""

import time

from tests.parts.http import healthy_server
from tests.parts.recovery_stories import play

_MANY, _SEED = 500, 15


def main() -> int:
    begun = time.monotonic()
    with healthy_server() as server:
        try:
            played = play(server, _MANY, _SEED)
        except AssertionError as wrong:
            print(f"MISS: {wrong}\n")
            return 1
    print(f"{played} random histories of recovery, {time.monotonic() - begun:.0f} s: nothing went wrong\n")
    return int(played < _MANY)
