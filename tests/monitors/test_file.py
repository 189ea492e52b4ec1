"""Real files in real folders: missing, old, small, many, unreadable, dated in the future."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.config import load
from heartbeat_cli.domain.category import Failure
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.domain.kinds import file_limits, sizes
from heartbeat_cli.domain.kinds.file_limits import Limits, Seen, judge
from heartbeat_cli.domain.recovery import holds
from heartbeat_cli.errors import ConfigError, Unobservable
from heartbeat_cli.monitors import file
from heartbeat_cli.monitors.file import Settings
from heartbeat_cli.passes.check.engine import Asked, run_checks
from heartbeat_cli.system import file_search
from tests.parts import lacking, long_folders, scratch, users
from tests.parts.measured import measured

HOUR = 3_600.0
NOW = time.time()
PATH = "expected the absolute path of a file, or a glob of files"


def write(path: Path, size: int = 10, age: float = HOUR) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (NOW - age, NOW - age))
    return path


def check(path: str | Path, memory: Mapping[str, Any] | None = None, now: float = NOW, **keys: Any) -> Reading:
    return file.probe(Settings(str(path), **keys), CheckContext("it", 5.0, now, memory or {}))


def said(reading: Reading) -> tuple[str, str | None]:
    return reading.status, reading.error


def values(reading: Reading) -> dict[str, float]:
    return {metric.name: metric.value for metric in reading.metrics}


# --- presence and rights ---------------------------------------------------------------------------------------------


def test_a_file_that_is_there_and_one_that_is_not(tmp_path: Path) -> None:
    path = write(tmp_path / "dump")
    reading = check(path)
    assert said(reading) == ("healthy", None) and not reading.evidence
    assert values(reading) == {"count": 1, "total_bytes": 10, "age_seconds": pytest.approx(HOUR), "size_bytes": 10}
    reading = check(tmp_path / "none")
    assert said(reading) == ("unhealthy", f"there is no {tmp_path}/none")
    assert reading.failure == Failure("dependency", "person") and not reading.certain
    assert values(reading) == {"count": 0, "total_bytes": 0}
    assert check(tmp_path / "none" / "below").status == "unhealthy"
    assert check(path / "below").status == "unhealthy"
    assert check(tmp_path / "*.none").status == "unhealthy"
    assert check(tmp_path / "none" / "*").status == "unhealthy"
    assert check(tmp_path / "*.none", min_count=0).status == "healthy"


def test_no_step_mends_it_unless_the_user_says_so(tmp_path: Path) -> None:
    reading = check(tmp_path / "none")
    assert reading.failure is not None
    assert str(holds.cannot_mend(reading.failure)).endswith("a person has to")
    assert check(tmp_path / "none", category="process").failure == Failure("process", "restart")
    assert check(tmp_path / "none", category="quota").failure == Failure("quota", "person")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(Unobservable) as caught:
        check(tmp_path)
    assert str(caught.value) == f"{tmp_path} is a folder; its files are {tmp_path}/*"
    (tmp_path / "sub").mkdir()
    assert values(check(tmp_path / "*", min_count=0))["count"] == 0


def test_a_pipe_or_a_socket_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert check(tmp_path / "pipe").status == "healthy"
    assert values(check(tmp_path / "*"))["count"] == 1


_AS_NOBODY = """
import json, sys, time
from heartbeat_cli.domain.checking.result import CheckContext
from heartbeat_cli.monitors import file
from heartbeat_cli.domain.checking import guarded
for keys in json.loads(sys.argv[1]):
    context = CheckContext("it", 5.0, time.time())
    reading = guarded.guarded(context, file.probe, file.Settings(**keys), context)
    print(json.dumps([reading.status, reading.error]))
"""


def as_nobody(*settings: Mapping[str, Any]) -> list[list[Any]]:
    users.need_root()
    argv = ["setpriv", f"--reuid={users.NOBODY}", f"--regid={users.NOBODY}", "--clear-groups"]
    argv += [sys.executable, "-c", _AS_NOBODY, json.dumps(settings)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_may_not_be_read_is_neither_there_nor_missing(tmp_path: Path) -> None:
    users.need_root()
    scratch.let_others_in(tmp_path)
    open_, locked, listed = tmp_path / "open", tmp_path / "locked", tmp_path / "listed"
    for folder in (open_, locked, listed):
        write(folder / "a.dump")
        folder.chmod(0o755)
    locked.chmod(0o700)
    listed.chmod(0o704)
    unread = f"{locked}: permission denied"
    assert as_nobody(
        {"path": f"{open_}/a.dump"},
        {"path": f"{locked}/a.dump"},
        {"path": f"{locked}/*.dump"},
        {"path": f"{listed}/*.dump"},
        {"path": f"{tmp_path}/**/*.dump"},
        {"path": f"{tmp_path}/**/*.dump", "max_age": 60},
        {"path": f"{tmp_path}/**/*.dump", "max_count": 0, "min_count": 0},
    ) == [
        ["healthy", None],
        ["unknown", f"{locked}/a.dump: permission denied"],
        ["unknown", unread],
        ["unknown", f"{listed}: permission denied"],
        ["healthy", None],
        ["unknown", f"{listed}, {locked}: permission denied"],
        ["unhealthy", "1 file (limit 0)"],
    ]


def test_a_limit_does_not_hold_because_a_folder_may_not_be_read(tmp_path: Path) -> None:
    users.need_root()
    scratch.let_others_in(tmp_path)
    for name, mode in (("open", 0o755), ("locked", 0o700)):
        write(tmp_path / name / "a.dump", size=100, age=2 * HOUR)
        write(tmp_path / name / "b.dump", size=100, age=3 * HOUR)
        (tmp_path / name).chmod(mode)
    path = f"{tmp_path}/*/*.dump"
    could: list[dict[str, Any]] = [{"max_count": 3}, {"total_max_size": 300}, {"min_age": HOUR}, {"min_size": 10}]
    could += [{"max_size": 200}, {"shrink_warn": 50}]
    cannot: list[dict[str, Any]] = [{}, {"min_count": 2}, {"max_age": 99 * 365 * 24 * HOUR}]
    unknown = ["unknown", f"{tmp_path}/locked: permission denied"]
    assert as_nobody(*({"path": path, **limits} for limits in could)) == [unknown] * len(could)
    assert as_nobody(*({"path": path, **limits} for limits in cannot)) == [["healthy", None]] * len(cannot)
    (sure,) = as_nobody({"path": path, "max_count": 1})
    assert sure == ["unhealthy", "2 files (limit 1)"]


@contextmanager
def unserved(folder: Path) -> Iterator[Callable[[], None]]:
    """A mounted file system in user space that never answers: a FUSE device that nobody serves. What is given ends it:
    from then on it answers with errors."""
    users.need_root()
    folder.mkdir()
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        lacking(f"/dev/fuse: {error}")
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    mount = "ctypes.CDLL(None).mount(b'x', sys.argv[1].encode(), b'fuse', 0, sys.argv[2].encode())"
    argv = [sys.executable, "-c", f"import ctypes, sys; sys.exit({mount})", str(folder), options]
    with ExitStack() as ended:
        ended.callback(os.close, device)
        if subprocess.run(argv, pass_fds=[device], check=False).returncode:
            lacking("the right to mount a file system")
        try:
            yield ended.close
        finally:
            ended.close()  # which ends what waits
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_gives_errors_is_unknown(tmp_path: Path) -> None:
    with unserved(tmp_path / "broken") as end:
        end()
        for path in ("broken/x", "broken/*", "*/x", "broken/**"):
            with pytest.raises(Unobservable, match="not connected"):
                check(tmp_path / path)


@pytest.mark.parametrize("path", ["/*.dump", "/**/*.dump", "/*/x", "/z.dump", "/z.dump/x", "/**/x"])
@pytest.mark.parametrize("target", ["z.dump", "n" * 300, "/n" * 3_000, "nothing"])
def test_a_link_that_leads_nowhere_is_no_file_and_hides_none(tmp_path: Path, path: str, target: str) -> None:
    """Any user may put one into a folder that he may write, and would blind the check of all that is in it."""
    try:
        (tmp_path / "z.dump").symlink_to(target)
    except OSError:  # longer than the kernel takes
        (tmp_path / "z.dump").symlink_to("/n" * 2_000)
    assert check(f"{tmp_path}{path}").status == "unhealthy", "there is none"
    write(tmp_path / "a.dump")
    write(tmp_path / "sub" / "x")
    at_link = path.startswith("/z")
    reading = check(f"{tmp_path}{path}")
    assert (reading.status, values(reading)["count"]) == (("unhealthy", 0) if at_link else ("healthy", 1))


def test_a_name_that_no_file_can_have_is_missing() -> None:
    assert check(f"/{'x' * 300}").status == check("/x" * 3_000).status == "unhealthy"


# --- globs -----------------------------------------------------------------------------------------------------------


def test_globs(tmp_path: Path) -> None:
    for name in ("a.dump", "b.dump", ".c.dump", "sub/d.dump", "sub/deep/e.dump", ".hidden/f.dump", "sub/g.txt"):
        write(tmp_path / name)
    (tmp_path / "away").symlink_to(tmp_path / "sub")
    (tmp_path / "dangling.dump").symlink_to(tmp_path / "nothing")
    (tmp_path / "link.dump").symlink_to(tmp_path / "a.dump")

    def names(pattern: str) -> list[str]:
        found = file_search.find(f"{tmp_path}/{pattern}", time.monotonic() + 5).files
        return sorted(os.path.relpath(one.path, tmp_path) for one in found)

    assert names("*.dump") == ["a.dump", "b.dump", "link.dump"]
    assert names(".*.dump") == [".c.dump"]
    assert names("[ab].dump") == ["a.dump", "b.dump"]
    assert names("?.dump") == ["a.dump", "b.dump"]
    assert names("*/*.dump") == ["away/d.dump", "sub/d.dump"]
    assert names("**/*.dump") == ["a.dump", "b.dump", "link.dump", "sub/d.dump", "sub/deep/e.dump"]
    assert names("s*/**/e.dump") == ["sub/deep/e.dump"]
    assert names("sub/**") == ["sub/d.dump", "sub/deep/e.dump", "sub/g.txt"]
    assert names("**/**/d.dump") == ["sub/d.dump"]


@given(st.text("ab.[]*?!-", min_size=1, max_size=6).filter(lambda part: part not in (".", "..")))
def test_a_part_of_a_glob_matches_as_fnmatch_says(tmp_path_factory: pytest.TempPathFactory, part: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "names"
    folder.mkdir(exist_ok=True)
    names = ["a", "b", "ab", "a.b", ".a", "ba-b", "[", "]"]
    for name in names:
        (folder / name).touch()
    found = file_search.find(f"{folder}/{part}", time.monotonic() + 5).files
    if not file_search.is_pattern(part):
        wanted = {part} & set(names)
    elif part == "**":
        wanted = {name for name in names if name != ".a"}
    else:
        wanted = {name for name in names if fnmatchcase(name, part) and (part[0] == "." or name[0] != ".")}
    assert {os.path.basename(one.path) for one in found} == wanted


def test_a_search_is_bounded_in_entries_and_in_time(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path / str(number % 3) / str(number))
    assert len(file_search.find(f"{tmp_path}/**", time.monotonic() + 5, most=15 + 15).files) == 12
    with pytest.raises(file_search.TooMany, match="more than 10,000 entries"):
        file_search.find(f"{tmp_path}/**", time.monotonic() + 5, most=10)
    with pytest.raises(file_search.TooMany, match="in time"):
        file_search.find(f"{tmp_path}/**", time.monotonic() - 1)
    many = tmp_path / "many"
    many.mkdir()
    for number in range(file_search.MOST_ENTRIES + 1):
        (many / str(number)).touch()
    with pytest.raises(Unobservable) as caught:
        check(f"{many}/*.dump")
    assert str(caught.value) == f"{many}/*.dump: there are more than 10,000 entries to look through"


_SEARCH = """
import os, time
from heartbeat_cli.system import file_search
os.seteuid(int(sys.argv[2]))
try:
    said = len(file_search.find(sys.argv[1], time.monotonic() + 50).files)
except file_search.TooMany as error:
    said = str(error)
"""


@pytest.mark.parametrize("reader", [0, users.NOBODY])
@pytest.mark.parametrize("pattern", ["**/x.dump", "**", "D/*", "D/*/x.dump"])
def test_paths_as_long_as_they_may_be_take_little_memory(pattern: str, reader: int) -> None:
    """Another user's: 9,000 paths of 4,000 signs, of which Python holds each in four bytes."""
    users.need_root()
    with scratch.open_to_others() as folder:
        long_folders.make(folder, 14, 9_000, files=pattern == "D/*")
        found = measured(_SEARCH, folder / pattern.replace("D", "/".join(["*"] * 14)), reader)
    assert found.said == "their paths are longer than 8,000,000 bytes together" and found.peak < 60, found


def test_folders_that_are_nested_deeper_than_pythons_calls(tmp_path: Path) -> None:
    top, here = tmp_path / "top", os.getcwd()
    half = ["d"] * 700
    os.makedirs(top.joinpath(*half))
    try:
        os.chdir(top.joinpath(*half))  # a path has a longest length, too
        os.makedirs("/".join(half))
        write(Path(*half, "bottom.dump"))
        assert values(check(f"{top}/**/*.dump"))["count"] == 1
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-rf", str(top)], check=True)


# --- limits ----------------------------------------------------------------------------------------------------------


def test_the_newest_counts(tmp_path: Path) -> None:
    write(tmp_path / "a.dump", size=100, age=50 * HOUR)
    write(tmp_path / "b.dump", size=90, age=26 * HOUR)
    pattern = tmp_path / "*.dump"
    assert check(pattern, max_age=27 * HOUR).status == "healthy"
    reading = check(pattern, max_age=25 * HOUR)
    assert said(reading) == ("unhealthy", "b.dump is 1 d 2 h old (limit 1 d 1 h)")
    assert reading.evidence == {"newest files": "b.dump: 90 B, 1 d 2 h old\na.dump: 100 B, 2 d 2 h old"}
    assert said(check(pattern, min_size="1kB")) == ("unhealthy", "b.dump has 90 B (limit 1.0 kB)")
    assert said(check(pattern, max_size=89)) == ("unhealthy", "b.dump has 90 B (limit 89 B)")
    assert said(check(pattern, total_max_size=189)) == ("unhealthy", "all files together have 190 B (limit 189 B)")
    assert said(check(pattern, min_count=3)) == ("unhealthy", "there are 2 of 3 files")
    assert said(check(pattern, max_count=1)) == ("unhealthy", "2 files (limit 1)")
    assert said(check(pattern, min_age=27 * HOUR)) == ("unhealthy", "b.dump was written 1 d 2 h ago (limit 1 d 3 h)")
    assert check(pattern, shrink_warn=90).status == "healthy"
    assert said(check(pattern, shrink_warn=91)) == (
        "degraded",
        "b.dump has 90 B, 90 % of the one before it (limit 91 %)",
    )
    assert said(check(pattern, shrink_warn=91, max_age=60))[0] == "unhealthy"


def test_a_backup_that_is_being_written_is_not_judged_for_being_small(tmp_path: Path) -> None:
    write(tmp_path / "a.dump", size=1_000, age=48 * HOUR)
    write(tmp_path / "b.dump", size=900, age=24 * HOUR)
    write(tmp_path / "c.dump", size=1, age=10)
    keys = {"min_size": 500, "shrink_warn": 80.0}
    assert check(tmp_path / "*.dump", **keys).status == "healthy"
    assert check(tmp_path / "*.dump", now=NOW + 60, **keys).status == "unhealthy"
    assert check(tmp_path / "c.dump", min_size=500).status == "healthy"
    assert check(tmp_path / "c.dump", min_size=500, settle=0).status == "unhealthy"
    assert check(tmp_path / "*.dump", max_age=60, max_size=0).status == "healthy"


def test_dates_in_the_future(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dump", age=-100 * HOUR)
    made, later = path.stat().st_ctime, NOW + 2 * HOUR
    reading = check(path, now=later)
    assert values(reading)["age_seconds"] == pytest.approx(later - made), "its state was changed when it was written"
    line = "a.dump is dated 4 d 2 h in the future: its date was set, or the clock of this host was set back"
    assert (reading.status, reading.evidence) == ("healthy", {"clock": line})
    again = check(path, json.loads(json.dumps(reading.memory)), now=later)
    assert (again.evidence, again.memory) == ({}, reading.memory), "it is said once"
    assert check(path, now=later, max_age=HOUR).status == "unhealthy"
    back = check(path, now=made - 2 * HOUR, max_age=HOUR)
    assert (back.status, values(back)["age_seconds"]) == ("healthy", 0)
    slightly = write(tmp_path / "b.dump", age=-30)
    assert check(slightly, now=NOW).evidence == {}


@given(st.floats(0, 4e9), st.floats(0, 4e9), st.floats(0, 4e9))
def test_no_age_is_negative(now: float, modified: float, changed: float) -> None:
    age = file_limits.age(now, modified, changed)
    assert 0 <= age <= now
    assert modified > now or age == now - modified


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        (Limits(), []), (Limits(2), []), (Limits(3), [True]), (Limits(1, 2), []), (Limits(1, 1), [True]),
        (Limits(max_age=100), []), (Limits(max_age=99), [True]), (Limits(min_age=100), []),
        (Limits(min_age=101), [True]), (Limits(min_size=50), []), (Limits(min_size=51), [True]),
        (Limits(max_size=50), []), (Limits(max_size=49), [True]),
        (Limits(total_max_size=150), []), (Limits(total_max_size=149), [True]),
        (Limits(shrink_warn=50), []), (Limits(shrink_warn=51), [False]), (Limits(0, None, 0, 0, 0, 0, 0, 0), []),
        (Limits(settle=101, min_size=51, shrink_warn=51), []), (Limits(3, shrink_warn=51), [True, False]),
    ],
)  # fmt: skip
def test_every_limit_begins_where_it_is_set(limits: Limits, verdict: list[bool]) -> None:
    files = [Seen("b", 50, 100.0), Seen("a", 100, 200.0)]
    assert [one.critical for one in judge(limits, files, "/x/*")] == verdict


def test_an_empty_backup_before_it_is_nothing_to_compare_with() -> None:
    assert judge(Limits(shrink_warn=50), [Seen("b", 0, 100.0), Seen("a", 0, 200.0)], "/x/*") == []


# --- the engine, and settings ----------------------------------------------------------------------------------------


@pytest.mark.whole
def test_a_mount_that_hangs_costs_only_its_own_component(tmp_path: Path) -> None:
    hung, well = tmp_path / "hung", write(tmp_path / "well")
    with unserved(hung):
        components = [Component(name, "file", Settings(str(path))) for name, path in (("a", hung / "x"), ("b", well))]
        asked = [Asked(one, CheckContext(one.id, 0.5, NOW)) for one in components]
        readings = run_checks(asked, time.monotonic() + 5)
    assert readings["b"].status == "healthy"
    assert readings["a"].status == "unknown" and "did not end within 0.5 s" in str(readings["a"].error)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({}, "it: components.it.path: is required: a string"),
        ({"path": "a/b"}, f"it: components.it.path: {PATH}, got 'a/b'"),
        ({"path": "/a/"}, f"it: components.it.path: {PATH}, got '/a/'"),
        ({"path": "/a", "max_age": -1}, "it: components.it.max_age: expected 0 or more, got -1"),
        ({"path": "/a", "min_count": -1}, "it: components.it.min_count: expected 0 or more, got -1"),
        ({"path": "/a", "max_count": 0}, "it: components.it.min_count: is above max_count (1 > 0)"),
        ({"path": "/a", "min_size": "2kB", "max_size": "1kB"},
         "it: components.it.min_size: is above max_size (2000 > 1000)"),
        ({"path": "/a", "min_size": "much"}, "it: components.it.min_size: expected bytes, as 500000000 or \"500MB\""
         " (\"500MiB\" counts in 1,024), got 'much'"),
        ({"path": "/a", "shrink_warn": 101}, "it: components.it.shrink_warn: expected 0 (off) to 100 percent, got 101"),
        ({"path": "/a", "category": "bad"}, "it: components.it.category: expected one of process, starting, draining,"
         " dependency, provider, credentials, quota, configuration, resource, network, certificate, got \"bad\""),
    ],
)  # fmt: skip
def test_each_mistake_is_named(table: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load.load({"components": {"it": {"kind": "file", **table}}}, "it")
    assert caught.value.problems == [line]


def test_limits_that_are_off_contradict_nothing() -> None:
    off = {"kind": "file", "path": "/a", "min_age": 5, "max_age": 0, "min_count": 0, "max_count": 0, "max_size": 0}
    assert load.load({"components": {"it": off}}, "it").components["it"].settings.max_count == 0


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (5.0, 5.0), ("5B", 5.0), ("5kB", 5e3), ("5 KB", 5e3), ("1.5MB", 1.5e6), ("2GB", 2e9), ("1TB", 1e12),
        ("1KiB", 1024.0), ("1 mib", 1024.0**2), ("1GiB", 1024.0**3), ("1TiB", 1024.0**4), (" 7 GB ", 7e9),
        ("5", None), ("5M", None), ("MB", None), ("-5MB", None), ("5e3B", None), ("\N{SUPERSCRIPT TWO}MB", None),
        ("", None), (None, None),
    ],
)  # fmt: skip
def test_sizes(text: float | str | None, size: float | None) -> None:
    assert sizes.size_in_bytes(text) == size


@given(st.text(max_size=30))
def test_any_text_is_a_size_or_none(text: str) -> None:
    size = sizes.size_in_bytes(text)
    assert size is None or size >= 0
