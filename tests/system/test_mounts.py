"""Recorded mount tables, and the room of this machine's root held against `shutil`."""

import shutil
from pathlib import Path

import psutil
import pytest

from heartbeat_cli.system import mounts, portable

TABLE = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda1 rw,discard
28 27 0:25 / /run rw,nosuid - tmpfs tmpfs rw,size=4k
30 27 254:0 /var/lib/docker /var/lib/docker rw,relatime shared:1 - ext4 /dev/vda1 rw,discard
31 27 254:16 / /srv/my\040data rw,relatime shared:3 master:2 - xfs /dev/vdb rw
32 27 254:16 / /a rw,relatime - xfs /dev/vdb rw
33 27 7:1 / /snap/core/1 ro,nodev - squashfs /dev/loop1 ro
34 27 254:32 / /mnt/archive ro,relatime - ext4 /dev/vdc ro
35 27 0:50 / /mnt/nas rw,relatime - nfs4 nas:/export rw,vers=4.2
36 27 0:51 / /mnt/ssh rw,relatime - fuse.sshfs me@host:/ rw
37 27 0:39 / /var/lib/docker/overlay2/7f/merged rw - overlay overlay rw,lowerdir=/l
38 27 0:60 /@home /home rw - btrfs /dev/vdd rw,subvol=/@home
39 27 0:60 /@ /opt rw - btrfs /dev/vdd rw,subvol=/@
41 27 254:48 /inner /z rw - ext4 /dev/vde rw
42 27 254:48 / /srv/whole rw - ext4 /dev/vde rw
40 27 8:1 / /boot/efi rw - vfat /dev/vda15 rw
broken line
"""


def test_real_local_writable_filesystems_each_once() -> None:
    found = mounts.worth_watching(mounts.parse(TABLE))
    assert [mount.point for mount in found] == ["/", "/a", "/boot/efi", "/opt", "/srv/whole"]


def test_a_container_has_its_overlay_as_root() -> None:
    table = "1 0 0:39 / / rw - overlay overlay rw\n2 1 0:5 / /dev rw - tmpfs tmpfs rw\n"
    assert [mount.point for mount in mounts.worth_watching(mounts.parse(table))] == ["/"]


def test_names_with_blanks_and_remote_ones_are_known() -> None:
    found = {mount.point: mount for mount in mounts.parse(TABLE)}
    assert "/srv/my data" in found
    assert [point for point, mount in found.items() if mount.remote] == ["/mnt/nas", "/mnt/ssh"]
    assert [point for point, mount in found.items() if not mount.writable] == ["/snap/core/1", "/mnt/archive"]


def test_this_machine() -> None:
    assert "/" in {mount.point for mount in mounts.read()}
    usage = mounts.usage("/")
    assert usage is not None
    assert usage.used_percent == pytest.approx(psutil.disk_usage("/").percent, abs=1)
    assert usage.free == pytest.approx(shutil.disk_usage("/").free, rel=0.05)
    assert mounts.usage("/proc") is None


def test_the_portable_table_agrees() -> None:
    ours = {mount.point for mount in mounts.worth_watching(mounts.read())}
    assert "/" in ours
    assert ours <= {mount.point for mount in portable.mounts()}


def test_folders_that_can_be_made_read_only_without_hiding_a_filesystem(tmp_path: Path) -> None:
    """What is mounted below one becomes read-only with it."""
    for name in ("self", "etc", "usr/local", "use"):
        (tmp_path / name).mkdir(parents=True)
    lines = ["21 1 8:1 / / rw - ext4 /dev/sda1 rw", f"22 21 8:2 / {tmp_path}/usr/local rw - ext4 /dev/sda2 rw"]
    (tmp_path / "self/mountinfo").write_text("\n".join([*lines, ""]))
    folders = [f"{tmp_path}/{name}" for name in ("etc", "usr", "usr/local", "use", "missing")]
    found = mounts.without_mounts(folders, str(tmp_path))
    assert found == (f"{tmp_path}/etc", f"{tmp_path}/use")
    assert mounts.without_mounts(folders, f"{tmp_path}/missing") == ()


def test_there_may_be_many() -> None:
    lines = [f"{n} 27 254:{n} / /srv/{n} rw - zfs tank/{n} rw" for n in range(500)]
    assert len(mounts.worth_watching(mounts.parse("\n".join(lines)))) == 500
