"""Alerts as messages: templates/alert.*.j2 filled with what is known. Redacted, escaped, bounded.

The first template found words an alert (the user's folder is searched before heartbeat's own, each time):

    alert.agent_down.en.j2, alert.agent_down.j2     this type, in this language or in all of them
    alert.down.en.j2, alert.down.j2                 its family: down, slow, degraded, unobserved, over (what ends one)
    alert.en.j2, alert.j2                           everything else

One template gives both forms: it writes the little HTML that Telegram and mail share, the plain text is the same
without the tags. The first bold text is the title, which is a mail's subject. The user's side:
docs/recipes/reword-messages.md.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.alerting.alert import Alert, family, with_outcome, without_past
from heartbeat_cli.domain.alerting.markup import parse, render
from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.alerting.telegram_text import LIMIT, units
from heartbeat_cli.domain.component import Severity
from heartbeat_cli.domain.html_signs import escape
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.errors import HeartbeatError
from heartbeat_cli.views import digest as digests
from heartbeat_cli.views import facts, headline, templates
from heartbeat_cli.views.voice import Voice

_TITLE = 200  # characters
_PRE = re.compile(r"(<pre>.*?</pre>)", re.S)
_EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


def message(
    alert: Alert, locale: str, timezone: str, secrets: Iterable[str], remark: str = "", own: str | None = None
) -> Message:
    """The finished message of an alert, the same each time it is made. `own` is the folder with the user's templates,
    `remark` a line at its end (what the delivery has to say)."""
    if alert.type == "report" and "page" in alert.details:
        return _report(alert)
    voice = Voice(locale, timezone, tuple(secrets), alert.at)
    values = facts.of_alert(alert, voice) | {"remark": voice.said(remark)}
    title, text, html = _filled([alert.type, family(alert.type)], values, voice, own)
    return Message(
        id=alert.id,
        type=alert.type,
        severity=alert.severity,
        title=title,
        text=text,
        html=html,
        component=alert.component,
        at=alert.at,
        thread=alert.incident,
        label=values["label"],
        subject=_subject(title, values, headline.of_alert(alert, voice).subject),
    )


def _subject(title: str, values: Mapping[str, Any], own: str) -> str:
    """The subject for a title: that of the user's own template stands in it as it is."""
    return one_line(own if title == values["title"] else headline.with_machine(title, values["host"]), _TITLE)


def _report(alert: Alert) -> Message:
    """A report was worded, redacted and escaped when it was made: see views/report.py."""
    text, brief, page = (str(alert.details.get(key, "")) for key in ("text", "brief", "page"))
    html = f"<b>{escape(alert.title)}</b>\n\n{escape(brief or text)}"
    return Message(alert.id, "report", alert.severity, alert.title, text, html, alert.component, alert.at, page=page)


def digest(
    alerts: Sequence[Alert],
    locale: str,
    timezone: str,
    secrets: Iterable[str],
    *,
    id: str,
    remark: str = "",
    own: str | None = None,
) -> Message:
    """Several alerts in one message: what began, worst first, then what ended. One that would be too long for Telegram
    loses evidence first, then advice, then causes, never the name of what happened."""
    alerts = with_outcome(without_past(alerts))
    if len(alerts) == 1:
        return message(alerts[0], locale, timezone, secrets, remark, own)._replace(id=id)
    at = max(alert.at for alert in alerts)
    voice = Voice(locale, timezone, tuple(secrets), at)
    said = {one.id: facts.of_alert(one, voice) for one in alerts}
    for detail in digests.DETAILS:
        values = digests.of_digest(alerts, said, voice, detail) | {"remark": voice.said(remark)}
        title, text, html = _filled(["digest"], values, voice, own)
        if units(f"{title}{text}") < LIMIT - 8:
            break
    severity: Severity = digests.worst(alerts)
    subject = _subject(title, values, values["subject"])
    return Message(id, "digest", severity, title, text, html, "heartbeat", at, label=values["label"], subject=subject)


def prepare(locale: str, own: str | None) -> None:
    """Have what a message of a fault is made of ready."""
    templates.prepare(_files(["down"], locale), own)


def _files(names: Iterable[str], locale: str) -> list[str]:
    """The templates that may word an alert: the more exact ones first, of each that of the language first."""
    heads = [*(f"alert.{name}" for name in names if name), "alert"]
    return [f"{head}{language}.j2" for head in heads for language in (f".{locale}", "")]


def _filled(names: Iterable[str], values: Mapping[str, Any], voice: Voice, own: str | None) -> tuple[str, str, str]:
    """Title, plain text and HTML. The user's own template may be broken: then heartbeat's says what there is to say."""
    files = _files(names, voice.locale)
    values = {**values, "_": voice.phrase, "locale": voice.locale}
    if own is None:
        return _parted(templates.first(files, values), values)
    try:
        found = _parted(templates.first(files, values, own), values)
        if found[0]:
            return found
        raise HeartbeatError(f"template {templates.found(files, own)} gives an empty message")
    except HeartbeatError as error:
        remark = "\n".join(filter(None, [values["remark"], voice.said(str(error))]))
        return _parted(templates.first(files, {**values, "remark": remark}), values)


def _parted(html: str, values: Mapping[str, Any]) -> tuple[str, str, str]:
    """What a template gave, made well-formed, and its title taken off the plain text."""
    runs = parse(_tidy(html))
    plain = "".join(run.text for run in runs)
    head = runs[0].text if runs and "b" in runs[0].tags else plain.partition("\n")[0]
    title = head.strip().removeprefix(str(values["mark"])).strip()
    title = one_line(title.removeprefix(headline.with_machine("", values["host"])), _TITLE)
    return title, plain[len(head) :].strip(), render(runs)


def _tidy(html: str) -> str:
    """One empty line, not many, where a block of a template was empty; evidence stays as it is."""
    parts = _PRE.split(html.strip())
    return "".join(part if part.startswith("<pre>") else _EMPTY_LINES.sub("\n\n", part) for part in parts)
