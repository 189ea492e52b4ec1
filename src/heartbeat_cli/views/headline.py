"""The title of a digest, and the subject of any message: which machine, which components, and what happened to them."""

from collections.abc import Callable, Collection, Sequence

from heartbeat_cli.domain.alerting.alert import HANDOFFS, Alert, family
from heartbeat_cli.domain.checking.result import FAILURES
from heartbeat_cli.domain.record import Record
from heartbeat_cli.views.fact_lines import as_list
from heartbeat_cli.views.titles import FAULTS, TITLES
from heartbeat_cli.views.voice import Voice

_NAMED = 2  # components, or machines, that are named; more are counted
_NAME = 40  # characters
_WATCHES = ("reminder", "escalated")


class Headline(Record):
    """`title` is what a message says first, `subject` the same with the machine before it; that of an end
    names the same machine and component, so that a search for these finds both."""

    title: str
    subject: str


def machines(alerts: Sequence[Alert], voice: Voice) -> str:
    """The hosts on which this happened, the first two by name; "" where it is on none of the hosts that watch."""
    return _listed(list(dict.fromkeys(voice.clean(host, 60) for one in alerts for host in places(one))), voice)


def places(alert: Alert) -> list[str]:
    """The hosts that an alert is about: a host itself, or the one that has seen it. A component that several hosts
    reach over a network is on none of them; what each host has of its own is on those that see it fail."""
    details = alert.details
    if details.get("kind") == "observer":
        return [alert.component]
    votes = [one for one in as_list(details.get("votes")) if isinstance(one, list | tuple) and len(one) >= 3]
    if votes or details.get("shared") is True:
        own = details.get("local") is True
        return [str(host) for host, status, *_ in votes if status in FAILURES] if own else []
    return [host] if (host := str(details.get("observer") or "")) else []


def with_machine(title: str, machine: str) -> str:
    """The title with the machine before it, unless it begins with that anyway."""
    return title if not machine or title.startswith(f"{machine} ") else f"[{machine}] {title}"


def heading(title: str, alerts: Sequence[Alert], voice: Voice) -> dict[str, str]:
    """`title`, and `bracket`: the machine to be shown before it, "" where the title begins with that."""
    return {"title": title, "bracket": with_machine(title, machines(alerts, voice)).removesuffix(title)}


def of_alert(alert: Alert, voice: Voice) -> Headline:
    """The headline of one alert."""
    title, machine = voice.clean(alert.title, 200), machines([alert], voice)
    if parent := _not_with(alert):
        name = voice.clean(str(alert.details.get("name") or alert.component), _NAME)
        title = voice.word("down_not_with", name=name, parent=voice.clean(parent, _NAME))
    handoff = alert.details.get("handoff")
    if handoff in HANDOFFS and family(alert.type) == "down":
        title = voice.word(f"down_{handoff}", title=title)
    began = _began(alert, voice)
    ended = voice.word("subject_end", title=_was(alert, began, voice)) if began else title
    return Headline(title, with_machine(ended, machine))


def _not_with(alert: Alert) -> str:
    """The parent that has recovered, and this has not; "" where there is none."""
    details = alert.details
    known = family(alert.type) == "down" and details.get("waited_until") and not _is_own(alert.type, alert)
    return str(details.get("waited_for") or "") if known else ""


def of_past(end: Alert, since: str, until: str, voice: Voice) -> Headline:
    """The headline of what came to its end before it could be delivered: from when to when it was."""
    title, began = (voice.clean(text, 120) for text in (end.title, _began(end, voice)))
    machine = machines([end], voice)
    title = voice.word("digest_past", title=title, since=since, until=until)
    if not began:
        return Headline(title, with_machine(title, machine))
    ended = voice.word(
        "subject_end", title=voice.word("subject_past", title=_was(end, began, voice), since=since, until=until)
    )
    return Headline(title, with_machine(ended, machine))


def of_digest(begun: Sequence[Alert], ended: Sequence[Alert], state: str, voice: Voice) -> Headline:
    """The headline of several alerts: what began, worst first, then what ended. `state` says how many are in fault,
    in a message about ends alone."""
    machine, join = machines([*begun, *ended], voice), voice.word("clauses").join
    title = join([*_clauses(begun, voice), *_clauses(ended, voice), *([state] if state and not begun else [])])
    if not begun and all(one.type == "recovered" for one in ended):
        down = join(_grouped(ended, _was_down, voice))
        return Headline(title, with_machine(voice.word("subject_end", title=down), machine))
    return Headline(title, with_machine(title, machine))


def _clauses(alerts: Sequence[Alert], voice: Voice) -> list[str]:
    return _grouped(alerts, _said, voice)


def _grouped(alerts: Sequence[Alert], said: Callable[[Alert, Voice], tuple[str, str]], voice: Voice) -> list[str]:
    """A clause for all that the same can be said of, in the order of the first; who is alone has its own title."""
    groups: dict[str, list[Alert]] = {}
    alone: dict[str, str] = {}
    for one in alerts:
        key, alone[one.id] = said(one, voice)
        groups.setdefault(key, []).append(one)
    return [
        voice.word(key, names=_listed(_names(members, voice), voice))
        if key != "own" and (len(members) > 1 or not alone[members[0].id])
        else voice.word("clauses").join(dict.fromkeys(alone[one.id] for one in members))
        for key, members in groups.items()
    ]


def _said(alert: Alert, voice: Voice) -> tuple[str, str]:
    """What can be said of several such alerts (a key), and what is said of this one where it is the only one ("": the
    same)."""
    title = voice.clean(alert.title, 100)
    if alert.type in HANDOFFS or alert.details.get("handoff") in HANDOFFS:
        return "heads_person", ""
    if alert.type in _WATCHES:
        return "heads_still", ""
    if family(alert.type) == "down":
        return ("heads_fault", title) if _is_own(alert.type, alert) else ("heads_down", "")
    if family(alert.type) in ("slow", "degraded"):
        return "heads_warning", title
    known = {"recovered": "heads_recovered", "degraded_ended": "heads_normal"}
    return known.get(alert.type, "own"), "" if alert.type in known else title


def _was_down(end: Alert, voice: Voice) -> tuple[str, str]:
    began = _began(end, voice)
    if _is_own(f"{end.details.get('kind', '')}_down", end):
        return "was_fault", _was(end, began, voice) if began else ""
    return "was_down", ""


def _is_own(kind: str, alert: Alert) -> bool:
    """Whether a fault has a title that says more than that something is down."""
    return kind in TITLES or str(alert.details.get("category") or "") in FAULTS


def _was(end: Alert, began: str, voice: Voice) -> str:
    """What has ended, by name first: a subject that is cut off must not read as its beginning."""
    name = voice.clean(str(end.details.get("name") or end.component), _NAME)
    if _is_own(f"{end.details.get('kind', '')}_down", end) or end.type != "recovered":
        return voice.word("was_else", name=name, title=began.removeprefix(f"{name}: ").removeprefix(f"{name}："))
    return voice.word("was_down", names=name)


def _began(end: Alert, voice: Voice) -> str:
    """The title of the beginning, of an end that knows it."""
    was = end.details.get("was")
    return voice.clean(was, 160) if isinstance(was, str) and family(end.type) == "over" else ""


def _names(alerts: Collection[Alert], voice: Voice) -> list[str]:
    return list(dict.fromkeys(voice.clean(str(one.details.get("name") or one.component), _NAME) for one in alerts))


def _listed(names: Sequence[str], voice: Voice) -> str:
    """`db`, `db and Worker`, `db, Worker and 1 more`."""
    if len(names) > _NAMED:
        shown = voice.word("names_comma").join(names[:_NAMED])
        return voice.word("names_and_more", names=shown, count=len(names) - _NAMED)
    return voice.word("names_and", first=names[0], last=names[1]) if len(names) == _NAMED else "".join(names)
