"""The files that the patterns of `[heartbeat] include` name. A folder that cannot be listed is a mistake: taken for an
empty one, the components in it would be unseen, and all the others well.
"""

import errno
import fnmatch
import os
import re
from collections.abc import Iterator
from pathlib import Path

from heartbeat_cli.errors import ConfigError

_GONE = (errno.ENOENT, errno.ENOTDIR)


def matches(path: Path, pattern: str) -> list[str]:
    """The files that a pattern in the configuration `path` names, in sorted order. A name without a wildcard stands for
    itself, whether there is such a file or not. Raises ConfigError, which names the folder."""
    full = os.path.join(path.absolute().parent, os.path.expanduser(pattern))
    own = f"{path.absolute().parent}/"
    start = own if full.startswith(own) else "/"  # wildcards in the path of the configuration's folder are none
    parts = [part for part in full.removeprefix(start).split("/") if part]
    if not any(map(_is_wild, parts)):
        return [full]
    found, fixed = [start], True
    for part in parts:
        if _is_wild(part):
            found = [os.path.join(one, name) for one in found for name in _names(one, part, fixed)]
            fixed = False
        elif fixed:
            found = [os.path.join(found[0], part)]
        else:
            found = [one for one in (os.path.join(one, part) for one in found) if _is_there(one)]
    return sorted(found)


def _is_wild(part: str) -> bool:
    return any(sign in part for sign in "*?[")


def _names(folder: str, part: str, fixed: bool) -> Iterator[str]:
    """The names in a folder that a part of a pattern matches, as in a shell: a leading dot only if the part has one.
    `fixed`: no wildcard led to the folder, so it must be there."""
    try:
        names = os.listdir(folder)
    except OSError as error:
        if error.errno in _GONE and not fixed and not _dangles(folder):
            return  # a file, or gone since it was found
        raise ConfigError([f"{folder.rstrip('/') or '/'}: cannot be read: {error.strerror}"]) from error
    match = re.compile(fnmatch.translate(part)).match
    yield from (name for name in names if match(name) and (part[0] == "." or name[0] != "."))


def _is_there(path: str) -> bool:
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno in _GONE and not _dangles(os.path.dirname(path)):
            return False
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    return True


def _dangles(folder: str) -> bool:
    """Whether a folder is a link to what is not there, as to a mount that is away."""
    return os.path.islink(folder) and not os.path.exists(folder)
