"""The folder in memory where a spool lives when the disk itself fails.

Everybody may write to `/dev/shm`, so any user can take the name of our folder there; once it is ours, nobody else can
remove or rename it. Only a folder that is this user's alone is used. Where another user has taken the name, ours gets a
random suffix, which cannot be taken in advance.
"""

import os
import stat
from binascii import crc32
from contextlib import suppress
from itertools import islice
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - open to all, so the owner and mode of our folder in it are checked
_MAX_NAMES = 20_000  # names that are looked through: somebody may have filled it with millions


def folder(of: Path) -> Path:
    """The folder for the files of `of`: the one that is there, else one that can be made. Two configurations of one
    user share the memory, but no spool."""
    usual = MEMORY / f"heartbeat-{os.getuid()}-{crc32(os.fsencode(os.path.realpath(of))):08x}"
    if is_ours(usual):
        return usual
    with suppress(OSError), os.scandir(MEMORY) as entries:
        for one in islice(entries, _MAX_NAMES):
            if one.name.startswith(f"{usual.name}-") and is_ours(Path(one.path)):
                return Path(one.path)
    return usual.with_name(f"{usual.name}-{os.urandom(8).hex()}") if os.path.lexists(usual) else usual


def is_ours(folder: Path) -> bool:
    """Whether a folder belongs to this user and nobody else may write to it: a spool has what components said."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
