"""How a page speaks: words, times and spans in one locale, zone and moment; foreign text redacted and made one line."""

import re
from typing import Any

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain import plain
from heartbeat_cli.domain.category import Failure
from heartbeat_cli.domain.html_signs import escape
from heartbeat_cli.domain.plain import bounded, duration, one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.i18n import catalogs
from heartbeat_cli.i18n.catalogs import translated
from heartbeat_cli.redact import redact
from heartbeat_cli.views import wording
from heartbeat_cli.views.rows import iso
from heartbeat_cli.views.wording import local_time, word

_GAP = re.compile("(?<=[）」。，：；]) (?=[\u4e00-\u9fff（「])")


class _Html(str):
    """What a template shows as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


class Moment(Record):
    """A point in time for a `<time>`: as shown, in full, for programs, and how long ago."""

    shown: str
    full: str
    iso: str
    ago: str
    lasting: str


class Voice(Record):
    """Everything wording depends on."""

    locale: str
    timezone: str
    secrets: tuple[str, ...]
    now: float

    def word(self, key: str, **values: Any) -> str:
        return word(key, self.locale, **values)

    def named(self, prefix: str, name: str) -> str:
        """The word `prefix_name`, or the name itself where the catalogue has none."""
        key = f"{prefix}_{name}"
        found = self.word(key)
        return name if found == key else found

    def clean(self, text: str | None, limit: int = 300) -> str:
        """What somebody else said, fit to be shown."""
        return one_line(redact(one_line(text, 20_000), self.secrets), limit) if text else ""

    def said(self, text: str, limit: int = 400) -> str:
        """A line of heartbeat's own (a cause, a reason), in the reader's language; what others said in it stays."""
        return self._spaced(self.clean(wording.told(text, self.locale, self.timezone), limit))

    def blamed(self, said: str, failure: Failure | None) -> str:
        """What was seen, after whose fault it is where that is not the component's own."""
        return wording.blamed(said, failure.category if failure else "", self.locale)

    def severity(self, severity: str) -> str:
        """A severity that stands by itself: `severity: high`."""
        return self.word("severity_is", severity=self.word(severity))

    def phrase(self, message: str, context: str = "", **values: Any) -> Any:
        """A message of a template, which may hold HTML; what is put into it is escaped."""
        text = catalogs.word(catalogs.N_(message, context), self.locale)
        return _Html(self._spaced(text.format(**{name: escape(str(value)) for name, value in values.items()})))

    def _spaced(self, line: str) -> str:
        """A line of Chinese without the half-width space that a value leaves beside a full-width sign."""
        return _GAP.sub("", line) if self.locale.startswith("zh") else line

    def label(self, text: str) -> str:
        """How a piece of evidence is called; a label of somebody else's stays."""
        return self.clean(catalogs.word(text, self.locale), 60)

    def block(self, text: str, limit: int) -> str:
        """What somebody else said in several lines, its end cut. Cleaned before it is redacted, lest a secret hide
        behind a sign that is not shown, and redacted before it is cut, lest half of one be left."""
        return bounded(redact(bounded(text, max(4 * limit, 20_000)), self.secrets), limit).strip()

    def span(self, seconds: float) -> str:
        """A length of time: `2 h 5 min`."""
        return translated(duration(seconds), self.locale)

    def took(self, seconds: float | None) -> str:
        """A response time: milliseconds up to a second."""
        if seconds is None:
            return "-"
        return f"{seconds * 1000:.0f} {self.named('unit', 'ms')}" if seconds < 1 else self.span(seconds)

    def percent(self, share: float | None) -> str:
        """A share (0 to 1) in percent, never rounded up."""
        return translated(percent(share), self.locale)

    def level(self, value: float) -> str:
        """A figure of a host in percent, rounded."""
        return translated(plain.percent(round(value)), self.locale)

    def moment(self, at: float) -> Moment:
        ago = max(0.0, self.now - at)
        pattern = "%H:%M" if ago < 20 * 3600 else "%m-%d %H:%M"
        return Moment(
            local_time(at, self.timezone, pattern),
            local_time(at, self.timezone),
            iso(at) or "",
            self.word("ago", span=self.span(ago)),
            self.word("lasting", span=self.span(ago)),
        )

    def day(self, at: float) -> str:
        """The local date of a moment."""
        return local_time(at, self.timezone, "%Y-%m-%d")


def of(config: Config, now: float) -> Voice:
    """The voice a configuration asks for."""
    return Voice(config.heartbeat.locale, config.timezone, tuple(config.secrets), now)


def percent(share: float | None) -> str:
    """A share as per cent, never rounded up: what is shown as `100 %` had no exception at all."""
    if share is None:
        return "-"
    text = f"{int(share * 10_000 + 1e-6) / 100:.2f}"
    return Text("{n} %", n="100" if text == "100.00" else text)
