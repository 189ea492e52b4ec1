"""One fault from its first failing heartbeat to its end, and the attempts to heal it."""

from heartbeat_cli.domain.category import Failure, failure_by_words
from heartbeat_cli.domain.plain import whole
from heartbeat_cli.domain.record import Record

_LATEST = 200_000_000_000_000  # milliseconds since the epoch that are still a date
OUTCOMES = ("running", "done", "working", "failed", "denied", "refused", "held", "lost", "cut off")


_MOST_RELAPSES = 1_000
_AS_LONG = 1.25  # times the longest outage before it: checks see its ends only now and then


class Relapse(Record):
    """A fault that has returned: `ended` is when the component had become healthy, `started` the first failing check
    after that, `declared` when that was a fault again (epoch seconds)."""

    ended: float
    started: float
    declared: float


class Incident(Record):
    """One fault from its first failing heartbeat to its end. `held_by` names the parent whose fault it really was;
    `recovery` is why a person was called: `` (nobody was), `failed`, `denied` or `held`, the last one notified of.
    `category` and `remedy` are those of its cause, empty for a row of an earlier version. A fault that returns soon
    reopens its incident: each time is one of `relapses`, oldest first."""

    id: str
    component: str
    kind: str
    severity: str
    cause: str
    started: float
    declared: float
    ended: float | None = None
    held_by: str | None = None
    acked: float | None = None
    acked_by: str | None = None
    recovery: str = ""
    category: str = ""
    remedy: str = ""
    relapses: tuple[Relapse, ...] = ()

    @property
    def failure(self) -> Failure | None:
        """What kind of failure its cause is."""
        return failure_by_words(self.category, self.remedy)

    def with_cause(self, cause: str, failure: Failure | None) -> "Incident":
        """The incident with the failure that it is about."""
        return self._replace(
            cause=cause, category=failure.category if failure else "", remedy=failure.remedy if failure else ""
        )

    @property
    def needs_person(self) -> bool:
        return self.ended is None and self.recovery != ""

    @property
    def outages(self) -> tuple[tuple[float, float | None], ...]:
        """From when to when it was down, oldest first; what is still down has no end."""
        begins = [self.started, *(one.started for one in self.relapses)]
        ends = [*(one.ended for one in self.relapses), self.ended]
        return tuple(zip(begins, ends, strict=True))

    def comes_back(self, now: float, within: float) -> tuple[float, float] | None:
        """The longest of the outages before the present one that took no longer than `within`, and how long the
        present one still has to end as they did (both in seconds); None where there is none, or its time is over."""
        *before, (begun, over) = self.outages
        longest = max((end - start for start, end in before if end is not None and end - start <= within), default=0.0)
        left = begun + longest * _AS_LONG - now
        return (longest, left) if over is None and longest > 0 and 0 < left <= longest * _AS_LONG else None

    def with_relapse(self, relapse: Relapse) -> "Incident":
        """The incident with one more relapse; it keeps as many as 1,000, and then counts what follows as one."""
        return self if len(self.relapses) >= _MOST_RELAPSES else self._replace(relapses=(*self.relapses, relapse))

    @property
    def redeclared(self) -> float:
        """When it was last declared a fault: by its latest relapse, or at its beginning."""
        return self.relapses[-1].declared if self.relapses else self.declared

    def downtime(self, until: float) -> float:
        """Seconds it was down, up to its end or `until`; the time in which it was healthy is not part of them."""
        end = until if self.ended is None else self.ended
        last, total = self.started, 0.0
        for begun, over in self.outages:  # times that a clock has put out of order count once
            begun, over = max(begun, last), min(end if over is None else over, end)
            total += max(0.0, over - begun)
            last = max(last, over)
        return total


ITSELF, PERSON = "heartbeat", "person"  # who asked for a step; else the name of a program


class Attempt(Record):
    """One execution of one step, or what held it back. `outcome` is running, done, working (accepted, still going on),
    failed, denied, refused; after a kill lost (it never began) or cut off (unknown); or held: nothing was
    done. `reason` says why this step, `verified` is when the same check had passed often enough again; until
    `verify_until` a component that comes up slowly is given time."""

    id: str
    incident: str | None
    component: str
    step: int
    action: str
    requested_by: str
    observer: str
    started: float
    finished: float | None = None
    outcome: str = "running"
    detail: str = ""
    output: str = ""
    verify_until: float | None = None
    verified: float | None = None
    reason: str = ""

    @property
    def spends(self) -> bool:
        """Whether it counts for backoff and budgets: a person's steps do not, those of programs, which may ask in a
        loop, do."""
        return self.requested_by not in ("", PERSON)


def incident_id(component: str, started: float) -> str:
    """An incident is its component and the moment of its first failing heartbeat."""
    return f"{component}@{round(started * 1000)}"


def began(id_: str) -> float:
    """The moment in the id of an incident (epoch seconds), 0 where there is none: another host may have made it up."""
    return (whole(id_.rpartition("@")[2], _LATEST) or 0) / 1000
