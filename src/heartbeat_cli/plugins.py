"""Find the module of a kind: its file name is the kind, and only what is asked for is imported."""

import importlib
import os
from functools import cache
from types import ModuleType
from typing import Any

from heartbeat_cli.errors import UsageError

PACKAGES = ("monitors", "actions", "channels")


@cache  # a configuration of a thousand components asks a thousand times; likewise below
def kinds(package: str) -> tuple[str, ...]:
    """The kinds of a package (`monitors`, `actions`, `channels`), by file name, sorted."""
    files = os.listdir(os.path.join(os.path.dirname(__file__), package))
    return tuple(sorted(name[:-3] for name in files if name.endswith(".py") and not name.startswith("_")))


@cache
def load(package: str, kind: str) -> ModuleType:
    """The module of a kind. Raises UsageError, which names the known kinds, for any other word."""
    if kind not in kinds(package):
        raise UsageError(f"unknown kind {kind!r} of {package}; known: {', '.join(kinds(package))}")
    return importlib.import_module(f"heartbeat_cli.{package}.{kind}")


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
