"""Words by locale: titles, descriptions, recommendations, and times as people read them."""

import importlib
import re
from datetime import datetime
from types import ModuleType
from typing import Any

from heartbeat_cli.domain.component import Component

_PLACE = re.compile(r"\{(\w+)\}")
LOCALES = ("en", "zh-HK")


def catalogue(locale: str) -> ModuleType:
    """The module with every word of a locale."""
    return importlib.import_module(f"heartbeat_cli.views.words_{locale.lower().replace('-', '_')}")


def word(key: str, locale: str, **values: Any) -> str:
    """One word or phrase; a key the catalogue does not have is shown as it is."""
    text: str = catalogue(locale).WORDS.get(key, key)
    return text.format(**values) if values else text


def title(alert: str, component: Component, locale: str) -> str:
    """The title of an alert type (`agent_down`, `recovered`) about a component."""
    titles: dict[str, str] = catalogue(locale).TITLES
    pattern = titles.get(alert) or titles.get(alert.removeprefix(f"{component.kind}_")) or "{name}: " + alert
    return pattern.replace("{name}", component.name)


def observer_title(alert: str, observer: str, locale: str) -> str:
    """The title of an alert about the host that looks."""
    return str(catalogue(locale).TITLES[alert]).replace("{name}", observer)


def description(kind: str, locale: str) -> str:
    """What it means that a component of this kind is down."""
    return str(catalogue(locale).DESCRIPTIONS.get(kind, ""))


def recommendations(
    topic: str, component: str, target: str, locale: str, restart: str = "", observer: str = "", local: bool = False
) -> list[str]:
    """The numbered advice for a kind, or for `slow`; `target` is the container or unit it is about, `restart` the
    command that restarts it, where that is known, `observer` the host that has seen it; what is `local` has no network
    on the way to it."""
    lines = catalogue(locale).RECOMMENDATIONS.get(topic, ())
    values = {"id": component, "target": target, "restart": restart or f"systemctl restart openclaw-{component}"}
    values["observer"] = observer or word("this_host", locale)
    # One pass: a name that looks like a placeholder stays a name.
    return [
        _PLACE.sub(lambda place: values.get(place[1], place[0]), line)
        for line in lines
        if not (local and "{observer}" in line)
    ]


def local_time(at: float, timezone: str, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A moment as wall-clock time in a zone."""
    from zoneinfo import ZoneInfo

    return datetime.fromtimestamp(at, ZoneInfo(timezone)).strftime(pattern)
