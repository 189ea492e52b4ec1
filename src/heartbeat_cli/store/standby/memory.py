"""The folder in memory that a spool lives in when the disk itself is the trouble.

Everybody may write to `/dev/shm`, and take a name there that can be guessed. The end of our folder's name is random and
kept in the state folder, which others cannot read, as the target of a symbolic link: making one is atomic, and takes no
room on a full disk. Only a folder that is this user's alone is used.
"""

import os
import stat
from binascii import crc32
from contextlib import suppress
from pathlib import Path

from heartbeat_cli.system import trusted

MEMORY = Path("/dev/shm")  # noqa: S108 - open to all, so the owner and mode of our folder in it are checked
_KEPT = "memory"  # the link in the state folder
_HEX = frozenset("0123456789abcdef")


def folder(of: Path) -> Path:
    """The folder for the files of `of`, which need not exist. Two configurations of one user share the memory, but no
    spool. An earlier version's folder, whose name has no random end, is used while it is there."""
    usual = MEMORY / f"heartbeat-{os.getuid()}-{crc32(os.fsencode(os.path.realpath(of))):08x}"
    end = _end(of / _KEPT)
    return usual if end is None or is_ours(usual) else usual.with_name(f"{usual.name}-{end}")


def _end(kept: Path) -> str | None:
    """The random end, made the first time; None while there is no state folder of ours to keep it in."""
    if not os.path.lexists(kept):
        with suppress(OSError):
            os.symlink(os.urandom(8).hex(), kept)
    with suppress(OSError):
        end = os.readlink(kept)
        if trusted.is_ours(os.lstat(kept)) and len(end) == 16 and _HEX.issuperset(end):
            return end
    return None


def is_ours(folder: Path) -> bool:
    """A spool holds what components said: its folder must be this user's alone (nobody else may plant a file there)."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
