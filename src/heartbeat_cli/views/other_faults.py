"""Lines of a message about other components in fault. Used by `facts`; those of the message of an end are in
`closing`."""

from typing import Any

from heartbeat_cli.domain.alerting.alert import Alert
from heartbeat_cli.domain.kinds import progress
from heartbeat_cli.domain.plain import duration
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.views.fact_lines import as_list, cause_of, clock_time, number
from heartbeat_cli.views.voice import Voice

Lines = dict[str, Any]

_CAUSE = 80  # characters of the cause of another fault


def of_alert(alert: Alert, voice: Voice) -> Lines:
    """The names that `facts.of_alert` adds to its own: finished lines, each "" where there is nothing to say."""
    return {
        "also_since": beside(alert, voice, began(alert)),
        "settling": beside(alert, voice, began(alert), settling=True),
        "likely": _likely(alert, voice),
    }


def began(alert: Alert) -> float | None:
    """When the fault of an alert began (epoch seconds): of work that makes no progress, when the last of it was
    done."""
    return progress.stalled_since(cause_of(alert)) or number(alert.details.get("started"))


def beside(alert: Alert, voice: Voice, begun: float | None, settling: bool = False) -> list[str]:
    """The other components in fault (with `settling`, those that are healthy by now and only wait to be steady), each
    with since when, who has acknowledged it, and what was seen. What can only have begun after `begun` (epoch seconds)
    is not the cause of what began then."""
    return [line for _, line in named(alert, voice, begun, settling)]


def named(alert: Alert, voice: Voice, begun: float | None, settling: bool = False) -> list[tuple[str, str]]:
    """The lines of `beside`, each after its component's name."""
    names = [voice.clean(str(one), 60) for one in as_list(alert.details.get("also"))]
    facts = list(as_list(alert.details.get("also_since")))
    found = []
    for place, name in enumerate(names):
        row = as_list(facts[place] if place < len(facts) else ())
        start, by, cause, earliest, healthy = (*row, None, None, None, None, None)[:5]
        if (healthy is True) is not settling:
            continue
        earliest = number(earliest)
        later = earliest is not None and begun is not None and earliest >= begun
        said = voice.said(str(cause or ""), _CAUSE)
        found.append((name, since(name, start, by, alert, voice, said, begun if later else None, healthy is True)))
    return found


def _likely(alert: Alert, voice: Voice) -> str:
    """The spent budget that may be the cause: only where that began first."""
    name, renews, spent = (*as_list(alert.details.get("likely")), None, None, None)[:3]
    spent, begun = number(spent), began(alert)
    at = clock_time(renews, alert, voice)
    if not at or spent is None or begun is None or spent > begun:
        return ""
    words = Text("{name} may be the cause, if it needs that: it goes on when the budget starts anew ({at})")
    return voice.said(words.with_values(name=voice.clean(str(name), 60), at=at))


def since(
    name: str,
    begun: object,
    by: object,
    alert: Alert,
    voice: Voice,
    cause: str = "",
    after: float | None = None,
    healthy: bool = False,
) -> str:
    """A name with since when it has been so, who has acknowledged it, and what was seen; `after`: when began (epoch
    seconds) what it is not the cause of, as it is younger; `healthy`: its fault only waits to be steady."""
    at, who = clock_time(begun, alert, voice), voice.clean(str(by or ""), 60)
    if not at:
        return name
    said: str = Text("since {at}", at=at)
    said = Text("{since}: {said}", since=said, said=cause) if cause else said
    said = joined([said, Text("healthy now, watched until it is steady")]) if healthy else said
    said = joined([said, *_later(number(begun), after, name, alert, voice)]) if after is not None else said
    said = joined([said, Text("acknowledged by {by}", by=who)]) if who else said
    return voice.said(Text("{line} ({how})", line=name, how=said))


def _later(at: float | None, after: float, name: str, alert: Alert, voice: Voice) -> list[Text]:
    """That it began after something, and so is not the cause of that."""
    if at is None:
        return []
    words = Text("{name} began {span} after {own}, so it probably is not the cause")
    own = voice.clean(str(alert.details.get("name") or alert.component), 60)
    return [words.with_values(name=name, own=own, span=duration(max(0.0, at - after)))]
