"""Lines of a message about what surrounds a fault: hosts, times, addresses. Used by `facts`; lines about other faults
are in `other_faults`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.alerting.alert import Alert, family, is_about_fault
from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.kinds import main_cause, progress
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.text import Text, listed, plain
from heartbeat_cli.views.answers import by_hand, has_no_incident
from heartbeat_cli.views.voice import Voice
from heartbeat_cli.views.wording import local_time

Lines = dict[str, Any]

_URL = re.compile(r"https?://[^\s()]+")
_INFORMED = 6  # channels that are named
NAMED = 3  # others that a line names; more are counted
_LATEST = 2e11  # seconds since the epoch that are still a date


def of_alert(alert: Alert, voice: Voice) -> Lines:
    """The names that `facts.of_alert` adds to its own, each a finished line or ""."""
    details = alert.details
    return {
        "counted": _counted(alert, voice),
        **_stalled(alert, voice),
        "unseen": _unseen(alert, voice),
        "by_hand": by_hand(alert),
        "renews": _renews(alert, voice),
        "address": _address(alert, voice),
        "informed": _informed(alert, voice),
        "relapse": _relapse(alert, voice),
        "well": _names(alert.details.get("well"), voice),
        "waited_until": clock_time(details.get("waited_until"), alert, voice),
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


def as_list(value: object) -> Sequence[Any]:
    """A list of an alert's details; empty for what is none."""
    return value if isinstance(value, list | tuple) else ()


def clock_time(value: object, alert: Alert, voice: Voice) -> str:
    """A moment of an alert's details, as short as it may be; "" for what is none."""
    at = number(value)
    return "" if at is None else moment(at, alert.at, voice.timezone)


def _counted(alert: Alert, voice: Voice) -> str:
    """How many of the hosts see it fail, and which."""
    rows = [row for row in as_list(alert.details.get("votes")) if isinstance(row, list | tuple) and len(row) >= 3]
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


def _informed(alert: Alert, voice: Voice) -> str:
    """Who was notified before, and when, in the message that comes because nobody has acknowledged it."""
    rows = [row for row in as_list(alert.details.get("informed")) if isinstance(row, list | tuple) and len(row) == 2]
    names = [
        Text("{name} at {at}", name=voice.clean(str(row[0]), 60), at=at)
        for row in rows[:_INFORMED]
        if (at := clock_time(row[1], alert, voice))
    ]
    return voice.said(Text("Notified before: {names}", names=listed(names))) if names else ""


def _stalled(alert: Alert, voice: Voice) -> Lines:
    """Since when nothing has been done, and for how long, of work that makes no progress: when that was noticed says
    less."""
    since = progress.stalled_since(cause_of(alert)) if is_about_fault(alert) else None
    known = since is not None and 0 <= since <= alert.at
    return {
        "stalled": moment(since, alert.at, voice.timezone) if since is not None and known else "",
        "stalled_for": voice.span(alert.at - since) if since is not None and known else "",
    }


def cause_of(alert: Alert) -> str:
    """What was seen first; "" where an alert does not say so."""
    cause = alert.details.get("cause")
    return cause if isinstance(cause, str) else ""


def _unseen(alert: Alert, voice: Voice) -> str:
    """The time right before it in which nobody saw the component, and, of a container, when it ended in that time."""
    span = [*as_list(alert.details.get("unseen")), None, None][:2]
    begun, ended = (clock_time(one, alert, voice) for one in span)
    if not begun or not ended:
        return ""
    words = Text("Not seen between {begun} and {ended}: it may have begun in that time")
    at = main_cause.ended(alert.details.get("evidence"))
    if at is not None and (number(span[0]) or 0.0) <= at <= (number(span[1]) or 0.0):
        words = Text("Not seen between {begun} and {ended}; by Docker's record it stopped at {at}")
    return voice.said(words.with_values(begun=begun, ended=ended, at=clock_time(at, alert, voice)))


def _renews(alert: Alert, voice: Voice) -> str:
    at = number(alert.details.get("renews"))
    if at is None or at <= alert.at or family(alert.type) == "over":
        return ""
    when = moment(at, alert.at, voice.timezone)
    return voice.said(Text("The budget starts anew at {at}, in {span}", at=when, span=duration(at - alert.at)))


def _address(alert: Alert, voice: Voice) -> str:
    """The URL that is asked, where what was seen does not name its host."""
    url = alert.details.get("address")
    evidence = alert.details.get("evidence")
    http = evidence.get("http") if isinstance(evidence, Mapping) else None
    if isinstance(http, str) and (asked := _URL.search(plain(http))):  # what was asked is more than what is configured
        url = asked[0]
    if not isinstance(url, str) or not url or not is_about_fault(alert):
        return ""
    host = re.sub(r":\d+$", "", url.partition("://")[2].partition("/")[0])
    return "" if host in cause_of(alert) else voice.clean(url, 200)


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


def _names(value: object, voice: Voice) -> str:
    """The first names of a list, and how many more there are."""
    names = [voice.clean(str(one), 60) for one in as_list(value)]
    shown = voice.word("names_comma").join(names[:NAMED])
    return voice.word("names_and_more", names=shown, count=len(names) - NAMED) if len(names) > NAMED else shown
