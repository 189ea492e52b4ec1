"""Flapping: how much a component's last checks go to and fro, as Icinga and Nagios weigh it.

The newest 20 changes of result count, change i (0 oldest … 19 newest) with weight 0.8 + 0.02·i; the score is
100·Σ/20 percent. Flapping begins above 30 and ends below 25. Source: Icinga 2 documentation, "Check Result Flapping".
"""

from itertools import pairwise

SLOTS = 20
STARTS_ABOVE = 30.0
ENDS_BELOW = 25.0


def remember(history: str, failed: bool) -> str:
    """The history (a letter a check, oldest first: F failed, S succeeded) with one more check. Where all were good one
    letter stands for them: no score or count is another for it, and what stays well needs no new row."""
    if not failed and "F" not in history:
        return "S"
    return (history + ("F" if failed else "S"))[-(SLOTS + 1) :]


def score(history: str) -> float:
    """How much the history goes to and fro, in percent; checks that were never made count as no change."""
    changes = [a != b for a, b in pairwise(history)]
    missing = SLOTS - len(changes)
    # In hundredths, so that a score on a limit is on it, whichever changes it is made of.
    return sum(80 + 2 * (missing + n) for n, changed in enumerate(changes) if changed) / SLOTS


def is_flapping(history: str, flapping: bool) -> bool:
    """Whether it flaps now, given whether it did before: between the two limits nothing changes."""
    value = score(history)
    return value > STARTS_ABOVE or (flapping and value >= ENDS_BELOW)
