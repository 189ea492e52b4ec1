"""Access control lists, written without `setfacl`: https://man7.org/linux/man-pages/man5/acl.5.html."""

import os
import struct
from pathlib import Path

from tests.parts import lacking

_OWNER, _USER, _GROUP, _MASK, _OTHERS, _NOBODY_NAMED = 1, 2, 4, 16, 32, 0xFFFFFFFF


def let_write(path: Path, uid: int) -> None:
    """Give one more user the right to write a file or folder; its mode then shows as that of its group."""
    search = 1 if path.is_dir() else 0
    entries = (
        (_OWNER, 6 | search, _NOBODY_NAMED),
        (_USER, 6 | search, uid),
        (_GROUP, 4 | search, _NOBODY_NAMED),
        (_MASK, 6 | search, _NOBODY_NAMED),
        (_OTHERS, 4 | search, _NOBODY_NAMED),
    )
    packed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *one) for one in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", packed)
    except OSError:
        lacking("a filesystem with access control lists")
