"""Agents whose systemd unit is guessed from their id, as it was before they had the key `unit`."""

from collections.abc import Iterator

from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.finding import Finding
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, listed

_NAMES = 5  # named one by one; more are counted


class Guessed(Record):
    """One remark about all of them: the id of the first, what is the matter, what to do."""

    first: str
    text: str
    advice: str


def findings(config: Config) -> Iterator[Finding]:
    """The remark for `doctor`."""
    if found := guessed(config):
        yield Finding("unit", "warn", found.text, found.advice)


def guessed(config: Config) -> Guessed | None:
    """The remark about all of them, None where there is none."""
    found = [
        one.id
        for one in config.components.values()
        if one.kind == "agent" and one.plan.mode != "off" and _is_guessed(one)
    ]
    if not found:
        return None
    names = listed(found[:_NAMES])
    if len(found) > _NAMES:
        names = Text("{names} and {count} more", names=names, count=len(found) - _NAMES)
    text = Text(
        "{names}: unit is not set, so recovery tries openclaw-<id>.service where there is one, for this version only",
        names=names,
    )
    return Guessed(found[0], text, Text('set unit = "…" (with user = true for a user unit), or write a ladder'))


def _is_guessed(one: Component) -> bool:
    """Whether its ladder begins with the unit that its kind guesses, as an optional step."""
    first = one.plan.ladder[0].settings if one.plan.ladder else None
    return getattr(first, "optional", False) and getattr(first, "unit", "") == f"openclaw-{one.id}.service"
