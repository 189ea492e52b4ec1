"""What a message's template may say, as names and values: harmless, redacted, bounded, in the reader's language.

`of_alert` and `of_digest` are the only way from an alert into a template; docs/recipes/reword-messages.md lists the
names.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from heartbeat_cli.domain.alerting.alert import Alert, family, over
from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.component import Severity, severity_rank
from heartbeat_cli.domain.plain import bounded
from heartbeat_cli.views import answers
from heartbeat_cli.views.answers import shell_word
from heartbeat_cli.views.voice import Voice
from heartbeat_cli.views.wording import blamed, description, local_time, recommendations, told

Values = dict[str, Any]

_EVIDENCE, _PIECES = 1_000, 10  # characters of one piece (as many as the end of a log has), and pieces
_TRIED = 6  # attempts that are listed, the last ones
_TEXT_LINES = 2_000
_NEUTRAL = ("report", "test", "button")  # types that are neither good nor bad news
_LATEST = 2e11  # seconds since the epoch that are still a date
_RED, _YELLOW, _GREEN, _BLUE = "🔴", "🟡", "🟢", "🔵"


class Detail(NamedTuple):
    """How much of each alert a digest holds: evidence pieces, advice lines, characters of the cause; `short`: names;
    `piece`: characters of a piece of evidence."""

    evidence: int
    advice: int
    cause: int
    short: bool = False
    piece: int = _EVIDENCE


DETAILS = (
    *(Detail(2, 2, 300), Detail(2, 2, 300, piece=600), Detail(0, 2, 300)),
    *(Detail(0, 0, 300), Detail(0, 0, 60), Detail(0, 0, 0, short=True)),
)


def worst(alerts: Sequence[Alert]) -> Severity:
    """The gravest severity among what began; what is over is never grave."""
    gone = over(alerts)
    began = [alert.severity for alert in alerts if family(alert.type) != "over" and alert.incident not in gone]
    return max(began, key=severity_rank, default="low")


def of_alert(alert: Alert, voice: Voice) -> Values:
    """Everything a template may use about one alert."""
    details, ends = alert.details, family(alert.type) == "over"
    known = alert.incident or alert.type == "missed_runs"
    started, ended = (_number(details.get(key)) if known else None for key in ("started", "ended"))
    text = details.get("text")
    tried, cause = _tried(alert, voice), voice.said(_text(details.get("cause")))
    return {
        "mark": _mark(alert),
        "title": voice.clean(alert.title, 200),
        "label": voice.word("resolved") if ends else voice.word(alert.severity),
        "type": alert.type,
        "kind": str(details.get("kind", "")),
        "component": voice.clean(alert.component, 100),
        "target": voice.clean(str(details.get("target") or alert.component), 100),
        "observer": voice.clean(str(details.get("observer") or ""), 100),
        "severity": "" if ends or alert.type in _NEUTRAL else voice.word(alert.severity),
        "at": local_time(alert.at, voice.timezone),
        "timezone": voice.timezone,
        "since": "" if started is None else moment(started, alert.at, voice.timezone),
        "until": "" if ended is None else moment(ended, alert.at, voice.timezone),
        "lasting": "" if started is None else voice.span(max(0.0, (ended or alert.at) - started)),
        "description": _description(alert, voice),
        "cause": blamed(cause, _text(details.get("category")), voice.locale),
        "remedy": "" if ends else _remedy(alert, voice),
        "last": _last(alert, voice),
        "flapping": bool(details.get("flapping")),
        "reason": "" if alert.reason == details.get("cause") else voice.said(alert.reason),
        "attempts": tried,
        "recovery": "" if details.get("ask") else _sentence(voice.said(_text(details.get("recovery")))),
        "healed": _healed(alert, tried),
        "ask": f"heartbeat recover --component {shell_word(alert.component)}" if details.get("ask") else "",
        "held": [voice.clean(str(one), 60) for one in _list(details.get("held"))],
        "waited_for": voice.clean(_text(details.get("waited_for")), 60),
        "votes": _votes(alert, voice),
        "advice": _advice(alert, voice),
        "evidence": _evidence(alert, voice),
        "text": voice.block(str(text), 200_000).splitlines()[:_TEXT_LINES] if text is not None else [],
        **(_times(alert, voice) | answers.commands([alert])),
    }


def _remedy(alert: Alert, voice: Voice) -> str:
    """What could mend it, where recovery cannot."""
    remedy = _text(alert.details.get("remedy"))
    return voice.word(f"remedy_{remedy}") if remedy in ("wait", "person") and alert.details.get("cause") else ""


def _times(alert: Alert, voice: Voice) -> Values:
    """How many times it was down and for how long in all. A fault that has returned is one more line, not all of it
    again."""
    outages, down = (_number(alert.details.get(key)) for key in ("outages", "down"))
    short: Values = {"description": "", "advice": [], "evidence": []}
    again = short if alert.details.get("again") is True else {}
    return {"outages": round(outages or 1), "down": voice.span(down or 0.0), **again}


def of_digest(alerts: Sequence[Alert], said: Mapping[str, Values], voice: Voice, detail: Detail) -> Values:
    """Several alerts for one template: `begun`, worst first, and `ended`, each a dictionary as of `of_alert` (which is
    in `said`, by id), and `whole` where both stand in this message: then its end says all."""
    whole = over(alerts) & {one.incident for one in alerts if family(one.type) != "over"}
    begun = sorted(
        (one for one in alerts if family(one.type) != "over"),
        key=lambda one: (-severity_rank(one.severity), _number(one.details.get("started")) or one.at),
    )
    ended = [one for one in alerts if family(one.type) == "over"]
    lasting = [one for one in begun if one.incident not in whole]

    def shown(one: Alert) -> Values:
        return _shortened(said[one.id], detail) | {"whole": one.incident in whole}

    return {
        "mark": _mark(lasting[0]) if lasting else _GREEN,
        "title": _past(ended[0], voice) if _is_one(alerts, whole) else _headline(alerts, lasting, ended, voice),
        "label": voice.word(worst(lasting)) if lasting else voice.word("resolved"),
        "begun": [] if detail.short else [shown(one) for one in begun],
        "ended": [] if detail.short else [shown(one) for one in ended],
        "names": _names([*lasting, *ended], voice) if detail.short else [],
        **answers.commands(lasting if detail.evidence else ()),
        "at": local_time(voice.now, voice.timezone),
        "timezone": voice.timezone,
    }


def _shortened(values: Values, detail: Detail) -> Values:
    cause = values["cause"]
    return values | {
        "evidence": [(label, bounded(text, detail.piece)) for label, text in values["evidence"][: detail.evidence]],
        "advice": values["advice"][: detail.advice],
        "cause": cause if len(cause) <= detail.cause else cause[: detail.cause - 1] + "…",
        "recovery": values["recovery"] if detail.advice else "",
    }


def _is_one(alerts: Sequence[Alert], whole: Collection[str]) -> bool:
    """Whether all of a message is one incident that is over."""
    return len(whole) == 1 and {one.incident for one in alerts} == set(whole)


def _past(end: Alert, voice: Voice) -> str:
    """The title of what came to its end before it could be delivered: from when to when it was."""
    started, ended = (_number(end.details.get(key)) or end.at for key in ("started", "ended"))
    since, until = (moment(at, end.at, voice.timezone) for at in (started, ended))
    return voice.word("digest_past", title=voice.clean(end.title, 120), since=since, until=until)


def _headline(alerts: Sequence[Alert], begun: Sequence[Alert], ended: Sequence[Alert], voice: Voice) -> str:
    """How many began and ended, by what the message holds, and how many are in fault by the newest alert, unless these
    are the same."""
    words = [voice.word("digest_begun", count=len(begun))] if begun else []
    words += [voice.word("digest_ended", count=len(ended))] if ended else []
    for alert in sorted(alerts, key=lambda one: one.at, reverse=True):
        count, total = (_number(alert.details.get(key)) for key in ("in_fault", "watched"))
        if count is not None and total:
            key = "digest_in_fault" if count else "digest_well"
            state = voice.word(key, count=round(count), total=round(total))
            words = [state] if count == len(begun) and not ended else [*words, state]
            break
    return voice.word("comma").join(words)


def _names(alerts: Sequence[Alert], voice: Voice) -> list[str]:
    """Every title, many on a line, but no line so long that a channel would cut it."""
    lines = [""]
    for alert in alerts:
        one = f"{_mark(alert)} {voice.clean(alert.title, 60)}"
        if lines[-1] and len(lines[-1]) + len(one) > 150:
            lines.append("")
        lines[-1] += f" {one}" if lines[-1] else one
    return lines


def moment(at: float, now: float, timezone: str) -> str:
    """A moment as short as it may be: the time of a day that is this one."""
    shown = local_time(at, timezone)
    return shown[11:] if shown[:10] == local_time(now, timezone)[:10] else shown[:16]


def _mark(alert: Alert) -> str:
    if family(alert.type) == "over":
        return _GREEN
    if alert.type in _NEUTRAL:
        return _BLUE
    return _YELLOW if alert.severity == "low" else _RED


def _description(alert: Alert, voice: Voice) -> str:
    for topic in (alert.type, family(alert.type)):
        if found := description(topic, voice.locale):
            return found
    return description(str(alert.details.get("kind", "")), voice.locale) if family(alert.type) == "down" else ""


def _advice(alert: Alert, voice: Voice) -> list[str]:
    if family(alert.type) == "over":
        return []
    kind = str(alert.details.get("kind", ""))
    target = shell_word(str(alert.details.get("target") or alert.component))
    restart, observer = (_text(alert.details.get(key)) for key in ("restart", "observer"))
    local = alert.details.get("local") is True
    own = family(alert.type) == "down" or alert.type in ("recovery_failed", "reminder", "escalated")
    category = _text(alert.details.get("category"))
    general = "" if category == "process" else category  # that it is the process says no more than its kind does
    for topic in (f"{kind}_{category}", general, alert.type, family(alert.type), kind if own else ""):
        if found := recommendations(topic, shell_word(alert.component), target, voice.locale, restart, observer, local):
            return [voice.clean(step) for step in found]
    return []


def _tried(alert: Alert, voice: Voice) -> list[Values]:
    rows = [row for row in _list(alert.details.get("attempts")) if isinstance(row, list | tuple) and len(row) >= 3]
    return [
        {
            "number": number,
            "action": _where(voice.clean(str(action), 60), voice.clean(str(host[0]), 60) if host else "", voice),
            "outcome": voice.word(voice.clean(str(outcome), 60)),
            "done": outcome in ("done", "working", "cut off"),
            "detail": voice.said(str(detail)),
        }
        for number, (action, outcome, detail, *host) in list(enumerate(rows, 1))[-_TRIED:]
    ]


def _where(action: str, host: str, voice: Voice) -> str:
    """A step and the host that took it, where there are several."""
    return voice.word("on_host", action=action, host=host) if host else action


def _votes(alert: Alert, voice: Voice) -> list[Values]:
    """Who sees what, of what several hosts look at."""
    rows = [row for row in _list(alert.details.get("votes")) if isinstance(row, list | tuple) and len(row) >= 3]
    return [
        {
            "host": voice.clean(str(host), 60),
            "status": voice.word(voice.clean(str(status), 20)),
            "said": voice.said(str(error), 120),
            "fails": status in FAILURES,
            "unknown": status == "unknown",
        }
        for host, status, error, *_ in rows[:_PIECES]
    ]


def _healed(alert: Alert, tried: Sequence[Values]) -> str:
    """What made it well, as far as is known: the last step that was taken, else nothing: it came back by itself."""
    done = [one for one in tried if one["done"]] if alert.type == "recovered" else []
    return f"{done[-1]['action']}: {done[-1]['detail']}" if done else ""


def _last(alert: Alert, voice: Voice) -> str:
    """What the newest look saw, where the alert says that and it is not what was seen first."""
    last = _list(alert.details.get("last"))
    if len(last) < 2 or not last[1] or last[1] == alert.details.get("cause"):
        return ""
    return voice.said(str(last[1]))


def _evidence(alert: Alert, voice: Voice) -> list[tuple[str, str]]:
    found = alert.details.get("evidence")
    pieces = list(found.items())[:_PIECES] if isinstance(found, Mapping) else []
    shown = [
        (voice.label(str(label)), voice.block(told(str(text), voice.locale, voice.timezone), _EVIDENCE))
        for label, text in pieces
    ]
    return [(label, text) for label, text in shown if text]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _number(value: object) -> float | None:
    """A count or a moment as details hold it; None for what can be neither."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LATEST
    return float(value) if known else None  # type: ignore[arg-type]
