"""What the template of a digest may say: several alerts, as much of each as a message can hold."""

from collections.abc import Collection, Mapping, Sequence
from functools import reduce

from heartbeat_cli.domain.alerting.alert import Alert, family, over
from heartbeat_cli.domain.component import Severity, severity_rank
from heartbeat_cli.domain.plain import bounded
from heartbeat_cli.domain.record import Record
from heartbeat_cli.views import answers, headline, other_faults
from heartbeat_cli.views.fact_lines import moment, number
from heartbeat_cli.views.facts import EVIDENCE, GREEN, Values, host_first, mark, sentence
from heartbeat_cli.views.headline import Headline
from heartbeat_cli.views.voice import Voice
from heartbeat_cli.views.wording import local_time


class Detail(Record):
    """How much of each alert a digest holds: evidence pieces, advice lines, characters of the cause; `short`: names;
    `piece`: characters of a piece of evidence."""

    evidence: int
    advice: int
    cause: int
    short: bool = False
    piece: int = EVIDENCE


_SHORT = 60  # characters of a cause; with no more there is no room for what was tried
DETAILS = (
    *(Detail(2, 2, 300), Detail(2, 2, 300, piece=600), Detail(0, 2, 280)),
    *(Detail(0, 0, 300), Detail(0, 0, _SHORT), Detail(0, 0, 0, short=True)),
)


def worst(alerts: Sequence[Alert]) -> Severity:
    """The gravest severity among what began; what is over is never grave."""
    gone = over(alerts)
    began = [alert.severity for alert in alerts if family(alert.type) != "over" and alert.incident not in gone]
    return max(began, key=severity_rank, default="low")


def of_digest(alerts: Sequence[Alert], said: Mapping[str, Values], voice: Voice, detail: Detail) -> Values:
    """Several alerts for one template: `begun`, worst first, and `ended`, each a dictionary as of `of_alert` (which is
    in `said`, by id), and `whole` where both stand in this message: then its end says all."""
    whole = over(alerts) & {one.incident for one in alerts if family(one.type) != "over"}
    begun = sorted(
        (one for one in alerts if family(one.type) != "over"),
        key=lambda one: (-severity_rank(one.severity), number(one.details.get("started")) or one.at),
    )
    ended = [one for one in alerts if family(one.type) == "over"]
    lasting = [one for one in begun if one.incident not in whole]

    def shown(one: Alert) -> Values:
        return _shortened(said[one.id], detail, voice) | {"whole": one.incident in whole}

    also, settling = _also(lasting, said, voice), _also(lasting, said, voice, settling=True)
    state = _state(alerts, lasting, [*also, *settling], voice)
    title, subject = _headline(whole, lasting, ended, state, voice)
    return {
        "mark": mark(lasting[0]) if lasting else GREEN,
        "host": headline.machines(alerts, voice),
        **headline.heading(title, alerts, voice),
        "subject": subject,
        "state": sentence(state) if lasting else "",
        "also": list(also.values()),
        "settling": list(settling.values()),
        **_end(lasting, ended, said),
        "label": voice.severity(worst(lasting)) if lasting else voice.word("resolved"),
        "advice": _advice(lasting, said, voice, detail.advice),
        "begun": [] if detail.short else [shown(one) for one in begun],
        "ended": [] if detail.short else [shown(one) for one in ended],
        "names": _names([*lasting, *ended], voice) if detail.short else [],
        **answers.commands(lasting if detail.evidence else ()),
        "at": local_time(voice.now, voice.timezone),
        "timezone": voice.timezone,
    }


def _end(lasting: Sequence[Alert], ended: Sequence[Alert], said: Mapping[str, Values]) -> Values:
    """What is open still, and what is left to do, by the newest end."""
    last = said[max(ended, key=lambda one: one.at).id] if ended and not lasting else {}
    return {key: last.get(key, "") for key in ("open", "closing")}


def _also(
    begun: Sequence[Alert], said: Mapping[str, Values], voice: Voice, settling: bool = False
) -> Mapping[str, str]:
    """The other components in fault, of those that the alerts name, by name, each with since when and what was seen:
    whether it began after all that the message is about, too."""
    own = {said[one.id]["name"] for one in begun}
    moments = {one.id: other_faults.began(one) for one in begun}
    last = None if None in moments.values() else max(filter(None, moments.values()), default=None)
    return {
        name: line
        for one in sorted(begun, key=lambda one: moments[one.id] or 0.0)
        for name, line in other_faults.named(one, voice, last, settling)
        if name not in own
    }


def _shortened(values: Values, detail: Detail, voice: Voice) -> Values:
    said = {key: _cut(values[key], detail.cause) for key in ("cause", "said", "healed")}
    most = detail.cause // 3 if detail.advice else 0
    tried = [one | {"detail": _cut(one["detail"], most)} for one in values["attempts"]] if detail.cause > _SHORT else []
    return values | {
        "evidence": [(label, bounded(text, detail.piece)) for label, text in values["evidence"][: detail.evidence]],
        "advised": _in_one(_chosen(values, values["advice"], detail.advice), voice),
        **said,
        "attempts": tried,
        "recovery": values["recovery"] if detail.advice else "",
    }


def _advice(begun: Sequence[Alert], said: Mapping[str, Values], voice: Voice, most: int) -> list[Values]:
    """What to do, a row (`names`, `said`) for all that the same is to be done for; that a host comes first before the
    rest, and without names where it holds for all."""
    firsts: dict[str, list[str]] = {}
    lines: dict[str, list[str]] = {}
    for one in begun if most else ():
        values, first = said[one.id], host_first(one, voice)
        advice = values["advice"][1 if first else 0 :]
        for line, group in [(first, firsts), *((line, lines) for line in _chosen(values, advice, most))]:
            if line and advice and values["name"] not in group.setdefault(line, []):
                group[line].append(values["name"])
    everyone = {name for names in lines.values() for name in names}
    shared = {line: names for line, names in lines.items() if len(names) > 1}
    own = {name: [line for line, names in lines.items() if names == [name]] for name in everyone}
    comma = voice.word("names_comma").join
    return [
        *({"names": "" if set(names) == everyone else comma(names), "said": line} for line, names in firsts.items()),
        *({"names": comma(names), "said": line} for line, names in shared.items()),
        *({"names": name, "said": _in_one(own[name], voice)} for name in _in_order(lines) if own[name]),
    ]


def _in_order(lines: Mapping[str, Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(name for names in lines.values() for name in names))


def _chosen(values: Values, advice: Sequence[str], most: int) -> Sequence[str]:
    """The first lines of advice; that with the command that only a person can give is always among them."""
    by_hand = values["by_hand"]
    needed = [line for line in advice[most:] if by_hand and by_hand in line][:1] if most else []
    return [*advice[: most - len(needed)], *needed]


def _in_one(sentences: Sequence[str], voice: Voice) -> str:
    """Sentences in one line."""
    return (
        reduce(lambda first, then: voice.word("two_sentences", first=first, then=then), sentences) if sentences else ""
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…" if most else ""


def _headline(
    whole: Collection[str], begun: Sequence[Alert], ended: Sequence[Alert], state: str, voice: Voice
) -> Headline:
    if begun or len(whole) != 1 or {one.incident for one in ended} != whole:
        return headline.of_digest(begun, ended, state, voice)
    end = ended[0]
    started, over = (number(end.details.get(key)) or end.at for key in ("started", "ended"))
    since, until = (moment(at, end.at, voice.timezone) for at in (started, over))
    return headline.of_past(end, since, until, voice)


def _state(alerts: Sequence[Alert], begun: Sequence[Alert], named: Sequence[str], voice: Voice) -> str:
    """How many are in fault by the newest alert, unless these are those that the message is about, or those and the
    others that it names."""
    for alert in sorted(alerts, key=lambda one: one.at, reverse=True):
        count, total = (number(alert.details.get(key)) for key in ("in_fault", "watched"))
        if count is None or not total:
            continue
        known = sum(family(one.type) == "down" for one in begun)
        if begun and (count <= known or (count < total and count <= known + len(named))):
            return ""
        values = {"count": round(count), "total": round(total)}
        if begun and count >= total and named and count <= known + len(named):
            return voice.word("digest_all_with", names=voice.word("names_comma").join(named), **values)
        key = "digest_in_fault" if begun else "digest_still" if count else "digest_well"
        return voice.word("digest_all_in_fault" if begun and count >= total else key, **values)
    return ""


def _names(alerts: Sequence[Alert], voice: Voice) -> list[str]:
    """Every title, many on a line, but no line so long that a channel would cut it."""
    lines = [""]
    for alert in alerts:
        one = f"{mark(alert)} {voice.clean(alert.title, 60)}"
        if lines[-1] and len(lines[-1]) + len(one) > 150:
            lines.append("")
        lines[-1] += f" {one}" if lines[-1] else one
    return lines
