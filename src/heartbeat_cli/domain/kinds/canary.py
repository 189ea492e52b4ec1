"""When a paid request may be made again, and how long its verdict stands. Pure: the note is kept by the caller.

The note is saved before the request is sent: a pass that is killed meanwhile has spent it all the same.
"""

from collections.abc import Mapping
from typing import Any, Literal

from heartbeat_cli.domain.category import CATEGORIES, Category
from heartbeat_cli.domain.checking.result import FAILURES, STATUSES, Status
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, plain

DAY = 86_400.0
SOONER = 30.0  # seconds between canaries while one of a local server fails: a restart is verified by the next one
SOON = 120.0  # and while any other fails: the fail threshold is reached by canaries alone
_BETWEEN = 2  # checks between two failing canaries: more of them would make the component unobserved
_QUICK = 0.75  # share of the day's budget that is spent faster than usual; the rest has to notice the recovery
_STANDS = 2  # times `every`
_DEEPEST = 4  # sentences within sentences

When = Literal["due", "early", "deferred", "budget"]


class Verdict(Record):
    """What a canary has shown; `at` is epoch seconds, `first_token` seconds."""

    at: float
    status: Status
    error: str | None = None
    category: Category | None = None
    first_token: float | None = None


class Note(Record):
    """`at`: when the last canary was sent (epoch seconds); `times`: how many were on `day` (days since the epoch,
    UTC); `not_before`: what the server asked to wait for; `verdict`: of the last canary that was seen to its end."""

    at: float | None = None
    day: int = 0
    times: int = 0
    not_before: float = 0.0
    verdict: Verdict | None = None


def when(note: Note, now: float, every: float, budget: int) -> When:
    """Whether a canary may be sent now, and why not. A clock that was set back by less than `every` brings none
    forward; one that was wrong by more does not hold them up for ever."""
    if now < note.not_before <= now + DAY:
        return "deferred"
    if note.at is not None and abs(now - note.at) < every:
        return "early"
    return "due" if spent(note, now) < budget else "budget"


def spent(note: Note, now: float) -> int:
    """How many canaries were sent today. A day that has not come yet is today: a clock set back earns none."""
    today = int(now // DAY)
    return note.times if note.day in (today, today + 1) else 0


def sent(note: Note, now: float) -> Note:
    """The note to save before a canary is sent."""
    return note._replace(at=now, day=int(now // DAY), times=spent(note, now) + 1)


def failing(note: Note) -> Verdict | None:
    """The last verdict where it is a failure, however old: only a later canary can show that it is over."""
    return note.verdict if note.verdict is not None and note.verdict.status in FAILURES else None


def pace(note: Note, now: float, every: float, budget: int, *, own: bool, checks: int) -> float:
    """Seconds between canaries. After a failing one the next follows sooner, until three quarters of the day's budget
    are spent. `own`: a restart of the server on this host may mend the failure; `checks`: checks since that canary."""
    if failing(note) is None or spent(note, now) >= _QUICK * budget:
        return every
    return min(every, SOONER if own or checks >= _BETWEEN else SOON)


def standing(note: Note, now: float, every: float) -> Verdict | None:
    """The last verdict, while it stands. One from the future does not."""
    verdict = note.verdict
    return verdict if verdict is not None and 0 <= now - verdict.at <= _STANDS * every else None


def unfinished(note: Note) -> bool:
    """Whether the last canary was not seen to its end: the pass was killed meanwhile."""
    return note.at is not None and (note.verdict is None or note.verdict.at < note.at)


def to_json(note: Note) -> dict[str, Any]:
    verdict = note.verdict
    found = note._asdict()
    if verdict is not None:
        found["verdict"] = verdict._asdict() | {"error": _source(verdict.error)}
    return found


def from_json(value: Any) -> Note:
    """The note that was saved. What is not as it was written counts as none."""
    if not isinstance(value, Mapping):
        return Note()
    at, not_before, day, times = (value.get(key) for key in ("at", "not_before", "day", "times"))
    return Note(
        _number(at),
        day if isinstance(day, int) else 0,
        max(0, times) if isinstance(times, int) else 0,
        _number(not_before) or 0.0,
        _verdict(value.get("verdict")),
    )


def _verdict(value: Any) -> Verdict | None:
    if not isinstance(value, Mapping):
        return None
    at, status, category = _number(value.get("at")), value.get("status"), value.get("category")
    if at is None or status not in STATUSES:
        return None
    error = _text(value.get("error"))
    return Verdict(
        at, status, error, category if category in CATEGORIES else None, _number(value.get("first_token"))
    )  # fmt: skip


def _number(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return float(value) if good else None


def _source(line: str | None) -> Any:
    """A sentence as what it is made of, so that it can be shown in another language later."""
    if not isinstance(line, Text):
        return line
    values = {name: _source(one) if isinstance(one, str) else one for name, one in line.values.items()}
    return [line.template, values, plain(line)]


def _text(value: Any, depth: int = 0) -> str | None:
    if isinstance(value, str):
        return value
    if not (isinstance(value, list) and len(value) == 3 and isinstance(value[1], Mapping) and depth < _DEEPEST):
        return None
    template, values, line = value
    if not (isinstance(template, str) and isinstance(line, str)):
        return None
    inner = {name: one if isinstance(one, int | float) else _text(one, depth + 1) for name, one in values.items()}
    if any(one is None for one in inner.values()):
        return line
    return Text.known(line, template, {name: one for name, one in inner.items() if one is not None})
