"""A report as a page of its own, and as the smaller one that a mail can carry: drawings do not survive mail programs.

The templates are report.html.j2 and report_mail.html.j2; everything they show is escaped there.
"""

from typing import Any

from heartbeat_cli.views import charts, report_charts, templates
from heartbeat_cli.views.report_parts import Report
from heartbeat_cli.views.report_voice import Speech

_MAIL_ROWS = 60  # of a table


def page(made: Report, speech: Speech, own: str | None = None) -> str:
    """One self-contained page: no script, no request."""
    values = _common(made, speech) | {
        "parts": made.parts,
        "bars": report_charts.bars(speech),
        "curves": report_charts.curves(speech),
        "timeline": report_charts.timeline(speech),
        "ticks": report_charts.ticks(speech),
        "spark_box": (charts.SPARK_WIDTH, charts.SPARK_HEIGHT),
        "area_box": (charts.AREA_WIDTH, charts.AREA_HEIGHT),
    }
    return templates.render("report.html.j2", values, own)


def letter(made: Report, speech: Speech, own: str | None = None) -> str:
    """The same for a mail: text, lists and tables, styled where they stand."""
    return templates.render(
        "report_mail.html.j2", _common(made, speech) | {"parts": made.brief, "rows": _MAIL_ROWS}, own
    )


def _common(made: Report, speech: Speech) -> dict[str, Any]:
    return {
        "locale": speech.locale,
        "word": speech.word,
        "title": made.title,
        "about": made.about,
        "level": made.level,
        "verdict": made.verdict,
        "notice": made.notice,
        "timezone": speech.summary.timezone,
    }
