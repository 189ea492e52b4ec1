"""Containers and units that are components twice: of two blocks with `match`, or of one and as they are written."""

import os
from collections.abc import Hashable, Iterator
from contextlib import suppress

from heartbeat_cli.config import warnings
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import Component, watched_by
from heartbeat_cli.domain.finding import Finding
from heartbeat_cli.domain.kinds import docker_host, systemd
from heartbeat_cli.domain.text import Text


def findings(config: Config) -> Iterator[Finding]:
    """A warning for each two blocks (or a block and a component) that have things in common, with the first of them.
    Those that two hosts watch do not count, nor what is written twice."""
    if not config.groups:
        return
    matching = {one.id for one in config.groups}
    seen: dict[Hashable, Component] = {}
    common: dict[tuple[str, str], list[Text]] = {}
    for one in config.components.values():
        thing = _thing(one) if watched_by(one, config.observer) else None
        if thing is None or (first := seen.setdefault(thing, one)) is one:
            continue
        block, other = sorted(
            (config.blocks.get(id_, id_) for id_ in (one.id, first.id)), key=lambda id_: id_ not in matching
        )
        if block in matching:
            both = Text("{first} and {second} are both {thing}", first=first.id, second=one.id, thing=thing[-1])
            common.setdefault((block, other), []).append(both)
    advice = Text("narrow the match of one of them: each is checked, notified and restarted by itself")
    for (block, other), lines in common.items():
        text = Text("fits what components.{other} watches: {both}", other=other, both=lines[0])
        if more := len(lines) - 1:
            text = Text.counted(more, "{text}, and {n} other likewise", "{text}, and {n} others likewise", text=text)
        for line in warnings.located_lines(config, [(f"components.{block}.match", text)]):
            yield Finding("config", "warn", line, advice)


def _thing(one: Component) -> tuple[str, ...] | None:
    """What a component is: whom to ask, and the container or unit, which comes last; None for anything else."""
    if one.settings is None:
        return None
    if one.kind == "docker" and one.settings.container:
        host = one.settings.host
        with suppress(ValueError):
            host = docker_host.address(host, os.environ)
        return "docker", host, one.settings.container
    if one.kind == "service" and one.settings.unit:
        return "service", *one.settings.systemctl, str(one.settings.user), systemd.full_name(one.settings.unit)
    return None
