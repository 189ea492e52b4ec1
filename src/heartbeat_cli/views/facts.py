"""What a message's template may say, as names and values: harmless, redacted, bounded, in the reader's language.

`of_alert` and `digest.of_digest` are the only way from an alert into a template; docs/recipes/reword-messages.md lists
the names.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.domain.alerting.alert import HANDOFFS, SOUNDLESS, Alert, family
from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.kinds import missing_module
from heartbeat_cli.domain.kinds.docker_host import FORBIDDEN, IN_TIME
from heartbeat_cli.domain.text import Text
from heartbeat_cli.views import (
    answers,
    attempts,
    by_host,
    cause_lines,
    closing,
    fact_lines,
    headline,
    other_faults,
    whose_fault,
)
from heartbeat_cli.views.answers import shell_word
from heartbeat_cli.views.fact_lines import moment, number
from heartbeat_cli.views.voice import Voice
from heartbeat_cli.views.wording import description, local_time, recommendations, told

Values = dict[str, Any]

EVIDENCE, _PIECES = 1_000, 10  # characters of one piece (as many as the end of a log has), and pieces
_TEXT_LINES = 2_000
_SENTENCE = 500  # characters of what a plug-in says of its kind
_NEUTRAL = ("report", "test", "button", *SOUNDLESS)  # types that are neither good nor bad news
_PAST = ("missed_runs",)  # types about what is over already
_OPEN_END = ("observed_again",)  # ends that say nothing of the state
_RED, _YELLOW, GREEN, _BLUE = "🔴", "🟡", "🟢", "🔵"


def of_alert(alert: Alert, voice: Voice) -> Values:
    """Everything a template may use about one alert."""
    details, ends = alert.details, family(alert.type) == "over"
    known = alert.incident or alert.type == "missed_runs"
    started, ended = (number(details.get(key)) if known else None for key in ("started", "ended"))
    text = details.get("text")
    tried, cause = attempts.of_alert(alert, voice), voice.said(_text(details.get("cause")))
    return {
        "mark": mark(alert),
        **headline.heading(headline.of_alert(alert, voice).title, [alert], voice),
        "label": voice.word("resolved") if ends else voice.severity(alert.severity),
        **_names(alert, voice),
        "severity": "" if ends or alert.type in _NEUTRAL else voice.severity(alert.severity),
        "at": local_time(alert.at, voice.timezone),
        "timezone": voice.timezone,
        "since": "" if started is None else moment(started, alert.at, voice.timezone),
        "until": "" if ended is None else moment(ended, alert.at, voice.timezone),
        "lasting": "" if started is None else voice.span(max(0.0, (ended or alert.at) - started)),
        "description": _description(alert, voice),
        "category": _category(alert, voice),
        "said": cause,
        "cause": cause,
        "remedy": "" if ends else _remedy(alert, voice),
        "last": _last(alert, voice),
        "reason": "" if alert.reason in (details.get("cause"), details.get("recovery")) else voice.said(alert.reason),
        "attempts": tried,
        "recovery": "" if details.get("ask") else sentence(voice.said(_text(details.get("recovery")))),
        "healed": attempts.healed(alert, tried, voice),
        "ask": answers.by_hand(alert) if details.get("ask") else "",
        "also": [voice.clean(str(one), 60) for one in _list(details.get("also"))],
        "held": [voice.clean(str(one), 60) for one in _list(details.get("held"))],
        "waited_for": voice.clean(_text(details.get("waited_for")), 60),
        "votes": _votes(alert, voice),
        "advice": _advice(alert, voice),
        "evidence": _evidence(alert, voice),
        "text": voice.block(str(text), 200_000).splitlines()[:_TEXT_LINES] if text is not None else [],
        **(fact_lines.of_alert(alert, voice) | other_faults.of_alert(alert, voice) | closing.of_alert(alert, voice)),
        **(cause_lines.of_alert(alert, voice) | whose_fault.of_alert(alert, voice) | by_host.of_alert(alert, voice)),
        **(_times(alert, voice) | answers.commands([alert])),
    }


def _names(alert: Alert, voice: Voice) -> Values:
    """What it is about, on which host, and which other host has sent it."""
    details, id_ = alert.details, alert.component
    observer = voice.clean(str(details.get("observer") or ""), 100)
    places = [voice.clean(one, 100) for one in headline.places(alert)]
    return {
        "host": headline.machines([alert], voice),
        "name": voice.clean(str(details.get("name") or id_), 100),
        "kind": str(details.get("kind", "")),
        "component": voice.clean(id_, 100),
        "target": voice.clean(str(details.get("target") or id_), 100),
        "type": alert.type,
        "observer": observer,
        "sender": observer if observer not in places else "",
    }


def _category(alert: Alert, voice: Voice) -> str:
    """Whose fault it is, in a word."""
    category = _text(alert.details.get("category"))
    return voice.named("category", voice.clean(category, 40)) if category else ""


def _remedy(alert: Alert, voice: Voice) -> str:
    """What could mend it, where recovery cannot."""
    remedy = _text(alert.details.get("remedy"))
    return voice.word(f"remedy_{remedy}") if remedy in ("wait", "person") and alert.details.get("cause") else ""


def _times(alert: Alert, voice: Voice) -> Values:
    """How many times it was down and for how long in all, and whether it flaps. A fault that has returned has no
    evidence and no description once more."""
    outages, down = (number(alert.details.get(key)) for key in ("outages", "down"))
    short: Values = {"description": "", "evidence": []}
    again = short if alert.details.get("again") is True else {}
    flaps = bool(alert.details.get("flapping"))
    return {"outages": round(outages or 1), "down": voice.span(down or 0.0), "flapping": flaps, **again}


def mark(alert: Alert) -> str:
    if alert.type in _OPEN_END:
        return _BLUE
    if family(alert.type) == "over":
        return GREEN
    if alert.type in _NEUTRAL:
        return _BLUE
    return _YELLOW if alert.severity == "low" or alert.type in _PAST else _RED


def _description(alert: Alert, voice: Voice) -> str:
    for topic in (_by_what_was_said(alert, ""), alert.type, family(alert.type)):
        if found := description(topic, voice.locale):
            return found
    if family(alert.type) != "down":
        return ""
    kind, category = str(alert.details.get("kind", "")), _text(alert.details.get("category"))
    special, _ = cause_lines.topic(alert, voice)
    for topic in (special, f"{kind}_{category}", f"category_{category}"):
        if found := description(topic, voice.locale):
            return found
    return description(kind, voice.locale) or voice.clean(plugins.own_words(kind)[0], _SENTENCE)


def _advice(alert: Alert, voice: Voice) -> list[str]:
    if family(alert.type) == "over":
        return []
    found, by_hand = _of_topic(alert, voice), answers.by_hand(alert)
    if found and by_hand and not any(by_hand in step for step in found):
        found += recommendations("by_hand", "", "", voice.locale, by_hand)
    if first := host_first(alert, voice):
        return [voice.clean(step) for step in [first, *_after_host(alert, voice), *found] if found]
    return [voice.clean(step) for step in [*_first(alert, voice), *found] if found]


def _of_topic(alert: Alert, voice: Voice) -> list[str]:
    """The advice of the first topic that has any; where a person may have a step taken, with the command for that."""
    details, id_ = alert.details, shell_word(alert.component)
    kind = str(details.get("kind", ""))
    target = shell_word(str(details.get("target") or alert.component))
    restart, observer = answers.restart(alert), _text(details.get("observer"))
    by_hand, unreached = answers.by_hand(alert), _unreached(alert, voice)
    restarts = bool(by_hand) or not details.get("restarts")
    own = family(alert.type) == "down" or alert.type in ("recovery_failed", "reminder", "escalated")
    category = _text(details.get("category"))
    general = "" if category == "process" else category  # that it is the process says no more than its kind does
    handoff = _text(details.get("handoff"))
    handoff = handoff if handoff in HANDOFFS[1:] else ""  # that recovery failed has the advice of the fault
    handoff = "recovery_held" if details.get("held_back") is True else handoff
    handoff = _by_what_was_said(alert, handoff) or handoff
    special, more = cause_lines.topic(alert, voice)
    for topic in (handoff, special, f"{kind}_{category}", general, alert.type, family(alert.type), kind if own else ""):
        if found := recommendations(
            topic, id_, target, voice.locale, restart, observer, unreached, restarts, by_hand, more
        ):
            return found
    if not own:
        return []
    said = [line.replace("{id}", id_) for line in plugins.own_words(kind)[1]]
    return said or recommendations("other_kind", id_, target, voice.locale, by_hand or restart)


def _by_what_was_said(alert: Alert, handoff: str) -> str:
    """The advice for what a sentence of ours says: a container that somebody stopped, a Docker daemon that hangs or
    takes nobody in."""
    if "recovery_held" in (handoff, alert.type) and cause_lines.was_stopped(alert):
        return "recovery_stopped"
    cause = _text(alert.details.get("cause")) if family(alert.type) == "unobserved" else ""
    known = {"docker_forbidden": FORBIDDEN, "docker_hangs": IN_TIME}
    return next((topic for topic, said in known.items() if cause.startswith(_begin(said))), "")


def _begin(said: Text) -> str:
    return said.template.partition("{")[0]


def host_first(alert: Alert, voice: Voice) -> str:
    """That a fault of the host it runs on comes before all else; "" where there is none."""
    host = _list(alert.details.get("host_fault"))
    if len(host) < 2 or family(alert.type) == "over":
        return ""
    name, cause = voice.clean(str(host[0]), 60), voice.said(str(host[1]), 80)
    line = Text("First: {name}, {cause}", name=name, cause=cause)
    if len(host) == 4:
        folder, size = voice.clean(str(host[2]), 160), voice.clean(str(host[3]), 20)
        line = Text("{line}: free space in {folder} ({size})", line=line, folder=folder, size=size)
    return voice.said(line)


def _after_host(alert: Alert, voice: Voice) -> list[str]:
    """What to do of the component itself once the fault of its host is mended: nothing but a step by hand helps it
    then, where recovery has come to its end."""
    if not _has_failed(alert):
        return []
    command = f"heartbeat recover --component {shell_word(alert.component)} --force"
    return [voice.said(Text("Then: {command}", command=command))]


def _first(alert: Alert, voice: Voice) -> list[str]:
    """What to do first of the component itself: where steps of recovery have failed and it has come to its end, or one
    did not hold, or where one is under way that may help."""
    if alert.details.get("again") is True and alert.details.get("repair"):
        topic = "failed_again_now" if alert.details.get("restarts") == "now" else "failed_again"
        return recommendations(topic, "", "", voice.locale)
    if alert.details.get("restarts") == "now":
        topic = "step_no_help" if alert.details.get("urgent") is True else "step_under_way"
        return recommendations(topic, "", "", voice.locale)
    if _has_failed(alert) and (module := missing_module.of(_text(alert.details.get("failed_with")))):
        return recommendations("module_missing", "", "", voice.locale, more={"module": module})
    topic = "failed_steps" if alert.details.get("evidence") else "failed_steps_alone"
    return recommendations(topic, "", "", voice.locale) if _has_failed(alert) else []


def _has_failed(alert: Alert) -> bool:
    """Whether recovery has come to its end with a step that failed."""
    ended = "recovery_failed" in (alert.type, alert.details.get("handoff"))
    tried = [row[1] for row in _list(alert.details.get("attempts")) if isinstance(row, list | tuple) and len(row) >= 3]
    return ended and any(outcome in ("failed", "refused") for outcome in tried)


def _votes(alert: Alert, voice: Voice) -> list[Values]:
    """Who sees what, of what several hosts look at."""
    rows = [row for row in _list(alert.details.get("votes")) if isinstance(row, list | tuple) and len(row) >= 3]
    return [
        {
            "host": voice.clean(str(host), 60),
            "status": voice.word(voice.clean(str(status), 20)),
            "said": voice.said(str(error), 120),
            "at": "" if (at := number(seen[0] if seen else None)) is None else moment(at, alert.at, voice.timezone),
            "fails": status in FAILURES,
            "unknown": status == "unknown",
        }
        for host, status, error, *seen in rows[:_PIECES]
    ]


def _unreached(alert: Alert, voice: Voice) -> str:
    """The hosts that got no answer over a network; "" where none is known to have got none."""
    if alert.details.get("local") is True:
        return ""
    rows = [row for row in _list(alert.details.get("votes")) if isinstance(row, list | tuple) and len(row) >= 3]
    own = [alert.details.get("observer")] if alert.details.get("unreached") is True and not rows else []
    return voice.word("names_comma").join(
        [voice.clean(str(host), 60) for host in own or [row[0] for row in rows[:_PIECES] if row[1] == "error"]]
    )


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
        (voice.label(str(label)), voice.block(told(str(text), voice.locale, voice.timezone), EVIDENCE))
        for label, text in pieces
    ]
    return [(label, text) for label, text in shown if text]


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
