"""The mount table, which of its filesystems are worth watching, and how full one is."""

import os
import re
from collections.abc import Iterable

from heartbeat_cli.domain.plain import lines_of
from heartbeat_cli.domain.record import Record

_REAL = frozenset(
    {
        *("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "nilfs2", "bcachefs", "reiserfs"),
        *("vfat", "exfat", "ntfs", "ntfs3", "apfs", "hfs", "ufs"),
    }
)
_REMOTE = frozenset({"cifs", "9p", "ceph", "glusterfs", "lustre", "afs", "fuse", "sshfs"})
_REMOTE_FAMILIES = ("nfs", "smb", "fuse.", "davfs")


class Mount(Record):
    """One mounted filesystem. `device` is the same for every mount of it; `root` is the part shown there."""

    point: str
    kind: str
    device: str
    root: str = "/"
    writable: bool = True

    @property
    def remote(self) -> bool:
        """Whether asking it may hang: its other end can be gone."""
        return self.kind in _REMOTE or self.kind.startswith(_REMOTE_FAMILIES)


class Usage(Record):
    """Room as an ordinary user has it and `df` shows it: the reserve of root counts as used up."""

    used_percent: float
    free: float
    inodes_used_percent: float | None


def read(proc: str = "/proc") -> list[Mount]:
    """Every mount this process sees, in order of mounting. Raises OSError."""
    with open(f"{proc}/self/mountinfo", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        return parse(file.read())


def parse(mountinfo: str) -> list[Mount]:
    found = []
    for line in lines_of(mountinfo):
        head, _, tail = line.partition(" - ")
        words, more = head.split(" "), tail.split(" ")
        if len(words) >= 6 and more[0]:
            # The mount's own options and the filesystem's: read-only in either cannot fill up from here.
            options = [*words[5].split(","), *more[-1].split(",")]
            found.append(Mount(_unescape(words[4]), more[0], words[2], words[3], "ro" not in options))
    return found


def _unescape(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path) if "\\" in path else path


def worth_watching(mounts: Iterable[Mount]) -> list[Mount]:
    """Real, local, writable filesystems, each once, under its best name (no bind mount if it can be helped).

    A container's root is an overlay, which is real to those who live in it.
    """
    kept: dict[str, Mount] = {}
    for mount in sorted(mounts, key=lambda mount: (mount.root != "/", len(mount.point), mount.point)):
        real = mount.kind in _REAL or (mount.kind == "overlay" and mount.point == "/")
        if real and mount.writable and mount.device not in kept:
            kept[mount.device] = mount
    return sorted(kept.values(), key=lambda mount: mount.point)


def without_mounts(folders: Iterable[str], proc: str = "/proc") -> tuple[str, ...]:
    """Those of the folders that are there and neither are a filesystem worth watching nor hold the mount of one."""
    try:
        points = [one.point for one in worth_watching(read(proc))]
    except OSError:
        return ()
    return tuple(
        one for one in folders if os.path.isdir(one) and not any(f"{point}/".startswith(f"{one}/") for point in points)
    )


def usage(point: str) -> Usage | None:
    """Room at `point`; None for a filesystem without a size. Raises OSError, and may hang on a remote one."""
    stat = os.statvfs(point)
    used = stat.f_blocks - stat.f_bfree
    room = used + stat.f_bavail
    if room <= 0:
        return None
    used_inodes = stat.f_files - stat.f_ffree
    inodes = used_inodes + stat.f_favail
    return Usage(
        100.0 * used / room,
        float(stat.f_bavail * stat.f_frsize),
        100.0 * used_inodes / inodes if stat.f_files > 0 and inodes > 0 else None,
    )
