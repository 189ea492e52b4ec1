"""Words by locale: titles, descriptions, recommendations, and times as people read them."""

import importlib
from datetime import datetime
from types import ModuleType
from typing import Any

from heartbeat_cli.domain.component import Component

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


def recommendations(topic: str, component: str, target: str, locale: str) -> list[str]:
    """The numbered advice for a kind, or for `slow`; `target` is the container or unit it is about."""
    lines = catalogue(locale).RECOMMENDATIONS.get(topic, ())
    return [line.replace("{id}", component).replace("{target}", target) for line in lines]


def local_time(at: float, timezone: str, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A moment as wall-clock time in a zone."""
    from zoneinfo import ZoneInfo

    return datetime.fromtimestamp(at, ZoneInfo(timezone)).strftime(pattern)
