"""Resolves `env:NAME` and `file:PATH` in the configuration."""

import os
from pathlib import Path

from heartbeat_cli.system import trusted

_MAX_BYTES = 65_536  # what `file:` reads; a bigger file is a mistake


class UnresolvedReference(Exception):
    """A reference that gives nothing usable; the text says why."""


def follow(text: str, folder: Path) -> str | None:
    """What the reference gives, None for a text that is none; a path is relative to `folder`. Raises
    UnresolvedReference."""
    if text.startswith("env:"):
        return _environment(text[4:])
    return _content(text[5:], folder) if text.startswith("file:") else None


def _environment(name: str) -> str:
    found = os.environ.get(name)
    if found is None:
        raise UnresolvedReference(
            f"environment variable {name or '(no name)'} is not set (cron starts with almost none)"
        )
    if not found.isascii() and any("\udc80" <= char <= "\udcff" for char in found):
        raise UnresolvedReference(f"environment variable {name} is not UTF-8 text")
    if not found.strip():
        raise UnresolvedReference(f"environment variable {name} is empty")
    return found


def _content(path: str, folder: Path) -> str:
    """The text of a file, relative to the configuration's folder, without the white space around it."""
    path = path or "(no path)"
    try:
        data = trusted.read(folder / os.path.expanduser(path), _MAX_BYTES)
        if len(data) > _MAX_BYTES:
            raise UnresolvedReference(f"cannot read {path}: is larger than {_MAX_BYTES // 1024} KiB")
        text = data.decode().strip()
    except OSError as error:
        raise UnresolvedReference(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UnresolvedReference(f"cannot read {path}: is not UTF-8 text") from error
    if not text:
        raise UnresolvedReference(f"cannot read {path}: is empty")
    return text
