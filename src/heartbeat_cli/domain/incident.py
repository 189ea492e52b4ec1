"""One fault from its first failing heartbeat to its end, and the attempts to heal it."""

from typing import NamedTuple

from heartbeat_cli.domain.plain import whole

_LATEST = 200_000_000_000_000  # milliseconds since the epoch that are still a date
OUTCOMES = ("running", "done", "working", "failed", "denied", "refused", "held", "lost", "cut off")


class Incident(NamedTuple):
    """One fault from its first failing heartbeat to its end. `held_by` names the parent whose fault it really was;
    `recovery` is why a person was called: `` (nobody was), `failed`, `denied` or `held`, the last one notified of."""

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

    @property
    def needs_person(self) -> bool:
        return self.ended is None and self.recovery != ""


class Attempt(NamedTuple):
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


def incident_id(component: str, started: float) -> str:
    """An incident is its component and the moment of its first failing heartbeat."""
    return f"{component}@{round(started * 1000)}"


def began(id_: str) -> float:
    """The moment in the id of an incident (epoch seconds), 0 where there is none: another host may have made it up."""
    return (whole(id_.rpartition("@")[2], _LATEST) or 0) / 1000
