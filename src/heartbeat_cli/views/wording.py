"""Words by their keys: titles, descriptions, recommendations, and times as people read them, in a language.

Every pass imports this, and hardly one has something to say: the words and the catalogs are imported then."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text, Value

_KEY = 60  # characters
_UNNAMED = ("", "process", "certificate")  # categories that what was seen names, or that say nothing more
_PLACE = re.compile(r"\{(\w+)\}")
_RESTART = re.compile(r" ?[:：] ?\{restart\}")
_ADVISES_RESTART = re.compile(r"\{restart\}|restart \{target\}")
_OWN_COMMAND = re.compile(r"(docker|systemctl) restart \{target\}")
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def word(key: str, locale: str, **values: Any) -> str:
    """One word or phrase; a key there is none for is shown as it is, on one line: another host may have made it up."""
    from heartbeat_cli.i18n import catalogs
    from heartbeat_cli.views.words import WORDS

    return catalogs.word(WORDS[key], locale, **values) if key in WORDS else one_line(key, _KEY)


def blamed(said: str, category: str, locale: str) -> str:
    """What was seen, after the category of the failure where that says more than that the component itself failed."""
    if category in _UNNAMED or not said:
        return said
    from heartbeat_cli.i18n import catalogs

    name = word(f"category_{category}", locale)
    return catalogs.word(catalogs.N_("{name}: {said}"), locale, name=name, said=said)


def title(alert: str, component: Component, locale: str, category: str = "", short_of: Sequence[str] = ()) -> str:
    """The title of an alert type (`agent_down`, `recovered`) about a component; of a fault by its category, where
    its kind has no title of its own; of a host by what it is `short_of`."""
    from heartbeat_cli.i18n import catalogs
    from heartbeat_cli.views.descriptions import SHORT_OF
    from heartbeat_cli.views.titles import FAULTS, TITLES

    if alert == "host_down" and short_of:
        words = [catalogs.word(SHORT_OF[one], locale) for one in short_of]
        what = word("names_comma", locale).join(words[:-1])
        what = word("names_and", locale, first=what, last=words[-1]) if what else words[-1]
        return word("host_short", locale, name=component.name, what=what)
    own = FAULTS.get(category) if alert.endswith("_down") else None
    pattern = TITLES.get(alert) or own or TITLES.get(alert.removeprefix(f"{component.kind}_")) or "{name}: " + alert
    return catalogs.word(pattern, locale).replace("{name}", component.name)


def observer_title(alert: str, observer: str, locale: str) -> str:
    """The title of an alert about the host that looks."""
    from heartbeat_cli.i18n import catalogs
    from heartbeat_cli.views.titles import TITLES

    return catalogs.word(TITLES[alert], locale).replace("{name}", observer)


def description(kind: str, locale: str) -> str:
    """What it means that a component of this kind is down."""
    from heartbeat_cli.i18n import catalogs
    from heartbeat_cli.views.descriptions import DESCRIPTIONS

    return catalogs.word(DESCRIPTIONS[kind], locale) if kind in DESCRIPTIONS else ""


def recommendations(
    topic: str,
    component: str,
    target: str,
    locale: str,
    restart: str = "",
    observer: str = "",
    unreached: str = "",
    restarts: bool = True,
    by_hand: str = "",
    more: Mapping[str, str] | None = None,
) -> list[str]:
    """The numbered advice for a kind, or for `slow`; `target` is the container or unit it is about, `restart` the
    command that restarts it ("": not known, so none is named), `observer` the host that has seen it, `unreached` the
    hosts that got no answer over the network ("": none, so the network is not named). Without `restarts` there is none
    of the lines that advise a restart; with `by_hand`, these name that command and no other. `more`: what the lines
    may name besides."""
    from heartbeat_cli.i18n import catalogs
    from heartbeat_cli.views.advice import RECOMMENDATIONS

    lines, restart = RECOMMENDATIONS.get(topic, ()), by_hand or restart
    values = {"id": component, "target": target, "restart": restart, "unreached": unreached}
    values |= {"observer": observer or word("this_host", locale), **(more or {})}
    # One pass: a name that looks like a placeholder stays a name.
    return [
        _PLACE.sub(lambda place: values.get(place[1], place[0]), line if restart else _RESTART.sub(_stop, line))
        for line in (_with_command(catalogs.word(line, locale), by_hand) for line in lines)
        if (unreached or "{unreached}" not in line) and (restarts or not _ADVISES_RESTART.search(line))
    ]


def _with_command(line: str, by_hand: str) -> str:
    return _OWN_COMMAND.sub("{restart}", line) if by_hand else line


def _stop(place: re.Match[str]) -> str:
    """What ends a sentence whose command is not known."""
    return "" if place.end() < len(place.string) else "。" if "：" in place[0] else "."


def told(text: str, locale: str, timezone: str) -> str:
    """A sentence of ours in the reader's language, the moments that are values of it (ISO 8601) in his time."""
    from heartbeat_cli.i18n.catalogs import translated

    return translated(_with_local_times(text, timezone), locale)


def _with_local_times(text: str, timezone: str) -> str:
    if not isinstance(text, Text) or not text.values:
        return text
    values = {name: _local(value, timezone) for name, value in text.values.items()}
    if values == text.values:
        return text
    template = text.many if text.many and values.get("n") != 1 else text.template
    return Text.known(template.format(**values), text.template, values, text.many)


def _local(value: Value, timezone: str) -> Value:
    if isinstance(value, Text):
        return _with_local_times(value, timezone)
    if not isinstance(value, str) or not _STAMP.fullmatch(value):
        return value
    try:
        return local_time(datetime.fromisoformat(value).timestamp(), timezone)
    except (ValueError, OverflowError):
        return value


def local_time(at: float, timezone: str, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A moment as wall-clock time in a zone."""
    from zoneinfo import ZoneInfo

    return datetime.fromtimestamp(at, ZoneInfo(timezone)).strftime(pattern)
