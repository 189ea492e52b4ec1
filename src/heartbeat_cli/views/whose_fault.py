"""Whose fault it is, for the first lines of a message: the side at fault as far as it is known, and otherwise what
would tell. Used by `facts`; the sentences are in `sides`."""

import re
from collections.abc import Iterator
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.domain.alerting.alert import Alert, family, is_about_fault
from heartbeat_cli.domain.checking.result import FAILURES, SUCCESSES
from heartbeat_cli.domain.kinds import main_cause
from heartbeat_cli.domain.text import Text, plain
from heartbeat_cli.i18n.catalogs import word
from heartbeat_cli.views import cause_lines
from heartbeat_cli.views.fact_lines import as_list, cause_of, clock_time
from heartbeat_cli.views.sides import SIDES
from heartbeat_cli.views.voice import Voice

Names = dict[str, str]
Lines = dict[str, Any]

_ANSWER = re.compile(r"(?:\S+: )?HTTP (\d{3})\b")
_PASSED_ON = ("502", "504")  # what a proxy answers for something behind it
_REFUSED = re.compile(r"connection refused|refused by|nobody listens")
_HOST = re.compile(r"https?://(?:[^/@\s]*@)?(\[[^\]\s]+\]|[^/:\s]+)")


def of_alert(alert: Alert, voice: Voice) -> Lines:
    """`whose`: a finished line; "" where the alert is about no fault of a component. `own_words`: whether a plug-in
    describes this kind of fault itself."""
    own = plugins.own_words(str(alert.details.get("kind", "")))[0]
    return {"whose": _line(alert, voice) if is_about_fault(alert) else "", "own_words": bool(own)}


def _line(alert: Alert, voice: Voice) -> str:
    names = _names(alert, voice)
    for topic in _topics(alert, voice, names):
        if topic in SIDES:
            said = word(SIDES[topic], voice.locale, **names)
            return voice.said(Text("Whose fault: {side}", side=voice.clean(said, 400)), 500)
    return ""


def _topics(alert: Alert, voice: Voice, names: Names) -> Iterator[str]:
    """Which sentences fit, the most telling first; `names` are completed by what they say."""
    details, kind = alert.details, str(alert.details.get("kind", ""))
    category = str(details.get("category") or "process")
    if cause_lines.was_stopped(alert):
        yield "stopped"
    if host := as_list(details.get("host_fault"))[:2]:
        names["host"], names["seen"] = voice.clean(str(host[0]), 60), voice.said(str(host[-1]), 80)
        yield "host_fault"
    if names["parent"] and names["at"]:
        yield from (f"{details.get('waited_kind')}_back", "parent_back")
    special, more = cause_lines.topic(alert, voice)
    names |= more
    yield from (special.removesuffix("_all"), *_by_votes(alert, voice, names))
    if category != "process":
        yield from (f"{kind}_{category}", f"category_{category}")
    if kind == "docker" and main_cause.was_killed(details.get("evidence")):
        yield "killed"
    yield from _by_answer(alert)
    yield from (kind, "itself")


def _by_votes(alert: Alert, voice: Voice, names: Names) -> Iterator[str]:
    """What hosts that see different things prove: that an address can be reached, or that some cannot reach it."""
    rows = [row for row in as_list(alert.details.get("votes")) if isinstance(row, list | tuple) and len(row) >= 3]
    failing, well = ([row for row in rows if row[1] in which] for which in (FAILURES, SUCCESSES))
    answered = [row[0] for row in failing if row[1] == "unhealthy" and _ANSWER.match(plain(str(row[2])))]
    comma = voice.word("names_comma").join
    names["others"] = comma(voice.clean(str(row[0]), 60) for row in failing[:3])
    if answered and any(row[1] == "error" for row in rows):
        names["others"] = voice.clean(str(answered[0]), 60)
        yield "reached"
    if well and failing and all(row[1] == "error" for row in failing):
        names["well"] = comma(voice.clean(str(row[0]), 60) for row in well[:3])
        yield "some_reach"


def _by_answer(alert: Alert) -> Iterator[str]:
    """By what its check got: an answer, a refusal, or nothing at all."""
    cause = plain(cause_of(alert))
    if found := _ANSWER.match(cause):
        yield "passed_on" if found[1] in _PASSED_ON else "answered"
    elif _REFUSED.search(cause):
        yield "refused"
    elif alert.details.get("unreached") is True and alert.details.get("local") is not True:
        yield "unreached"


def _names(alert: Alert, voice: Voice) -> Names:
    """What the sentences may name."""
    details: Any = alert.details
    found = _HOST.match(str(details.get("address") or ""))
    name = voice.clean(str(details.get("name") or alert.component), 60)
    return {
        "name": name,
        "id": voice.clean(alert.component, 60),
        "observer": voice.clean(str(details.get("observer") or voice.word("this_host")), 60),
        "provider": voice.clean(found[1], 100) if found else name,
        "parent": voice.clean(str(details.get("waited_for") or ""), 60) if family(alert.type) == "down" else "",
        "at": clock_time(details.get("waited_until"), alert, voice),
        "host": "",
        "seen": "",
        "well": "",
        "others": "",
    }
