"""What incidents, attempts and time come to: how fast faults are seen and healed, what is flaky, what a target allows.

Incidents that were held (a child whose parent was at fault) are told apart: they count as time a component was down,
and for nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence

from heartbeat_cli.domain.checking.coverage import union
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.brakes import CARRIED_OUT


class Story(Record):
    """An incident with what was tried and what healed it: an attempt after which the same check passed, or None (it
    came back by itself, or is not over). `lasted`: seconds it was down, up to its end or to now, not cut to the
    period."""

    incident: Incident
    lasted: float
    attempts: tuple[Attempt, ...] = ()
    healed_by: Attempt | None = None


class Times(Record):
    """Means in seconds; None where there is nothing to take a mean of. `detect`: from the first failing check to the
    incident, of incidents declared in the period; `repair`: how long those that ended in it were down; `between`:
    time up for each incident that began in it. Held ones are only counted (in `held`)."""

    detect: float | None = None
    repair: float | None = None
    between: float | None = None
    began: int = 0
    ended: int = 0
    held: int = 0


class Recoveries(Record):
    """Attempts by what became of them: `carried_out` took place, `verified` of those healed, `stopped` were denied,
    refused or interrupted and say nothing about healing."""

    carried_out: int = 0
    verified: int = 0
    stopped: int = 0

    @property
    def success_percent(self) -> float | None:
        return 100.0 * self.verified / self.carried_out if self.carried_out else None


class Flaky(Record):
    """How unsteady a component was: incidents that began, turns between well and not well, failing checks."""

    component: str
    incidents: int
    flaps: int
    failing: int


class Budget(Record):
    """Seconds that may be down in the period for the target to be met, that were, and what is left (negative: missed).
    Only time known to be down is used up."""

    target_percent: float
    allowed: float
    used: float

    @property
    def left(self) -> float:
        return self.allowed - self.used


def stories(incidents: Iterable[Incident], attempts: Iterable[Attempt], now: float) -> tuple[Story, ...]:
    """The incidents with their attempts, in the order given."""
    of: dict[str | None, list[Attempt]] = {}
    for one in attempts:
        of.setdefault(one.incident, []).append(one)
    found = []
    for incident in incidents:
        tried = tuple(of.get(incident.id, ()))
        cure = next((one for one in reversed(tried) if one.verified is not None), None)
        end = now if incident.ended is None else incident.ended
        found.append(Story(incident, incident.downtime(end), tried, cure if incident.ended else None))
    return tuple(found)


def times(incidents: Sequence[Incident], up_seconds: float, start: float, end: float) -> Times:
    """How long things took, over the incidents that touch the period [start, end)."""

    def inside(moment: float | None) -> bool:
        return moment is not None and start <= moment < end

    own = [one for one in incidents if one.held_by is None]
    began = [one for one in own if inside(one.started)]
    ended = [one.downtime(one.ended) for one in own if one.ended is not None and inside(one.ended)]
    return Times(
        detect=mean(one.declared - one.started for one in own if inside(one.declared)),
        repair=mean(ended),
        between=up_seconds / len(began) if began else None,
        began=len(began),
        ended=len(ended),
        held=sum(inside(one.started) for one in incidents if one.held_by is not None),
    )


def mean(values: Iterable[float]) -> float | None:
    """The mean, from whole microseconds; None of nothing."""
    found = [round(value * 1e6) for value in values]
    return sum(found) / len(found) / 1e6 if found else None


def recoveries(attempts: Iterable[Attempt]) -> Recoveries:
    """What attempts to heal came to."""
    carried = verified = stopped = 0
    for one in attempts:
        if one.outcome in CARRIED_OUT and one.outcome != "running":
            carried += 1
            verified += one.verified is not None
        elif one.outcome not in ("held", "running"):  # nothing was attempted then, or it is not known yet what it was
            stopped += 1
    return Recoveries(carried, verified, stopped)


def downtime(incidents: Iterable[Incident], start: float, end: float) -> dict[str, float]:
    """Seconds of the period in which a component was down by its incidents, however many at once, by component."""
    of: dict[str, list[tuple[float, float | None]]] = {}
    for one in incidents:
        of.setdefault(one.component, []).extend(one.outages)
    return {id_: union(spans, start, end) for id_, spans in sorted(of.items())}


def flakiest(
    incidents: Iterable[Incident], unsteady: Mapping[str, tuple[int, int]], start: float, end: float, most: int = 10
) -> tuple[Flaky, ...]:
    """The least steady components, worst first: by incidents that began in the period, then flaps, then failing checks
    (`unsteady`: these two by component). What was perfectly steady is left out."""
    began: dict[str, int] = {}
    for one in incidents:
        if one.held_by is None and start <= one.started < end:
            began[one.component] = began.get(one.component, 0) + 1
    found = [Flaky(id_, began.get(id_, 0), *unsteady.get(id_, (0, 0))) for id_ in {*began, *unsteady}]
    found = [one for one in found if any(one[1:])]
    found.sort(key=lambda one: (-one.incidents, -one.flaps, -one.failing, one.component))
    return tuple(found[:most])


def budget(target_percent: float, start: float, end: float, down_us: float) -> Budget:
    """What the target allows over the whole period, and what is used up."""
    # Thousandths of a percent, so that 99.9 gives the digits a hand would.
    share = round((100 - target_percent) * 1e6)
    return Budget(target_percent, (round(end * 1e6) - round(start * 1e6)) * share / 1e14, down_us / 1e6)
