"""The tables of a report: components, comparisons, attempts to heal, alerts and their delivery."""

from heartbeat_cli.domain.checking.result import STATUSES
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.reporting.summary import Tally
from heartbeat_cli.domain.reporting.trends import Comparison
from heartbeat_cli.views.report_incidents import outcome_word
from heartbeat_cli.views.report_parts import Item, Part, Table
from heartbeat_cli.views.report_voice import Speech

SHOWN = 50  # attempts and alerts listed one by one; more are counted
_SHARES = (0.5, 0.95, 0.99)


def components(speech: Speech) -> Part:
    """Every component with every figure."""
    summary = speech.summary
    if not summary.tallies:
        return Part("components")
    heads = [speech.word("name"), speech.word("col_looks"), *(speech.word(f"col_{status}") for status in STATUSES)]
    heads += [speech.word(key) for key in ("healthy_percent", "availability", "coverage", "down", "left", "average")]
    heads += [f"p{share * 100:.0f}" for share in _SHARES]
    rows = [(_name(one, speech), *_cells(one, speech)) for one in summary.tallies]
    if len(rows) > 1:
        rows.append((speech.word("total"), *_cells(summary.whole, speech)))
    ids = tuple(one.component for one in summary.tallies)
    return Part("components", speech.word("components"), table=Table(tuple(heads), tuple(rows), 1, ids))


def _name(one: Tally, speech: Speech) -> str:
    """What the component is called, and that it cannot be checked."""
    unseen = any(other.component == one.component for other in speech.summary.unobserved)
    return speech.within(speech.name(one.component), speech.word("col_unobserved") if unseen else "")


def _cells(one: Tally, speech: Speech) -> tuple[str, ...]:
    budget = speech.summary.budgets.get(one.component) if one.component else speech.summary.budget
    left = "-" if budget is None else speech.exact(abs(budget.left))
    if budget is not None and budget.left < 0:
        left = speech.word("over", span=left)
    return (
        f"{one.heartbeats:,}",
        *(f"{count:,}" for count in one.counts),
        speech.percent(one.healthy_percent),
        speech.percent(one.availability_percent),
        speech.percent(one.coverage_percent),
        speech.exact(one.down_us / 1e6),
        left,
        speech.took(one.average_response_time),
        *(speech.took(one.response_time(share)) for share in _SHARES),
    )


def brief_components(speech: Speech) -> Part:
    """Those that had anything, as rows that fit a terminal; the steady ones by name."""
    summary = speech.summary
    uneven = [one for one in summary.tallies if one.count("healthy") != one.heartbeats or not one.heartbeats]
    steady = [one for one in summary.tallies if one not in uneven]
    said = speech.listed(f"{speech.name(one.component)} {one.heartbeats:,}" for one in steady)
    key = "others_healthy" if uneven else "all_healthy"
    note = speech.word(key, names=said) if said else ""
    if not uneven:
        return Part("components", note=note)
    heads = (speech.word("name"), speech.word("col_looks"), *(speech.word(f"col_{status}") for status in STATUSES))
    heads += (speech.word("col_available"), "p95")
    rows = [(_name(one, speech), *_brief_cells(one, speech)) for one in uneven]
    if len(summary.tallies) > 1:
        rows.append((speech.word("total"), *_brief_cells(summary.whole, speech)))
    return Part("components", speech.word("components"), table=Table(heads, tuple(rows), 1), note=note)


def _brief_cells(one: Tally, speech: Speech) -> tuple[str, ...]:
    counts = tuple(f"{count:,}" for count in one.counts)
    available = speech.percent(one.availability_percent)
    return f"{one.heartbeats:,}", *counts, available, speech.took(one.response_time(0.95))


def comparisons(speech: Speech) -> Part:
    """The period beside earlier ones."""
    summary, whole = speech.summary, speech.summary.whole
    found = [one for one in summary.comparisons if one.heartbeats]
    if not found:
        return Part("comparisons")
    heads = [speech.word(key) for key in ("span", "heartbeats", "faults", "healthy_percent", "availability", "average")]
    this = Comparison(
        *("this", summary.period.start, summary.period.end, whole.heartbeats, summary.times.began),
        *(whole.healthy_percent, whole.availability_percent, whole.average_response_time, whole.response_time(0.95)),
    )
    rows = tuple(_compared(one, speech) for one in (this, *found))
    return Part("comparisons", speech.word("compared"), table=Table((*heads, "p95"), rows, 1))


def _compared(one: Comparison, speech: Speech) -> tuple[str, ...]:
    return (
        speech.word(f"span_{one.name}"),
        f"{one.heartbeats:,}",
        f"{one.incidents:,}",
        speech.percent(one.healthy_percent),
        speech.percent(one.availability_percent),
        speech.took(one.average_response_time),
        speech.took(one.p95),
    )


def attempts(speech: Speech) -> Part:
    """Every attempt to heal, oldest first."""
    found = speech.summary.attempts
    heads = tuple(speech.word(key) for key in ("time", "name", "action", "outcome", "detail"))
    rows = tuple(_attempt(one, speech) for one in found[:SHOWN])
    return Part("attempts", speech.word("attempts") if rows else "", table=Table(heads, rows) if rows else None)


def _attempt(one: Attempt, speech: Speech) -> tuple[str, ...]:
    outcome = outcome_word(one.outcome, speech)
    if one.outcome in ("done", "failed"):
        outcome = speech.listed([outcome, speech.word("verified" if one.verified is not None else "not_verified")])
    said = speech.said(one.detail, 200)
    return speech.when(one.started), speech.name(one.component), speech.step(one), outcome, said


def alerts(speech: Speech) -> Part:
    """What people were told, newest first, and whether it reached them."""
    heads = tuple(speech.word(key) for key in ("time", "severity", "alert", "delivered"))
    rows = tuple(alert_rows(speech, SHOWN))
    if not rows:
        return Part("alerts", note=speech.word("no_alerts"))
    left = len(speech.summary.alerts) - len(rows)
    note = speech.word("more_alerts", count=left) if left else ""
    return Part("alerts", speech.word("alerts"), table=Table(heads, rows), note=note)


def brief_alerts(speech: Speech, most: int) -> Part:
    """The newest ones, a line each."""
    rows = alert_rows(speech, most)
    left = len(speech.summary.alerts) - len(rows)
    items = tuple(
        Item("dim", f"{when} {title}", f"{speech.word('severity_is', severity=severity)} · {sent}")
        for when, severity, title, sent in rows
    )
    note = speech.word("more_alerts", count=left) if left else ""
    return Part("alerts", speech.word("alerts") if items else "", items, note=note)


def alert_rows(speech: Speech, most: int) -> list[tuple[str, str, str, str]]:
    """Time, severity, title, and where it went."""
    sent: dict[str, list[str]] = {}
    for one in speech.summary.deliveries:
        channel = speech.clean(one.channel, 40)
        state = "" if one.state == "sent" else speech.word("colon") + speech.word(f"delivery_{one.state}")
        sent.setdefault(one.alert_id, []).append(channel + state)
    return [
        (
            speech.when(one.at),
            speech.severity(one.severity),
            speech.said(one.title, 100),
            speech.listed(sent.get(one.id, [speech.word("untold")])),
        )
        for one in speech.summary.alerts[:most]
    ]
