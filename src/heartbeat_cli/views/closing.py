"""The last lines of the message of an end: what is not well yet, what else is in fault, and what is left to do. Used by
`facts`."""

from collections.abc import Mapping, Sequence
from functools import reduce
from math import ceil
from typing import Any

from heartbeat_cli.domain.alerting.alert import Alert, family
from heartbeat_cli.domain.kinds import missing_module
from heartbeat_cli.domain.text import Text
from heartbeat_cli.views.cause_lines import says_stopped
from heartbeat_cli.views.fact_lines import NAMED, as_list, cause_of, clock_time, number
from heartbeat_cli.views.other_faults import since
from heartbeat_cli.views.voice import Voice

Lines = dict[str, Any]

# Kinds of what runs by itself, whose log may say why it ended.
_LOGS = ("agent", "openclaw", "database", "docker", "service", "llm", "mcp", "process", "progress")


def of_alert(alert: Alert, voice: Voice) -> Lines:
    """`open`, `follow` and `closing`: finished lines, "" where there is nothing to say. In the notice of an
    acknowledgement `open` has the faults that nobody has acknowledged."""
    if alert.type == "acknowledged":
        return {"open": _untaken(alert, voice), "follow": "", "closing": ""}
    if family(alert.type) != "over":
        return {"open": "", "follow": "", "closing": ""}
    return {"open": _open(alert, voice), "follow": _follow(alert, voice), "closing": _closing(alert, voice)}


def _untaken(alert: Alert, voice: Voice) -> str:
    """The other faults that nobody has acknowledged, in the notice of an acknowledgement."""
    found = alert.details.get("open")
    names = _with_beginnings(found.get("faults"), alert, voice) if isinstance(found, Mapping) else ""
    return voice.said(Text("Still open, and acknowledged by nobody: {names}.", names=names), 600) if names else ""


def _open(alert: Alert, voice: Voice) -> str:
    """What is still not well besides what the message names before."""
    found = alert.details.get("open")
    if not isinstance(found, Mapping):
        return ""
    faults, hosts, unseen = (_with_beginnings(found.get(key), alert, voice) for key in ("faults", "hosts", "unseen"))
    lines = [Text("Still in fault: {names}.", names=faults)] if faults else []
    if hosts:
        lines.append(
            Text.counted(
                _count(found.get("hosts")),
                "Still in fault: host {names} has stopped watching.",
                "Still in fault: hosts {names} have stopped watching.",
                names=hosts,
            )
        )
    lines += [Text("Still not checked: {names}.", names=unseen)] if unseen else []
    if found.get("apart") is True:
        lines.append(Text("What other hosts see is not known while the store is away."))
    elif not faults:
        lines.append(_nothing(alert, bool(hosts or unseen)))
    return _in_a_row(lines, voice)


def _nothing(alert: Alert, named: bool) -> Text:
    """That nothing is in fault, as far as that is known."""
    if alert.type == "observed_again":
        return Text("Apart from that, no fault is known.")
    if named or as_list(alert.details.get("held")):
        return Text("Apart from that, nothing is in fault.")
    return Text("Nothing else is in fault.")


def _closing(alert: Alert, voice: Voice) -> str:
    """What has to be done now, which is nothing, and what is worth a look by day."""
    found = alert.details.get("open")
    if alert.type != "recovered" or not isinstance(found, Mapping):
        return ""
    name = voice.clean(str(alert.details.get("name") or alert.component), 60)
    if found.get("apart") is True or as_list(alert.details.get("held")):
        lines = []  # nobody knows, or `follow` says it
    elif any(_count(found.get(key)) for key in ("faults", "hosts", "unseen")):
        lines = [Text("Nothing is left to do about {name} now; what is left has messages of its own.", name=name)]
    else:
        lines = [Text("Nothing to do now.")]
    return _in_a_row([*lines, *_by_day(alert, name, voice)], voice)


def _by_day(alert: Alert, name: str, voice: Voice) -> list[Text]:
    """What to find out by day: nothing that is known, and of what failed with its parent first why that did."""
    category = str(alert.details.get("category") or "process")
    if _was_stopped(alert):
        return [Text("By day: ask who stopped it, and why.")]
    if category == "certificate":
        return [Text("By day: find out why the certificate was not renewed; the log of the renewal tells.")]
    if category != "process" or alert.details.get("kind") not in _LOGS or not cause_of(alert):
        return []
    by = alert.details.get("healed_by")
    said = voice.clean(str(alert.details.get("failed_with") or ""), 120)
    if said and isinstance(by, Mapping) and by.get("who") in ("acknowledged", "given_up"):
        if module := missing_module.of(said):
            return [Text("By day: find out why the module {module} was missing.", module=module)]
        return [Text("By day: find out how this came about: {said}", said=said)]
    if parent := voice.clean(str(alert.details.get("waited_for") or ""), 60):
        words = Text(
            "By day: find in the log of {parent} why it failed, and in that of {name} why it did not recover with it."
        )
        return [words.with_values(parent=parent, name=name)]
    return [Text("By day: find in the log of {name} why it failed.", name=name)]


def _in_a_row(lines: Sequence[Text], voice: Voice) -> str:
    if not lines:
        return ""
    return voice.said(reduce(lambda first, then: Text("{first} {then}", first=first, then=then), lines), 600)


def _was_stopped(alert: Alert) -> bool:
    """Whether a step was held back because somebody had stopped it."""
    rows = [row for row in as_list(alert.details.get("attempts")) if isinstance(row, list | tuple) and len(row) >= 3]
    return any(row[1] == "held" and says_stopped(row[2]) for row in rows)


def _count(value: object) -> int:
    return round(number((*as_list(value), 0)[0]) or 0)


def _with_beginnings(value: object, alert: Alert, voice: Voice) -> str:
    """Names, each with since when (and who has acknowledged it), and how many more there are."""
    rows = as_list(value)[1:]
    shown = [
        since(voice.clean(str(row[0]), 60), row[1], row[2] if len(row) > 2 else "", alert, voice)
        for row in rows[:NAMED]
        if isinstance(row, list | tuple) and len(row) >= 2
    ]
    names, more = voice.word("names_comma").join(shown), _count(value) - len(shown)
    return voice.word("names_and_more", names=names, count=more) if shown and more > 0 else names


def _follow(alert: Alert, voice: Voice) -> str:
    """What becomes of those that fail still after what they depend on has recovered: nobody has to do anything."""
    row = as_list(alert.details.get("follow"))
    at = number(row[0]) if len(row) == 2 else None
    if at is None:
        return ""
    many = len(as_list(alert.details.get("held")))
    shown = _minute(at, alert, voice)
    words = Text.counted(
        many,
        "Nothing to do now: if it still fails at about {at}, heartbeat sends a message; no message: it is well.",
        "Nothing to do now: if one of them still fails at about {at}, heartbeat sends a message; no message: all are"
        " well.",
        at=shown,
    )
    if row[1] is True:
        words = Text.counted(
            many,
            "Nothing to do now: if it still fails at about {at}, heartbeat sends a message and begins its recovery; no"
            " message: it is well.",
            "Nothing to do now: if one of them still fails at about {at}, heartbeat sends a message and begins its"
            " recovery; no message: all are well.",
            at=shown,
        )
    return voice.said(words)


def _minute(at: float, alert: Alert, voice: Voice) -> str:
    """The minute by which that has come."""
    shown = clock_time(ceil(at / 60) * 60, alert, voice)
    return shown[:5] if len(shown) == len("00:00:00") else shown
