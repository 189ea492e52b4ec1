"""Whether work that waits gets done: a state machine over two numbers and the time. Pure.

`done` should move while there is work; `waiting` is how much of it there is. Either may be unknown. A decrease of
`done` is a reset and counts as movement; where only `waiting` is known, its fall does.

Nothing is judged at the first check, and after more than `within` seconds without one, or a clock that was set back:
nobody knows what happened meanwhile. Where checks are that far apart twice in a row nothing will ever be judged: then
nobody knows how things are. A host that slept counts little of its sleep, since the workers may have slept with it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from heartbeat_cli.domain.checking.coverage import MISSED
from heartbeat_cli.domain.kinds.value_checks import as_number
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

NONE_DONE = Text("none done since {at}")
WAITING = Text("{n} wait, none done since {at}")
Standing = Literal["idle", "moved", "still", "unjudged", "late"]


class State(Record):
    """What one check leaves for the next: its time, since when nothing has moved (both epoch seconds; what does not
    count is left out), and the two numbers. `key` says which settings they belong to; `late`: it came more than
    `within` after the one before."""

    key: str
    at: float
    since: float
    done: float | None
    waiting: float | None
    late: bool = False


class Verdict(Record):
    """How things stand. `still_for`: seconds for which work has waited and nothing moved; where checks are too far
    apart (`late`), seconds since the one before."""

    standing: Standing
    still_for: float = 0.0

    def status(self, within: float) -> Literal["healthy", "degraded", "unhealthy", "unknown"]:
        """Unhealthy after `within` seconds without movement, degraded after half of them; unknown where checks are too
        far apart."""
        if self.standing == "late":
            return "unknown"
        if self.standing != "still" or self.still_for < within / 2:
            return "healthy"
        return "unhealthy" if self.still_for >= within else "degraded"


def follow(
    before: State | None,
    key: str,
    done: float | None,
    waiting: float | None,
    now: float,
    within: float,
    least: float,
    interval: float | None = None,
) -> tuple[State, Verdict]:
    """The state after a check at `now` that saw `done` and `waiting` (None: not asked), and what it means. Less than
    `least` waiting is no work. `interval`: seconds that usually lie between two checks (None: not known). The time
    since the one before counts for `MISSED` of them at most: one may be missed, or come late."""
    anew = State(key, now, now, done, waiting)
    if waiting is not None and waiting < least:
        return anew, Verdict("idle")
    if before is None or before.key != key or not before.since <= before.at <= now:
        return anew, Verdict("unjudged")
    if now > before.at + within:
        verdict = Verdict("late", now - before.at) if before.late else Verdict("unjudged")
        return anew._replace(late=True), verdict
    if _moved(before, done, waiting):
        return anew, Verdict("moved")
    asleep = 0.0 if interval is None else max(0.0, now - before.at - MISSED * interval)
    since = before.since + asleep
    return anew._replace(since=since), Verdict("still", now - since)


def stalled_since(said: str) -> float | None:
    """Since when nothing has been done (epoch seconds), by what a check said; None where it does not say so."""
    if not isinstance(said, Text) or said.template not in (NONE_DONE.template, WAITING.template):
        return None
    try:
        return datetime.fromisoformat(str(said.values.get("at"))).timestamp()
    except (ValueError, OverflowError):
        return None


def _moved(before: State, done: float | None, waiting: float | None) -> bool:
    if done is not None:
        return done != before.done
    return waiting is not None and before.waiting is not None and waiting < before.waiting


def kept(state: State) -> dict[str, Any]:
    """A state as memory."""
    return state._asdict()


def remembered(memory: Mapping[str, Any]) -> State | None:
    """The state in a memory; None where there is none, or somebody has edited it."""
    at, since = as_number(memory.get("at")), as_number(memory.get("since"))
    if at is None or since is None:
        return None
    done, waiting = as_number(memory.get("done")), as_number(memory.get("waiting"))
    return State(str(memory.get("key")), at, since, done, waiting, memory.get("late") is True)
