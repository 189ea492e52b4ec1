"""The hosts that watch, on the dashboard: shown where there are several, the silent ones first."""

from collections.abc import Iterable
from typing import Any

from heartbeat_cli.domain.detection.hosts import Standing
from heartbeat_cli.i18n.catalogs import counted, plural
from heartbeat_cli.views.voice import Voice

COMPONENTS = plural("{count} component", "{count} components")


def observers(found: Iterable[Standing], voice: Voice) -> list[dict[str, Any]]:
    """One after the other: name, when its last pass began, what it looks at; a silent one says since when."""
    return [_observer(one, voice) for one in sorted(found, key=lambda one: (not one.silent, one.observer))]


def _observer(one: Standing, voice: Voice) -> dict[str, Any]:
    last = voice.moment(one.last_pass)
    count = len(one.components)
    return {
        "name": voice.clean(one.observer, 80),
        "level": "bad" if one.silent else "ok",
        "state": voice.word("silent_since", since=last.shown) if one.silent else voice.word("watching"),
        "last": last,
        "components": counted(count, COMPONENTS, voice.locale),
    }
