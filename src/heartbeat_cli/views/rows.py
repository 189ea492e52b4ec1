"""Components as rows: the values that `check` and `status` print, for a table, JSON or a Nagios line."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from heartbeat_cli.domain.category import Failure
from heartbeat_cli.domain.checking.result import FAILURES, Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.detection.fault_detection import State
from heartbeat_cli.domain.detection.quorum import Round, Vote
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.reporting.board import Quiet, began, quorum_summary, unconfirmed, wants
from heartbeat_cli.redact import redact

Row = dict[str, Any]

_LATE_LOOKS, _LATE_SECONDS = 3, 180.0


def iso(at: float | None) -> str | None:
    """A moment as ISO 8601 in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def check_row(component: Component, reading: Reading, at: float, state: State | None) -> Row:
    """One heartbeat as `check --format json` gives it."""
    return {
        **_head(component),
        "status": reading.status,
        "response_time": None if reading.response_time is None else round(reading.response_time, 6),
        "error": None if reading.error is None else redact(reading.error),
        **failure_words(reading.failure),
        "timestamp": iso(at),
        "fail_count": state.fail_count if state else 0,
        "attempts": reading.attempts,
        "metrics": [
            {
                "metric_name": m.name,
                "metric_value": m.value,
                "metric_type": m.type,
                "metadata": dict(m.metadata),
            }
            for m in reading.metrics
        ],
    }


def status_row(
    component: Component,
    state: State | None,
    last: Any,
    now: float,
    incident: Incident | None = None,
    tried: Sequence[Attempt] = (),
    quiet: Quiet | None = None,
    round_: Round | None = None,
    orphaned: bool = False,
) -> Row:
    """Where one component stands, as `status --format json` gives it; `last` is its last check, if any, `incident` the
    open one and `tried` what recovery did about it, `round_` what several hosts say; `orphaned`: nobody who may restart
    it is there. `late` in it: nobody checks it any more, and what is stored may have been true long ago; `verified`:
    when recovery saw it pass its check, which the next checks confirm."""
    status, error = _seen(last, round_)
    failure = last.failure if last and last.status == status else None
    wanted = wants(component, incident, tried, now, orphaned, failure if status in FAILURES else None)
    alone = unconfirmed(round_, incident)
    age = round(max(0.0, now - last.at), 3) if last else None
    return {
        **_head(component),
        "state": state.state if state and state.judged else "unknown",
        "status": status,
        **_counters(state, incident),
        "response_time": last.response_time if last else None,
        "error": redact(error) if error else None,
        **failure_words(failure),
        "last_look": iso(last.at) if last else None,
        "age": age,
        "late": age is not None and age > late_after(component),
        "incident": incident.id if incident else None,
        "held_by": state.held_by if state else None,
        "verified": iso(_verified(tried, last)),
        **_people(incident, quiet),
        "needs_person": wanted == "person" or alone,
        "waits_for_you": wanted == "word",
        "unconfirmed": alone,
        "votes": [_vote(one) for one in round_.votes] if round_ else [],
    }


def incident_row(one: Incident, secrets: Iterable[str] = ()) -> Row:
    """One open incident as `ack --format json` gives it."""
    return {
        "incident": one.id,
        "component": one.component,
        "kind": one.kind,
        "severity": one.severity,
        "since": iso(one.started),
        "cause": redact(one.cause, secrets),
        **failure_words(one.failure),
        "held_by": one.held_by,
        "acked": iso(one.acked),
        "acked_by": one.acked_by,
        "needs_person": one.needs_person,
    }


def silence_row(one: Any, secrets: Iterable[str] = ()) -> Row:
    """One silence or maintenance as `silence --format json` and `maintenance --format json` give it."""
    return {
        "id": one.id,
        "kind": one.kind,
        "target": one.target,
        "from": iso(one.starts),
        "until": iso(one.ends),
        "reason": redact(one.reason, secrets),
        "by": one.created_by,
    }


def _verified(tried: Sequence[Attempt], last: Any) -> float | None:
    """When recovery last saw the component pass its check, where no check has been stored since."""
    at = max((one.verified for one in tried if one.verified is not None), default=None)
    return at if at is not None and (last is None or at > last.at) else None


def failure_words(failure: Failure | None) -> Row:
    """What kind of failure it is and what could mend it; None twice where there is none."""
    return {"category": failure.category if failure else None, "remedy": failure.remedy if failure else None}


def _people(incident: Incident | None, quiet: Quiet | None) -> Row:
    """Who has seen to it, and who is not told."""
    return {
        "acked": iso(incident.acked) if incident else None,
        "acked_by": incident.acked_by if incident else None,
        "quiet": {"kind": quiet.kind, "until": iso(quiet.ends), "reason": redact(quiet.reason)} if quiet else None,
    }


def _counters(state: State | None, incident: Incident | None) -> Row:
    return {
        "unobserved": bool(state and state.unobserved),
        "unobserved_since": iso(state.unknown_since) if state and state.unobserved else None,
        "since": iso(began(state, incident)) if state else None,
        "fail_count": state.fail_count if state else 0,
        "success_count": state.success_count if state else 0,
        "flapping": bool(state and state.flapping),
    }


def _head(component: Component) -> Row:
    return {"component": component.id, "kind": component.kind, "name": component.name}


def _seen(last: Any, round_: Round | None) -> tuple[str, str | None]:
    """Status and error: of the last look, or of all that look."""
    if round_ is not None:
        return round_.status, quorum_summary(round_, last.error)
    return (last.status, last.error) if last else ("unknown", None)


def _vote(one: Vote) -> Row:
    """What one of several hosts sees."""
    return {
        "observer": one.observer,
        "status": one.status,
        "error": redact(one.error) if one.error else None,
        "last_look": iso(one.at),
    }


def late_after(component: Component) -> float:
    """Seconds without a look from which a component counts as no longer looked at."""
    return max(_LATE_LOOKS * (component.common.interval or 60.0), _LATE_SECONDS)


def well(row: Mapping[str, Any]) -> bool:
    """Whether a check or status row is good news, and still news."""
    good = row.get("state", "healthy") == "healthy" and row["status"] in ("healthy", "degraded")
    return good and not row.get("late") and not row.get("unobserved")


def took(seconds: float | None) -> str:
    """A response time as a person reads it."""
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else duration(seconds)
