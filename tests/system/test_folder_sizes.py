"""The walk over real folders, in whatever shape they are, and what of them is named."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.system import in_threads, mounts
from heartbeat_cli.system.folder_sizes import Nodes, Seen, _Folder, _Walker, heaviest, walk
from tests.parts import long_folders
from tests.parts.filesystems import disk as disk
from tests.parts.filesystems import fill, hanging_mount
from tests.parts.measured import measured
from tests.parts.scratch import open_to_others
from tests.parts.users import need_root

MB = 1_000_000


def seen(point: Path, seconds: float = 20, most: int = 200_000) -> Seen:
    return walk(str(point), {mount.point for mount in mounts.read()}, time.monotonic() + seconds, most)


def largest(found: Seen, below: Path) -> dict[str, int]:
    return {path.removeprefix(str(below)): size // MB for path, size in heaviest(found.nodes, found.sizes)}


def test_the_largest_folders_and_files_are_named_as_deep_as_they_lie(disk: Path) -> None:
    for number in range(40):
        fill(disk / f"var/log/app/{number}.log", MB // 4)
    fill(disk / "home/ann/model.gguf", 20 * MB)
    fill(disk / "home/ann/notes", 1000)
    found = seen(disk)
    assert largest(found, disk) == {"/home/ann/model.gguf": 20, "/var/log/app/": 10}
    assert found.complete and found.unread == 0
    assert sum(found.sizes) == pytest.approx(found.used, rel=0.01)
    assert sum(found.counts) == 40 + 2 + 5 == found.used_entries - 1, "the root is one more"


def test_a_link_leads_nowhere_and_a_file_of_two_names_counts_once(disk: Path, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere/huge", 9 * MB)
    fill(disk / "one/file", 5 * MB)
    os.link(disk / "one/file", disk / "again")
    os.symlink(tmp_path / "elsewhere", disk / "link")
    os.symlink(disk, disk / "one/round")
    fill(disk / "solo", 2 * MB)
    os.symlink(disk / "solo", disk / "one/solo")
    found = seen(disk)
    assert sum(found.sizes) // MB == 7 and found.complete and found.unread == 0
    assert sum(found.counts) == 1 + 5, "a file of two names is one, and a link is one"


def test_a_folder_whose_place_another_one_takes_meanwhile_is_left_out(disk: Path) -> None:
    (disk / "a").mkdir()
    fill(disk / "b/file", 2 * MB)
    walker = _Walker(str(disk), frozenset(), 64 * MB, time.monotonic() + 20, 1000)
    number = walker._node("a/", walker._queue[0])
    walker._queue[0] = _Folder(number, (disk / "a").stat().st_ino, number, 1)
    (disk / "a").rename(disk / "c")
    (disk / "b").rename(disk / "a")
    assert walker.run() and not any(walker.sizes)


def test_another_filesystem_below_is_left_out_in_the_table_or_not(disk: Path) -> None:
    fill(disk / "own", 2 * MB)
    (disk / "below").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", disk / "below"], check=True)
    try:
        fill(disk / "below/other", 9 * MB)
        assert largest(seen(disk), disk) == {"/own": 2}
        found = walk(str(disk), (), time.monotonic() + 20)
        assert (sum(found.sizes) // MB, sum(found.counts)) == (2, 1)
    finally:
        subprocess.run(["umount", "-l", disk / "below"], check=True)


def test_a_mount_whose_server_is_gone_is_not_asked(disk: Path) -> None:
    fill(disk / "own", 2 * MB)
    with hanging_mount(disk):
        found = in_threads.results({"it": lambda: seen(disk)}, time.monotonic() + 20)
    assert isinstance(found["it"], Seen), "the walk hangs at the mount"
    assert found["it"].complete


def test_a_walk_that_is_cut_off_says_so_and_has_seen_the_upper_folders(disk: Path) -> None:
    for number in range(30):
        fill(disk / f"a/b/c/{number}", 1000)
    fill(disk / "z", 3 * MB)
    found = seen(disk, most=5)
    assert not found.complete and sum(found.counts) == 5
    assert largest(found, disk) == {"/z": 3}
    late = seen(disk, seconds=-1)
    assert (late.complete, sum(late.counts)) == (False, 0)


def test_folders_deeper_than_the_walk_goes_and_names_that_are_no_text(disk: Path) -> None:
    deep = disk / "/".join(["d"] * 70)
    fill(deep / "file", MB)
    os.mkdir(os.fsencode(disk) + b"/\xff\xfe")
    found = seen(disk)
    assert not found.complete
    assert sum(found.sizes) < MB
    shutil.rmtree(disk / "d")
    fill(disk / "/".join(["e"] * 30) / "file", MB)
    for number in range(200):
        fill(disk / "/".join(["e"] * 30) / f"{number}", 10_000)
    assert largest(seen(disk), disk) == {"/" + "e/" * 10: 2, "/" + "e/" * 30 + "file": 1}


def test_what_may_not_be_read_is_counted_and_named() -> None:
    need_root()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        for name in ("open", "shut", "shut2"):
            fill(folder / name / "file", 1000)
        (folder / "shut").chmod(0o700)
        (folder / "shut2").chmod(0o700)
        os.seteuid(65_534)
        try:
            found = seen(folder)
        finally:
            os.seteuid(0)
    assert found.unread == 2
    assert found.first_unread in (f"{folder}/shut/", f"{folder}/shut2/")


def test_a_point_that_is_gone() -> None:
    with pytest.raises(OSError):
        walk("/no/such/point", (), time.monotonic() + 5)


_WALK = """
import os, time
from heartbeat_cli.system import folder_sizes
os.seteuid(int(sys.argv[2]))
seen = folder_sizes.walk(sys.argv[1], (), time.monotonic() + 50)
said = [sum(seen.counts), seen.unread, seen.complete]
"""


@pytest.mark.whole
@pytest.mark.parametrize(("reader", "unread"), [(0, 0), (65_534, 20_000)])
def test_paths_as_long_as_they_may_be_take_little_memory(reader: int, unread: int) -> None:
    """Another user's folders: 20,000 paths of 4,000 bytes, some signs of them four bytes wide."""
    need_root()
    with open_to_others() as folder:
        long_folders.make(folder, 14, 20_000)
        found = measured(_WALK, folder, reader)
    assert found.said == [20_014, unread, True] and found.peak < 80, found


def test_names_that_there_is_no_room_for_are_counted_and_not_read(disk: Path) -> None:
    for number in range(50):
        fill(disk / f"{number:02d}/{'x' * 100}/file", 1000)
    found = walk(str(disk), (), time.monotonic() + 20, names=1_000)
    assert not found.complete and found.unread == 0
    assert sum(found.counts) == 50 + 50 + 9, "the folders of 1,000 bytes of names are read to their end"


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1000)), max_size=40), st.integers(1, 20))
def test_no_weight_is_named_twice_and_all_that_is_heavy_is_named(rows: list[tuple[int, int]], parts: int) -> None:
    nodes, weights = Nodes("/"), [0]
    for number, (above, weight) in enumerate(rows, 1):
        up = above % number
        nodes.add(f"{number}/", up, up)
        weights.append(weight)
    found = heaviest(nodes, weights, 1 / parts, most=100)
    total = sum(weights)
    assert sum(weight for _, weight in found) <= total
    assert all(weight >= total / parts for _, weight in found)
    assert sum(weight for _, weight in found) > total - max(1, total / parts) or total == 0
    assert [weight for _, weight in found] == sorted((weight for _, weight in found), reverse=True)
