"""Lines of a message about what surrounds a fault: other components, other hosts, times, addresses. Used by `facts`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.alerting.alert import Alert, family, is_about_fault
from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.text import Text
from heartbeat_cli.views.answers import has_no_incident
from heartbeat_cli.views.voice import Voice
from heartbeat_cli.views.wording import local_time

Lines = dict[str, Any]

_LATEST = 2e11  # seconds since the epoch that are still a date


def of_alert(alert: Alert, voice: Voice) -> Lines:
    """The names that `facts.of_alert` adds to its own, each a finished line or ""."""
    details = alert.details
    return {
        "counted": _counted(alert, voice),
        "also_since": _neighbours(alert, voice),
        "likely": _likely(alert, voice),
        "unseen": _unseen(alert, voice),
        "renews": _renews(alert, voice),
        "address": _address(alert, voice),
        "relapse": _relapse(alert, voice),
        "follow": _follow(alert, voice),
        "waited_until": _at(details.get("waited_until"), alert, voice),
        "unanswerable": voice.said(Text("No reminders follow, so there is nothing to acknowledge."))
        if has_no_incident(alert)
        else "",
    }


def moment(at: float, now: float, timezone: str) -> str:
    """A moment as short as it may be: the time of a day that is this one."""
    shown = local_time(at, timezone)
    return shown[11:] if shown[:10] == local_time(now, timezone)[:10] else shown[:16]


def number(value: object) -> float | None:
    """A count or a moment as details hold it; None for what can be neither."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LATEST
    return float(value) if known else None  # type: ignore[arg-type]


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _at(value: object, alert: Alert, voice: Voice) -> str:
    at = number(value)
    return "" if at is None else moment(at, alert.at, voice.timezone)


def _counted(alert: Alert, voice: Voice) -> str:
    """How many of the hosts see it fail, and which."""
    rows = [row for row in _list(alert.details.get("votes")) if isinstance(row, list | tuple) and len(row) >= 3]
    failing = [voice.clean(str(row[0]), 60) for row in rows if row[1] in FAILURES]
    if family(alert.type) == "over" or not failing or len(rows) < 2:
        return ""
    names = voice.word("names_comma").join(failing)
    return voice.said(
        Text.counted(
            len(failing),
            "{n} of {total} hosts sees it fail: {names}",
            "{n} of {total} hosts see it fail: {names}",
            total=len(rows),
            names=names,
        )
    )


def _neighbours(alert: Alert, voice: Voice) -> list[str]:
    """The other components in fault, each with since when, and who has acknowledged it."""
    names = [voice.clean(str(one), 60) for one in _list(alert.details.get("also"))]
    facts = list(_list(alert.details.get("also_since")))
    found = []
    for place, name in enumerate(names):
        row = facts[place] if place < len(facts) else ()
        since, by = (*_list(row), None, None)[:2]
        at, who = _at(since, alert, voice), voice.clean(str(by or ""), 60)
        if at and who:
            found.append(voice.said(Text("{name} (since {at}, acknowledged by {by})", name=name, at=at, by=who)))
        else:
            found.append(voice.said(Text("{name} (since {at})", name=name, at=at)) if at else name)
    return found


def _likely(alert: Alert, voice: Voice) -> str:
    row = _list(alert.details.get("likely"))
    if len(row) != 2:
        return ""
    name, at = voice.clean(str(row[0]), 60), _at(row[1], alert, voice)
    words = Text("If it needs {name}, that is the likely cause: it goes on when the budget starts anew ({at})")
    return voice.said(words.with_values(name=name, at=at)) if at else ""


def _unseen(alert: Alert, voice: Voice) -> str:
    begun, ended = (_at(one, alert, voice) for one in (*_list(alert.details.get("unseen")), None, None)[:2])
    words = Text("Not seen between {begun} and {ended}: it may have begun in that time")
    return voice.said(words.with_values(begun=begun, ended=ended)) if begun and ended else ""


def _renews(alert: Alert, voice: Voice) -> str:
    at = number(alert.details.get("renews"))
    if at is None or at <= alert.at or family(alert.type) == "over":
        return ""
    when = moment(at, alert.at, voice.timezone)
    return voice.said(Text("The budget starts anew at {at}, in {span}", at=when, span=duration(at - alert.at)))


def _address(alert: Alert, voice: Voice) -> str:
    """The URL that is asked, where neither what was seen nor the evidence names its host."""
    url = alert.details.get("address")
    if not isinstance(url, str) or not url or not is_about_fault(alert):
        return ""
    host = re.sub(r":\d+$", "", url.partition("://")[2].partition("/")[0])
    evidence = alert.details.get("evidence")
    evidence = evidence if isinstance(evidence, Mapping) else {}
    known = "http" in evidence or any(host in str(one) for one in (alert.details.get("cause"), *evidence.values()))
    return "" if known else voice.clean(url, 200)


def _relapse(alert: Alert, voice: Voice) -> str:
    """Of a fault that has returned: when it had recovered, after what, and how soon it failed again."""
    over, again = (number(alert.details.get(key)) for key in ("recovered_at", "returned_at"))
    if over is None or again is None:
        return ""
    at, span = moment(over, alert.at, voice.timezone), duration(max(0.0, again - over))
    step = voice.clean(str(alert.details.get("repair") or ""), 60)
    words = Text("It had recovered at {at}, and failed again {span} later")
    if step and alert.details.get("repaired_by") == "person":
        words = Text(
            "It had recovered at {at} by a person's {action}, and failed again {span} later: the repair did not hold"
        )
    elif step:
        words = Text(
            "It had recovered at {at} by heartbeat's {action}, and failed again {span} later: the repair did not hold"
        )
    return voice.said(words.with_values(at=at, span=span, action=step))


def _follow(alert: Alert, voice: Voice) -> str:
    """What becomes of those that fail still after what they depend on has recovered."""
    row = _list(alert.details.get("follow"))
    checks = number(row[0]) if len(row) == 2 else None
    if checks is None or family(alert.type) != "over":
        return ""
    own = Text.counted(
        round(checks),
        "What fails for one more check gets a message of its own",
        "What fails for {n} more checks gets a message of its own",
    )
    return voice.said(Text("{own}, and heartbeat begins its recovery", own=own) if row[1] is True else own)
