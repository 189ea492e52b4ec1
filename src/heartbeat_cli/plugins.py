"""Find the module of a kind: its file name is the kind, and only what is asked for is imported."""

import importlib
import re
from functools import cache
from pathlib import Path
from types import ModuleType

from heartbeat_cli.errors import UsageError

ROOMS = ("monitors", "actions", "channels")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@cache  # a configuration of a thousand components asks a thousand times
def kinds(room: str) -> tuple[str, ...]:
    """The kinds of a room (`monitors`, `actions`, `channels`), by file name, sorted."""
    folder = Path(__file__).parent / room
    return tuple(sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")))


def load(room: str, kind: str) -> ModuleType:
    """The module of `kind`. Raises UsageError, naming the known ones, for any other word."""
    if not _NAME.fullmatch(kind) or kind not in kinds(room):
        raise UsageError(f"unknown kind {kind!r} of {room}; known: {', '.join(kinds(room))}")
    return importlib.import_module(f"heartbeat_cli.{room}.{kind}")
