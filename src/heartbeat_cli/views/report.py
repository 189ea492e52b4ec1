"""A summary in the forms people and programs read: text, Markdown, HTML, JSON, CSV."""

from html import escape
from typing import Any, NamedTuple

from heartbeat_cli.domain.alert import Alert, Sent
from heartbeat_cli.domain.coverage import Degraded, Gap
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.plain import duration, one_line
from heartbeat_cli.domain.result import STATUSES
from heartbeat_cli.domain.summary import Summary, Tally, total
from heartbeat_cli.redact import redact
from heartbeat_cli.views.rows import iso, took
from heartbeat_cli.views.wording import local_time, word

_SHOWN = 50  # incidents, attempts and alerts listed one by one; more are counted


class Table(NamedTuple):
    """A part of a report: a heading, column heads and cells; `empty` is said instead where there is no row."""

    heading: str
    heads: list[str]
    rows: list[list[str]]
    empty: str = ""


def percent(value: float | None) -> str:
    """A share as shown: never rounded up to 100."""
    if value is None:
        return "-"
    text = f"{value:.2f}"
    return "99.99 %" if text == "100.00" and value < 100 else f"{text} %"


def overview(summary: Summary, locale: str) -> list[tuple[str, str]]:
    """The first lines of a report: what, when, and the figures of the whole."""
    whole = total(summary.tallies)
    span = summary.period
    days = f"{span.first}" if span.first == span.last else f"{span.first} - {span.last}"
    return [
        (word("report_id", locale), span.id),
        (word("period", locale), f"{days} ({summary.timezone})"),
        (word("heartbeats", locale), str(whole.heartbeats)),
        (word("healthy_percent", locale), percent(whole.healthy_percent)),
        (word("availability", locale), percent(whole.availability_percent)),
        (word("average_response", locale), took(whole.average_response_time)),
        (word("coverage", locale), percent(summary.coverage_percent)),
    ]


def parts(summary: Summary, locale: str) -> list[Table]:
    """The tables of a report, in reading order: what broke first, then the figures."""
    return [
        _incidents(summary, locale),
        _recoveries(summary, locale),
        _components(summary, locale),
        _alerts(summary, locale),
        _unwatched(summary, locale),
    ]


def _name(summary: Summary, id_: str) -> str:
    return summary.names.get(id_, id_)


def _when(summary: Summary, at: float) -> str:
    """A time of day; with its date where the report is of several days, or the moment not of its day."""
    span = summary.period
    plain = span.first == span.last and span.start <= at < span.end
    return local_time(at, summary.timezone, "%H:%M:%S" if plain else "%m-%d %H:%M:%S")


def _incidents(summary: Summary, locale: str) -> Table:
    heads = [word(key, locale) for key in ("component", "started", "lasted", "cause")]
    rows = []
    for one in summary.incidents[:_SHOWN]:
        lasted = word("ongoing", locale) if one.ended is None else duration(one.ended - one.started)
        cause = one_line(redact(one.cause), 80)
        if one.held_by:
            cause = f"{cause} ({word('held_by', locale)} {_name(summary, one.held_by)})"
        if one.needs_person:
            cause = f"{word('needs_person', locale)}: {cause}"
        rows.append([_name(summary, one.component), _when(summary, one.started), lasted, cause])
    return Table(word("incidents", locale), heads, rows, word("no_incidents", locale))


def _recoveries(summary: Summary, locale: str) -> Table:
    heads = [word(key, locale) for key in ("component", "time", "tried", "state")]
    rows = [
        [
            _name(summary, one.component),
            _when(summary, one.started),
            f"{one.action}: {word(one.outcome, locale)} ({one_line(redact(one.detail), 70)})",
            "" if one.outcome == "held" else word("verified" if one.verified else "not_verified", locale),
        ]
        for one in summary.attempts[:_SHOWN]
    ]
    return Table(word("recoveries", locale), heads, rows)


def _components(summary: Summary, locale: str) -> Table:
    heads = [word(key, locale) for key in ("component", "heartbeats", *STATUSES, "healthy_percent", "response")]
    rows = [_tally_row(tally, _name(summary, tally.component)) for tally in summary.tallies]
    if len(rows) > 1:
        rows.append(_tally_row(total(summary.tallies), word("total", locale)))
    return Table(word("component", locale), heads, rows, word("no_heartbeats", locale))


def _tally_row(tally: Tally, name: str) -> list[str]:
    counts = [str(count) for count in tally.counts]
    return [
        name,
        str(tally.heartbeats),
        *counts,
        percent(tally.healthy_percent),
        took(tally.average_response_time),
    ]


def _alerts(summary: Summary, locale: str) -> Table:
    heads = [word(key, locale) for key in ("time", "severity", "component", "cause", "delivered")]
    sent: dict[str, list[str]] = {}
    for one in summary.deliveries:
        mark = one.channel if one.state == "sent" else f"{one.channel}: {one.last_error or one.state}"
        sent.setdefault(one.alert_id, []).append(mark)
    rows = [
        [
            _when(summary, one.at),
            word(one.severity, locale),
            _name(summary, one.component),
            redact(one.title),
            redact(", ".join(sent.get(one.id, ["-"]))),
        ]
        for one in summary.alerts[:_SHOWN]
    ]
    return Table(word("alerts", locale), heads, rows, word("no_alerts", locale))


def _unwatched(summary: Summary, locale: str) -> Table:
    """When nobody looked, and when what was seen had to be kept beside the store."""
    heads = [word(key, locale) for key in ("started", "lasted", "cause")]
    rows = []
    unwatched: list[Gap | Degraded] = [*summary.gaps, *summary.degraded]
    for one in unwatched[:_SHOWN]:
        lasted = word("ongoing", locale) if one.ended is None else duration(max(0.0, one.ended - one.started))
        head = word("gap" if isinstance(one, Gap) else "degraded_mode", locale)
        rows.append([_when(summary, one.started), lasted, f"{head}: {one_line(redact(one.reason), 90)}"])
    return Table(word("unwatched", locale), heads, rows)


def text(summary: Summary, locale: str) -> str:
    """For a terminal and for a mail."""
    from heartbeat_cli.views.tables import table

    lines = [word("report", locale), "=" * 72]
    lines += [f"{name}: {value}" for name, value in overview(summary, locale)]
    for part in parts(summary, locale):
        if part.rows:
            lines += ["", part.heading, "-" * 72, table(part.heads, part.rows)]
        elif part.empty:
            lines += ["", part.empty]
    return "\n".join(lines)


def markdown(summary: Summary, locale: str) -> str:
    """For a wiki or an issue."""
    lines = [f"# {word('report', locale)} {summary.period.id}", ""]
    lines += [f"- **{name}**: {_md(value)}" for name, value in overview(summary, locale)]
    for part in parts(summary, locale):
        if part.rows:
            lines += [
                "",
                f"## {part.heading}",
                "",
                _md_row(part.heads),
                _md_row(["---"] * len(part.heads), raw=True),
            ]
            lines += [_md_row(row) for row in part.rows]
        elif part.empty:
            lines += ["", part.empty]
    return "\n".join(lines)


def _md_row(cells: list[str], raw: bool = False) -> str:
    return "| " + " | ".join(cell if raw else _md(cell) for cell in cells) + " |"


def _md(text: str) -> str:
    """What a component says is text, not Markdown and not HTML."""
    out = escape(one_line(text, 200), quote=False)
    for char in "\\`*_[]|":
        out = out.replace(char, "\\" + char)
    return out


def html(summary: Summary, locale: str) -> str:
    """One self-contained page."""
    from heartbeat_cli.views import templates

    facts, tables = overview(summary, locale), parts(summary, locale)
    heading = word("report", locale)
    return templates.render("report.html.j2", {"heading": heading, "locale": locale, "facts": facts, "parts": tables})


def csv(summary: Summary, locale: str) -> str:
    """A line a component, for a spreadsheet; times in seconds."""
    import csv as writer
    import io

    out = io.StringIO()
    rows = writer.writer(out, lineterminator="\n")
    rows.writerow(["component", "kind", "heartbeats", *STATUSES, "healthy_percent", "average_response_time"])
    for tally in summary.tallies:
        figures = [tally.healthy_percent, tally.average_response_time]
        shown = ["" if value is None else round(value, 6) for value in figures]
        rows.writerow([tally.component, tally.kind, tally.heartbeats, *tally.counts, *shown])
    return out.getvalue().rstrip("\n")


def tree(summary: Summary) -> dict[str, Any]:
    """For programs: `report --format json`. Times are ISO 8601 in UTC, durations in seconds."""
    whole = total(summary.tallies)
    return {
        "report_id": summary.period.id,
        "from": iso(summary.period.start),
        "to": iso(summary.period.end),
        "timezone": summary.timezone,
        "total_heartbeats": whole.heartbeats,
        "healthy_percent": whole.healthy_percent,
        "availability_percent": whole.availability_percent,
        "average_response_time": whole.average_response_time,
        "statuses": dict(zip(STATUSES, whole.counts, strict=True)),
        "components": [_tally_tree(tally, _name(summary, tally.component)) for tally in summary.tallies],
        "incidents": [_incident_tree(one) for one in summary.incidents],
        "recoveries": [_attempt_tree(one) for one in summary.attempts],
        "alerts": [_alert_tree(one, summary.deliveries) for one in summary.alerts],
        "coverage_percent": summary.coverage_percent,
        "gaps": [_time_tree(one, one.ended) for one in summary.gaps],
        "degraded": [_time_tree(one, one.ended) for one in summary.degraded],
    }


def _time_tree(one: Gap | Degraded, ended: float | None) -> dict[str, Any]:
    lasted = None if ended is None else round(max(0.0, ended - one.started), 6)
    times = {"started": iso(one.started), "ended": iso(ended), "duration": lasted}
    return {"observer": one.observer, **times, "reason": redact(one.reason)}


def _tally_tree(tally: Tally, name: str) -> dict[str, Any]:
    return {
        "component": tally.component,
        "name": name,
        "kind": tally.kind,
        "heartbeats": tally.heartbeats,
        "statuses": dict(zip(STATUSES, tally.counts, strict=True)),
        "healthy_percent": tally.healthy_percent,
        "availability_percent": tally.availability_percent,
        "average_response_time": tally.average_response_time,
    }


def _incident_tree(one: Incident) -> dict[str, Any]:
    lasted = None if one.ended is None else round(one.ended - one.started, 6)
    times = {key: iso(getattr(one, key)) for key in ("started", "declared", "ended", "acked")}
    return {**one._asdict(), **times, "cause": redact(one.cause), "duration": lasted}


def _attempt_tree(one: Attempt) -> dict[str, Any]:
    times = {key: iso(getattr(one, key)) for key in ("started", "finished", "verify_until", "verified")}
    return {**one._asdict(), **times, "detail": redact(one.detail), "output": redact(one.output)}


def _alert_tree(one: Alert, deliveries: list[Sent]) -> dict[str, Any]:
    return {
        "alert_id": one.id,
        "alert_type": one.type,
        "severity": one.severity,
        "title": redact(one.title),
        "component": one.component,
        "alert_time": iso(one.at),
        "incident": one.incident,
        "reason": one.reason,
        "notifications": [
            {
                "channel": s.channel,
                "state": s.state,
                "attempts": s.attempts,
                "sent": iso(s.sent),
                "error": s.last_error,
            }
            for s in deliveries
            if s.alert_id == one.id
        ],
    }
