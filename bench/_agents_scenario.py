"""What a scenario of `bench agents` is: a component, how it is broken, and the label that a check must arrive at."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bench._agents_parts import Part, Small

Restart = Literal["must", "may", "never"]


def nothing() -> None:
    """A break that is only a change of the configuration, or none at all."""


class Scenario(NamedTuple):
    """`label` is the category of the fault, or `healthy`, `unknown`, or `none` (degraded without a category).

    restart: must (and it must be healthy again after that), may, or never: there a restart mends nothing
    settings: the component's table besides kind, and `after` what is changed in it when all is broken
    fail: breaks it
    curl: the address that a loop of `curl -f -m 3` would ask; None: there is none
    steps: its ladder
    keys: common keys and keys of recovery that differ from the others'
    """

    id: str
    kind: str
    label: str
    restart: Restart
    settings: Mapping[str, Any]
    fail: Callable[[], object] = nothing
    curl: str | None = None
    steps: tuple[Mapping[str, Any], ...] = ()
    after: Mapping[str, Any] = {}
    keys: Mapping[str, Any] = {}
    recovery: Mapping[str, Any] = {}


class Place:
    """Where the parts of a group live; they end with `stack`. Without `wanted` all scenarios are played."""

    def __init__(self, folder: Path, stack: ExitStack, wanted: frozenset[str] = frozenset()) -> None:
        self.folder, self.stack, self.wanted = folder, stack, wanted
        self.parts: list[Part] = []

    def add(self, part: Part) -> Part:
        self.parts.append(part)
        return part

    def small(self, name: str, well: Mapping[str, Any], *, shared: bool = False) -> Small:
        part = Small(self.folder / name, well, shared=shared)
        self.add(part)
        return part

    def start(self) -> None:
        """Start what the scenarios need, first what several of them share, and wait until it answers."""
        needed = [one for one in self.parts if one.shared or not self.wanted or one.folder.name in self.wanted]
        for shared in (True, False):
            parts = [one for one in needed if one.shared == shared]
            for part in parts:
                self.stack.callback(part.stop)
                part.start()
            for part in parts:
                part.wait()
