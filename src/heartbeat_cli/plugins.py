"""Find the module of a kind: its file name is the kind, and only what is asked for is imported.

A kind that is no file of ours may be a plug-in of another package (an entry point of `heartbeat_cli.monitors`,
`.actions` or `.channels`). It runs in a process of its own, and a module that stands in for it is what is found here.
"""

import importlib
import os
from collections.abc import Iterable, Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from heartbeat_cli.errors import UsageError

if TYPE_CHECKING:
    from heartbeat_cli.plugin_host.host import Host

PACKAGES = ("monitors", "actions", "channels")
_hosts: "dict[tuple[str, str], Host]" = {}  # the processes of plug-ins, by package and kind


@cache  # a configuration of a thousand components asks a thousand times; likewise below
def kinds(package: str) -> tuple[str, ...]:
    """The built-in kinds of a package (`monitors`, `actions`, `channels`), by file name, sorted."""
    files = os.listdir(os.path.join(os.path.dirname(__file__), package))
    return tuple(sorted(name[:-3] for name in files if name.endswith(".py") and not name.startswith("_")))


def installed(package: str) -> tuple[str, ...]:
    """The kinds of a package that plug-ins have and that are not built in, sorted."""
    from heartbeat_cli.plugin_host import installed  # only where a kind is not built in, or all are listed

    return tuple(kind for kind in installed.installed(package) if kind not in kinds(package))


def known(package: str) -> tuple[str, ...]:
    """All kinds of a package, built in and of plug-ins."""
    return (*kinds(package), *installed(package))


def is_kind(package: str, kind: object) -> bool:
    """Whether a package has this kind, built in or of a plug-in."""
    return isinstance(kind, str) and (kind in kinds(package) or kind in installed(package))


def origins(package: str) -> list[str]:
    """The plug-ins of a package for people, each with its distribution."""
    from heartbeat_cli.plugin_host import installed as search

    every = search.installed(package)
    return [f"{kind} ({one.origin})" for kind in installed(package) for one in every[kind]]


@cache
def load(package: str, kind: str) -> ModuleType:
    """The module of a kind. Raises UsageError, which names the known kinds, for any other word. A plug-in that cannot
    be used is a module with `BROKEN`, which says why."""
    if kind in kinds(package):
        return importlib.import_module(f"heartbeat_cli.{package}.{kind}")
    if kind not in installed(package):
        raise UsageError(f"unknown kind {kind!r} of {package}; known: {', '.join(known(package))}")
    from heartbeat_cli.plugin_host import stand_in
    from heartbeat_cli.plugin_host.installed import installed as search

    found = search(package)[kind]
    return stand_in.module(_host(package, kind)) if len(found) == 1 else stand_in.several(found)


def begin(package: str, wanted: Iterable[str]) -> None:
    """Start the processes of those kinds that are plug-ins, so that all of them are imported at the same time."""
    for kind in {*wanted}.difference(kinds(package)):
        if kind in installed(package):
            _host(package, kind)


def _host(package: str, kind: str) -> "Host":
    if (package, kind) not in _hosts:
        from heartbeat_cli.plugin_host.host import Host
        from heartbeat_cli.plugin_host.installed import installed as search

        _hosts[package, kind] = Host(search(package)[kind][0])
    return _hosts[package, kind]


def end() -> None:
    """End the processes of all plug-ins."""
    for host in _hosts.values():
        host.hang_up()
    for host in _hosts.values():
        host.close()


def own_words(kind: str) -> tuple[str, Sequence[str]]:
    """What a plug-in says of a fault of its kind of component: what it means, and what a person should do; nothing for
    a kind that is built in, or that the configuration does not name: a row of another host has no plug-in imported."""
    if ("monitors", kind) not in _hosts:
        return "", ()
    module = load("monitors", kind)
    return getattr(module, "DESCRIPTION", ""), getattr(module, "ADVICE", ())


def uses_network(kind: str, settings: Any) -> bool:
    """Whether a component of this kind with these settings is reached over a network, by the kind's optional
    `host_of`."""
    from heartbeat_cli.domain.checking.isolation import is_remote

    host_of = getattr(load("monitors", kind), "host_of", None)
    return host_of is not None and settings is not None and is_remote(host_of(settings))


def grace(kind: str, settings: Any) -> float:
    """Seconds for which a component of this kind with these settings may go on failing after a step that helped, by the
    kind's optional `grace`; 0 without one."""
    of_kind = getattr(load("monitors", kind), "grace", None)
    return 0.0 if of_kind is None or settings is None else float(of_kind(settings))
