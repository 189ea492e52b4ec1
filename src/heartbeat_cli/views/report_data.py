"""A report for programs: one JSON document (its schema: docs/reference/report-formats.md), and CSV, a line a component.

Nothing is rounded but what floating point left behind: times are ISO 8601 in UTC, lengths seconds, shares percent.
"""

from typing import Any

from heartbeat_cli.domain.alerting.alert import Alert, Sent
from heartbeat_cli.domain.checking.coverage import Degraded, Gap
from heartbeat_cli.domain.checking.gauge import Gauge
from heartbeat_cli.domain.checking.result import STATUSES
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.reporting.availability import Budget, Story
from heartbeat_cli.domain.reporting.summary import Standing, Tally
from heartbeat_cli.domain.reporting.trends import Comparison, Forecast, Shift
from heartbeat_cli.views import report_incidents as incidents
from heartbeat_cli.views.report_voice import Speech
from heartbeat_cli.views.rows import iso

VERSION = 1
_SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
_ATTEMPT = ("id", "incident", "component", "rung", "action", "requested_by", "observer", "outcome", "detail", "output")
_FOREIGN = 4_000  # characters of a cause or an output
_COLUMNS = (
    *("component", "kind", "heartbeats", *STATUSES, "healthy_percent", "average_response_time"),
    *("p50", "p95", "p99", "availability_percent", "coverage_percent", "up_seconds", "down_seconds"),
    *("budget_left_seconds", "incidents", "incident_seconds", "recoveries", "recoveries_verified"),
    *("gap_seconds", "degraded_seconds", "unobserved", "failing"),
)


def tree(speech: Speech) -> Any:
    """What `report --format json` prints; whoever said what stands in it, nothing of it is a secret or steers a
    terminal."""
    return _clean(_tree(speech), speech)


def _clean(value: Any, speech: Speech) -> Any:
    if isinstance(value, str):
        return speech.clean(value, _FOREIGN)
    if isinstance(value, dict):
        return {key: _clean(one, speech) for key, one in value.items()}
    return [_clean(one, speech) for one in value] if isinstance(value, list) else value


def _tree(speech: Speech) -> dict[str, Any]:
    summary, whole = speech.summary, speech.summary.whole
    needs = incidents.needs(speech)
    level, verdict = incidents.verdict(speech, needs)
    return {
        "schema_version": VERSION,
        "report_id": summary.period.id,
        "from": iso(summary.period.start),
        "to": iso(summary.period.end),
        "until": iso(summary.until),
        "first_day": str(summary.period.first),
        "last_day": str(summary.period.last),
        "timezone": summary.timezone,
        "level": level,
        "verdict": verdict,
        "reaches_person": summary.reaches_person,
        "needs_person": [_need(one) for one in needs],
        "unobserved": [_standing(one) for one in summary.unobserved],
        "failing": [_standing(one) for one in summary.failing],
        "total_heartbeats": whole.heartbeats,
        **_figures(whole, summary.budget),
        "times": {**summary.times._asdict()},
        "recovery": {**summary.recovery._asdict(), "success_percent": summary.recovery.success_percent},
        "components": [_component(one, speech) for one in summary.tallies],
        "flakiest": [one._asdict() for one in summary.flakiest],
        "incidents": [_incident(one) for one in summary.stories],
        "recoveries": [_attempt(one) for one in summary.attempts],
        "alerts": [_alert(one, summary.deliveries) for one in summary.alerts],
        "coverage_percent": summary.coverage_percent,
        "gap_seconds": summary.gap_seconds,
        "gaps": [_time(one, one.ended) for one in summary.gaps],
        "degraded_seconds": summary.degraded_seconds,
        "degraded": [_time(one, one.ended) for one in summary.degraded],
        "gauges": [_gauge(one) for one in summary.gauges],
        "comparisons": [_comparison(one) for one in summary.comparisons],
        "shifts": [_shift(one) for one in summary.shifts],
        "forecasts": [_forecast(one) for one in summary.forecasts],
    }


def _need(one: Any) -> dict[str, Any]:
    return {"what": one.head, "facts": one.facts, "why": list(one.lines)}


def _standing(one: Standing) -> dict[str, Any]:
    return {"component": one.component, "since": iso(one.since), "error": one.error or None}


def _figures(one: Tally, budget: Budget | None) -> dict[str, Any]:
    """What the whole and each component have alike."""
    return {
        "statuses": dict(zip(STATUSES, one.counts, strict=True)),
        "healthy_percent": one.healthy_percent,
        "availability_percent": one.availability_percent,
        "average_response_time": one.average_response_time,
        "response_times": {key: one.response_time(share) for key, share in _SHARES},
        "up_seconds": one.up_us / 1e6,
        "down_seconds": one.down_us / 1e6,
        "known_percent": one.coverage_percent,
        "budget": None if budget is None else {**budget._asdict(), "left": budget.left},
    }


def _component(one: Tally, speech: Speech) -> dict[str, Any]:
    summary = speech.summary
    return {
        "component": one.component,
        "name": speech.name(one.component),
        "kind": one.kind,
        "heartbeats": one.heartbeats,
        **_figures(one, summary.budgets.get(one.component)),
        "incidents": _began(one.component, speech),
        "incident_seconds": summary.downtime.get(one.component, 0.0),
        "flaps": one.flaps,
    }


def _began(component: str, speech: Speech) -> int:
    """Incidents of a component that touch the period."""
    return sum(one.component == component for one in speech.summary.incidents)


def _incident(story: Story) -> dict[str, Any]:
    one = story.incident
    times = {key: iso(getattr(one, key)) for key in ("started", "declared", "ended", "acked")}
    return {
        **{
            key: getattr(one, key)
            for key in (
                "id",
                "component",
                "kind",
                "severity",
                "cause",
                "category",
                "remedy",
                "held_by",
                "acked_by",
                "recovery",
            )
        },
        **times,
        "duration": None if one.ended is None else round(one.downtime(one.ended), 6),
        "outages": [{"started": iso(begun), "ended": iso(over)} for begun, over in one.outages],
        "lasted": round(story.lasted, 6),
        "attempts": len(story.attempts),
        "healed_by": None if story.healed_by is None else story.healed_by.id,
    }


def _attempt(one: Attempt) -> dict[str, Any]:
    times = {key: iso(getattr(one, key)) for key in ("started", "finished", "verify_until", "verified")}
    kept = {key: getattr(one, "step" if key == "rung" else key) for key in _ATTEMPT}
    return {**kept, **times}


def _alert(one: Alert, deliveries: list[Sent]) -> dict[str, Any]:
    return {
        "alert_id": one.id,
        "alert_type": one.type,
        "severity": one.severity,
        "title": one.title,
        "component": one.component,
        "alert_time": iso(one.at),
        "incident": one.incident,
        "reason": one.reason,
        "notifications": [_sent(sent) for sent in deliveries if sent.alert_id == one.id],
    }


def _sent(one: Sent) -> dict[str, Any]:
    return {
        "channel": one.channel,
        "state": one.state,
        "attempts": one.attempts,
        "sent": iso(one.sent),
        "error": one.last_error,
    }


def _time(one: Gap | Degraded, ended: float | None) -> dict[str, Any]:
    lasted = None if ended is None else round(max(0.0, ended - one.started), 6)
    times = {"started": iso(one.started), "ended": iso(ended), "duration": lasted}
    return {"observer": one.observer, **times, "reason": one.reason}


def _gauge(one: Gauge) -> dict[str, Any]:
    values = {key: getattr(one, key) for key in ("number", "mean", "least", "most", "last")}
    return {"component": one.component, "metric": one.metric, "label": one.label, **values}


def _comparison(one: Comparison) -> dict[str, Any]:
    return {**one._asdict(), "start": iso(one.start), "end": iso(one.end)}


def _shift(one: Shift) -> dict[str, Any]:
    return {**one._asdict(), "since": iso(one.since), "change": one.change}


def _forecast(one: Forecast) -> dict[str, Any]:
    return one._asdict()


def csv(speech: Speech) -> str:
    """A line a component, for a spreadsheet, and last one of all together, which is called `*`; times in seconds."""
    import csv as writer
    import io

    summary = speech.summary
    out = io.StringIO()
    rows = writer.writer(out, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for one in summary.tallies:
        rows.writerow(_cells(_row(one, speech)))
    if summary.tallies:
        rows.writerow(_cells(_whole(speech)))
    return out.getvalue().rstrip("\n")


def _row(one: Tally, speech: Speech) -> dict[str, Any]:
    summary = speech.summary
    budget = summary.budgets.get(one.component)
    tried = [attempt for attempt in summary.attempts if attempt.component == one.component]
    carried = [attempt for attempt in tried if attempt.outcome in ("done", "failed")]
    return {
        **_counted(one),
        "budget_left_seconds": None if budget is None else budget.left,
        "incidents": _began(one.component, speech),
        "incident_seconds": summary.downtime.get(one.component, 0.0),
        "recoveries": len(carried),
        "unobserved": sum(other.component == one.component for other in summary.unobserved),
        "failing": sum(other.component == one.component for other in summary.failing),
        "recoveries_verified": sum(a.outcome == "done" and a.verified is not None for a in carried),
    }


def _whole(speech: Speech) -> dict[str, Any]:
    summary = speech.summary
    return {
        **_counted(summary.whole),
        "component": "*",
        "kind": "*",
        "budget_left_seconds": None if summary.budget is None else summary.budget.left,
        "incidents": len(summary.incidents),
        "incident_seconds": sum(summary.downtime.values()),
        "recoveries": summary.recovery.carried_out,
        "recoveries_verified": summary.recovery.verified,
        "gap_seconds": summary.gap_seconds,
        "degraded_seconds": summary.degraded_seconds,
        "unobserved": len(summary.unobserved),
        "failing": len(summary.failing),
    }


def _counted(one: Tally) -> dict[str, Any]:
    return {
        "component": one.component,
        "kind": one.kind,
        "heartbeats": one.heartbeats,
        **dict(zip(STATUSES, one.counts, strict=True)),
        "healthy_percent": one.healthy_percent,
        "average_response_time": one.average_response_time,
        **{key: one.response_time(share) for key, share in _SHARES},
        "availability_percent": one.availability_percent,
        "coverage_percent": one.coverage_percent,
        "up_seconds": one.up_us / 1e6,
        "down_seconds": one.down_us / 1e6,
    }


def _cells(row: dict[str, Any]) -> list[Any]:
    values = [row.get(key) for key in _COLUMNS]
    return ["" if value is None else round(value, 6) if isinstance(value, float) else _cell(value) for value in values]


def _cell(value: Any) -> Any:
    """A name of another host of the store may be no name: it must be no formula of a spreadsheet, and steer nothing."""
    text = one_line(value) if isinstance(value, str) else value
    return f"'{text}" if isinstance(text, str) and text[:1] in ("=", "+", "-", "@") else text
