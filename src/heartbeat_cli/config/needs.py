"""What a pass with a configuration needs of the machine, by what the kinds in it say."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.config.sections import SQLITE
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.component import Component, healed_by, watched_by
from heartbeat_cli.domain.needs import Needs, together

_ANYTHING = Needs(programs=True, lives_on=True)


def needed(config: Config) -> Needs:
    """What the passes of this host need. Folders are absolute, without links; the state folder is not among them."""
    found = together([*_components(config), *_channels(config), *_groups(config), Needs(writes=(*_pages(config),))])
    state = os.path.realpath(config.state_dir)
    folders = {os.path.realpath(os.path.expanduser(folder)) for folder in found.writes}
    return found._replace(writes=tuple(sorted(folders - {state})))


def _components(config: Config) -> Iterator[Needs]:
    for one in config.components.values():
        if watched_by(one, config.observer):
            yield _of("monitors", one.kind, one.settings)
            yield from _recovery(one, config.observer)


def _recovery(component: Component, observer: str) -> Iterator[Needs]:
    """What the steps need that this host may take by itself or on a person's word."""
    plan = component.plan
    if plan.mode == "off" or not healed_by(component, observer):
        return
    guard = (plan.guard.busy, plan.guard.drain) if plan.guard else ()
    for step in (*plan.ladder, *guard):
        if step is not None:
            yield _of("actions", step.action, step.settings)


def _channels(config: Config) -> Iterator[Needs]:
    for one in config.channels.values():
        yield _of("channels", one.kind, one.settings)


def _groups(config: Config) -> Iterator[Needs]:
    """Of blocks with `match`: what they will find has the block's own ladder, or one with scripts."""
    for one in config.groups:
        ladder = one.table.get("recovery", config.recovery.mode)
        if isinstance(ladder, dict) or (ladder != "off" and config.recovery.scripts is not None):
            yield _ANYTHING
        elif "systemctl" in one.table:
            yield Needs(programs=True)


def _of(package: str, kind: str, settings: Any) -> Needs:
    module = plugins.load(package, kind)
    if not module.__name__.startswith("heartbeat_cli."):  # of another package: nothing is known of it
        return _ANYTHING
    needs = getattr(module, "needs", None)
    # Without settings (a reference is unresolved just now) what a program may need.
    found: Needs = Needs() if needs is None else Needs(programs=True) if settings is None else needs(settings)
    return found


def _pages(config: Config) -> Iterator[str]:
    """The folders of the store and of what is written for people."""
    if config.store.startswith(SQLITE):
        yield str(Path(config.store.removeprefix(SQLITE)).parent)
    for file in (config.dashboard.file, config.status_page.file):
        if file and not file.startswith(("/dev/", "/proc/")):  # as /dev/stdout
            yield str(Path(file).parent)
    if config.dashboard.badges:
        yield config.dashboard.badges
