"""An alert as a message: what broke, since when, what heartbeat did, what to do now. Redacted, escaped, bounded."""

from collections.abc import Iterable
from html import escape

from heartbeat_cli.domain.alert import Alert
from heartbeat_cli.domain.message import Message
from heartbeat_cli.domain.plain import bounded, duration
from heartbeat_cli.redact import redact
from heartbeat_cli.views.wording import description, local_time, recommendations, word

_EVIDENCE = 600  # characters of one piece of evidence in a message; the store keeps more

Section = tuple[str, list[str]]  # a heading ("" for none) and its lines


def message(alert: Alert, locale: str, timezone: str, secrets: Iterable[str]) -> Message:
    """The finished message of an alert, the same each time it is made."""
    if alert.type == "report":
        return _report(alert)
    secrets = list(secrets)
    sections = [(head, [redact(line, secrets) for line in lines]) for head, lines in _sections(alert, locale, timezone)]
    title = redact(alert.title, secrets)
    return Message(
        id=alert.id,
        type=alert.type,
        severity=alert.severity,
        title=title,
        text="\n\n".join(_plain(head, lines) for head, lines in sections),
        html=f"<b>{escape(title)}</b>\n\n" + "\n\n".join(_html(head, lines) for head, lines in sections),
        component=alert.component,
        at=alert.at,
        thread=alert.incident,
    )


def _report(alert: Alert) -> Message:
    """A report was worded, redacted and escaped when it was made: see views/report.py."""
    text, brief, page = (str(alert.details.get(key, "")) for key in ("text", "brief", "page"))
    html = f"<b>{escape(alert.title)}</b>\n\n{escape(brief or text)}"
    return Message(alert.id, "report", alert.severity, alert.title, text, html, alert.component, alert.at, page=page)


def trial(channel: str, locale: str, now: float) -> Message:
    """What `notify --test` sends."""
    title, text = word("test_title", locale), word("test_text", locale)
    html = f"<b>{escape(title)}</b>\n{escape(text)}"
    return Message(f"test/{channel}/{round(now)}", "test", "low", title, text, html, "heartbeat", now)


def _sections(alert: Alert, locale: str, timezone: str) -> list[Section]:
    kind = str(alert.details.get("kind", ""))
    down = alert.type.endswith("_down") or alert.type == "recovery_failed"
    topic = "slow" if alert.type.endswith("_slow") else kind if down else ""
    target = str(alert.details.get("target") or alert.component)
    steps = recommendations(topic, alert.component, target, locale) if topic else []
    sections = [
        ("", [description(kind, locale)] if alert.type.endswith("_down") else []),
        ("", _facts(alert, locale, timezone)),
        (word("tried", locale), _tried(alert, locale)),
        (word("evidence", locale), _evidence(alert)),
        (word("recommendations", locale), [f"{n}. {step}" for n, step in enumerate(steps, 1)]),
    ]
    return [section for section in sections if section[1]]


def _facts(alert: Alert, locale: str, timezone: str) -> list[str]:
    started = alert.details.get("started")
    facts = [
        ("component", alert.component),
        ("observer", alert.details.get("observer") or ""),
        ("severity", word(alert.severity, locale)),
        ("cause", alert.details.get("cause") or ""),
        ("since", local_time(started, timezone) if started and alert.incident else ""),
        ("lasted", duration(alert.at - started) if started and alert.type == "recovered" else ""),
        ("time", f"{local_time(alert.at, timezone)} ({timezone})"),
        ("decision", alert.reason),
    ]
    return [f"{word(key, locale)}: {value}" for key, value in facts if value]


def _tried(alert: Alert, locale: str) -> list[str]:
    if alert.details.get("ask"):
        return [word("waits_for_you", locale, id=alert.component)]
    tried = alert.details.get("attempts") or []
    return [
        f"{n}. {action}: {word(outcome, locale)} - {detail}" for n, (action, outcome, detail) in enumerate(tried, 1)
    ]


def _evidence(alert: Alert) -> list[str]:
    found = alert.details.get("evidence") or {}
    return [f"{label}: {bounded(str(text), _EVIDENCE).strip()}" for label, text in found.items()]


def _plain(head: str, lines: list[str]) -> str:
    return "\n".join([f"{head}:", *lines] if head else lines)


def _html(head: str, lines: list[str]) -> str:
    body = "\n".join(escape(line) for line in lines)
    return f"<b>{escape(head)}</b>\n{body}" if head else body
