"""A summary in the forms people and programs read: text, Markdown, HTML, JSON, CSV, and as a message to be sent.

What is said stands in `Report` (report_parts.py), once for all forms; here it is put together. The figures for
programs (JSON, CSV) come from the summary itself, unrounded (report_data.py).
"""

from html import escape
from typing import Any

from heartbeat_cli.domain.plain import json_text, one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.reporting.summary import Summary
from heartbeat_cli.views import report_data, report_text
from heartbeat_cli.views import report_figures as figures
from heartbeat_cli.views import report_incidents as incidents
from heartbeat_cli.views import report_tables as tables
from heartbeat_cli.views.report_parts import Part, Report
from heartbeat_cli.views.report_voice import Speech

FORMS = ("text", "json", "html", "markdown", "csv")
_BRIEF = (12, 8, 8)  # in a text: things that need a person, incidents, alerts
_FULL = (100, 50)
_CHAT = 3_900  # UTF-16 units of a text for a chat (4,096 with its title)


class Letter(Record):
    """A report to be sent: subject, the text, as much of it as one chat message holds, and a page for a mail."""

    title: str
    text: str
    brief: str
    page: str


def report(speech: Speech) -> Report:
    """Everything that is to be said, in reading order."""
    summary = speech.summary
    needs = incidents.needs(speech)
    level, verdict = incidents.verdict(speech, needs)
    broke, all_broke = (incidents.incidents_part(speech, most) for most in (_BRIEF[1], _FULL[1]))
    parts = (
        incidents.needs_part(speech, needs, _FULL[0], all_broke),
        all_broke,
        figures.figures(speech),
        tables.comparisons(speech),
        tables.alerts(speech),
        tables.attempts(speech),
        tables.components(speech),
    )
    brief = (
        incidents.needs_part(speech, needs, _BRIEF[0], broke),
        broke if broke.items else Part("incidents"),  # the verdict says that there was none
        figures.figures(speech, brief=True),
        tables.brief_alerts(speech, _BRIEF[2]) if summary.alerts else Part("alerts"),
        tables.brief_components(speech),
    )
    notice = "" if summary.reaches_person else speech.word("no_reader")
    return Report(title(speech), _about(speech), level, verdict, parts, brief, notice)


def title(speech: Speech) -> str:
    """`Daily report 2026-11-22`."""
    span = speech.summary.period
    unit = span.unit or ("day" if span.first == span.last else "span")
    days = f"{span.first}" if span.first == span.last else f"{span.first} - {span.last}"
    return f"{speech.word(f'title_{unit}')} {days}"


def _about(speech: Speech) -> str:
    summary = speech.summary
    said = f"{summary.timezone} · {summary.period.id}"
    if summary.until < summary.period.end:
        said += f" · {speech.word('so_far', at=speech.when(summary.until))}"
    return said


def rendered(summary: Summary, form: str, locale: str, secrets: tuple[str, ...] = (), own: str | None = None) -> str:
    """The summary in one of `FORMS`; `own` is the user's folder of templates."""
    speech = Speech(summary, locale, secrets)
    if form == "json":
        return json_text(report_data.tree(speech), indent=2)
    if form == "csv":
        return report_data.csv(speech)
    made = report(speech)
    if form == "markdown":
        return markdown(made)
    if form == "html":
        from heartbeat_cli.views import report_page

        return report_page.page(made, speech, own)
    return report_text.text(made)


def letter(summary: Summary, locale: str, secrets: tuple[str, ...] = (), own: str | None = None) -> Letter:
    """The summary as a message."""
    from heartbeat_cli.views import report_page

    speech = Speech(summary, locale, secrets)
    made = report(speech)
    head = f"{made.title}: {made.verdict.rstrip('.。')}"
    brief = report_text.fitting(made, _CHAT - len(head), speech.word("rest_in", command=_again(summary)))
    return Letter(head, "\n".join(report_text.body(made)), brief, report_page.letter(made, speech, own))


def _again(summary: Summary) -> str:
    """The command that shows this period."""
    span = summary.period
    if span.first == span.last:
        return f"heartbeat report --date {span.first}"
    return f"heartbeat report --from {span.first} --to {span.last}"


def markdown(made: Report) -> str:
    """For a wiki or an issue."""
    lines = [f"# {_md(made.title)}", ""]
    if made.notice:
        lines += [f"**{_md(made.notice)}**", ""]
    lines += [f"**{_md(made.verdict)}** {_md(made.about)}"]
    for part in made.parts:
        found = list(_md_part(part))
        if found:
            lines += [*(["", f"## {_md(part.heading)}"] if part.heading else []), "", *found]
    return "\n".join(lines)


def _md_part(part: Part) -> list[str]:
    lines = []
    for item in part.items:
        facts = f": {_md(item.facts)}" if item.facts else ""
        lines.append(f"- **{_md(item.head)}**{facts}")
        lines += [f"  - {_md(line)}" for line in item.lines]
    for fact in part.facts:
        lines.append(f"- **{_md(fact.label)}**: {_md(fact.lines[0])}")
        lines += [f"  - {_md(line)}" for line in fact.lines[1:]]
    if part.table is not None:
        marks = ["---:" if n >= part.table.numbers else "---" for n in range(len(part.table.heads))]
        lines += [_md_row(part.table.heads), f"| {' | '.join(marks)} |"]
        lines += [_md_row(row) for row in part.table.rows]
    if part.note:
        lines += [*([""] if lines else []), _md(part.note)]
    return lines


def _md_row(cells: Any) -> str:
    return "| " + " | ".join(_md(cell) for cell in cells) + " |"


def _md(text: str) -> str:
    """What a component says is text, not Markdown, no link and not HTML."""
    out = escape(one_line(text, 400), quote=False)
    for char in "\\`*_[]|~":
        out = out.replace(char, "\\" + char)
    # Nor a link that nobody marked as one: many readers of Markdown make one of any address.
    return out.replace("://", "\\://").replace("www.", "www\\.")
