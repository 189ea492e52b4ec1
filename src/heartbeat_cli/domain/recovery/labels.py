"""A recovery step in a few words."""

from typing import Any

from heartbeat_cli.domain.component import Step


def target(step: Step) -> str:
    """What a step acts on, in a word; "" for a hook, whose address often is its password, as arguments may be."""
    found: Any = next((v for key in _TARGETS if (v := getattr(step.settings, key, None))), "")
    return (found[0].rpartition("/")[2] if isinstance(found, tuple) else str(found))[:80]


def label(step: Step) -> str:
    """A step in a few words: the action and what it acts on."""
    return f"{step.action} {target(step)}".strip()


_TARGETS = ("container", "unit", "name", "command", "do")
