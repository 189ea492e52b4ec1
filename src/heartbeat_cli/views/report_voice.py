"""How a report speaks: words, times and figures in one language and zone, the same in every form.

What others said goes through `clean` or `said`: redacted, one printable line, bounded. Escaping is each form's own.
"""

from collections.abc import Iterable
from typing import Any

from heartbeat_cli.domain import plain
from heartbeat_cli.domain.component import Severity
from heartbeat_cli.domain.incident import Attempt, Incident
from heartbeat_cli.domain.plain import duration, one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.reporting.summary import Summary
from heartbeat_cli.domain.text import Text
from heartbeat_cli.i18n import catalogs
from heartbeat_cli.i18n.catalogs import translated
from heartbeat_cli.redact import redact
from heartbeat_cli.views import wording
from heartbeat_cli.views.report_words import COUNTED, WORDS

_FOREIGN = 20_000  # characters of a foreign text that are looked at at all
_DAY = 86_400.0


class Speech(Record):
    """Whose figures, in what language, and what must not be shown."""

    summary: Summary
    locale: str
    secrets: tuple[str, ...] = ()

    def word(self, key: str, **values: Any) -> str:
        """A word of the report's own, or of those that pages and messages have."""
        return (
            catalogs.word(WORDS[key], self.locale, **values)
            if key in WORDS
            else wording.word(key, self.locale, **values)
        )

    def counted(self, key: str, count: int) -> str:
        """`1 incident`, `2 incidents`."""
        return catalogs.counted(count, COUNTED[key], self.locale)

    def clean(self, text: str | None, limit: int = 200) -> str:
        """What somebody else said, fit to be shown."""
        return one_line(redact(one_line(text, _FOREIGN), self.secrets), limit) if text else ""

    def said(self, text: str | None, limit: int = 200) -> str:
        """A line of heartbeat's own (a cause, a reason) in the reader's language; what others said in it stays."""
        return self.clean(wording.told(text, self.locale, self.summary.timezone), limit) if text else ""

    def name(self, id_: str) -> str:
        """What people call a component."""
        return self.clean(self.summary.names.get(id_, id_), 40)

    def listed(self, found: Iterable[str]) -> str:
        """`a, b, c`, as this language strings them together."""
        return self.word("comma").join(found)

    def phrases(self, found: Iterable[str]) -> str:
        """Parts of a sentence in a row."""
        return self.word("semicolon").join(found)

    def within(self, text: str, remark: str) -> str:
        """A text with a remark in brackets."""
        return f"{text}{self.word('brackets', remark=remark)}" if remark else text

    def step(self, attempt: Attempt) -> str:
        """What an attempt did, and where there are several hosts, on which."""
        action = self.clean(attempt.action, 40)
        if self.summary.hosts < 2 or not attempt.observer:
            return action
        return self.word("on_host", action=action, host=self.clean(attempt.observer, 40))

    def cause(self, incident: Incident) -> str:
        """What an incident was, after whose fault it was where that is not the component's own."""
        return wording.blamed(self.said(incident.cause), incident.category, self.locale)

    def severity(self, severity: Severity | str) -> str:
        return wording.word(severity, self.locale)

    def span(self, seconds: float) -> str:
        """A length of time: `2 h 5 min`."""
        return translated(duration(seconds), self.locale)

    def exact(self, seconds: float) -> str:
        """The same to the second below an hour: budgets are small."""
        if not 60 <= seconds < 3600:
            return self.span(seconds)
        minutes, rest = divmod(round(seconds), 60)
        if not rest:
            return self.span(60 * minutes)
        return translated(Text("{m} min {s} s", m=minutes, s=rest), self.locale)

    def took(self, seconds: float | None) -> str:
        """A response time: whole milliseconds up to ten seconds."""
        if seconds is None:
            return "-"
        return f"{seconds * 1000:,.0f} {wording.word('unit_ms', self.locale)}" if seconds < 10 else self.span(seconds)

    def when(self, at: float) -> str:
        """A time of day; with its date where the report is of several days, or the moment not of its day; with the
        name of the zone's time where the clock changes in the period."""
        span = self.summary.period
        plain = span.first == span.last and span.start <= at <= span.end
        pattern = "%H:%M" if plain else "%m-%d %H:%M"
        if round(span.end - span.start) % round(_DAY):
            pattern += " %Z"
        return wording.local_time(at, self.summary.timezone, pattern)

    def percent(self, value: float | None) -> str:
        """A share in percent as shown."""
        return translated(percent(value), self.locale)

    def level(self, metric: str, value: float) -> str:
        """A figure of a host: percent, or bytes a second."""
        if metric.endswith("_percent"):
            return translated(plain.percent(round(value)), self.locale)
        from heartbeat_cli.domain.plain import size

        return self.word("per_second", size=size(value))


def percent(value: float | None) -> str:
    """A share as shown: never rounded up to 100."""
    if value is None:
        return "-"
    text = f"{value:.2f}"
    if text == "100.00":
        text = "100" if value >= 100 else "99.99"
    return Text("{n} %", n=text)
