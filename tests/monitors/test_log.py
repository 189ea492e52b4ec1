"""The log monitor on real files of several users and on the journal of a real systemd."""

import json
import os
import pwd
import time
from pathlib import Path
from typing import Any

import pytest

from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import log as monitor
from heartbeat_cli.monitors.log import Settings
from tests.parts import scratch
from tests.parts.systemd import SystemdBox
from tests.parts.users import NOBODY, as_user, need_root
from tests.parts.verb import heartbeat

NOW = 1_800_000_000.0


class Watched:
    """A log and its checks, one minute apart; memory goes through JSON as it does in a store."""

    def __init__(self, timeout: float = 20, **keys: Any) -> None:
        self.settings, self.timeout = Settings(**keys), timeout
        self.memory: Any = {}
        self.now = NOW if "path" in keys else time.time() - 3_600

    def check(self, minutes: float = 1) -> Reading:
        self.now += minutes * 60
        reading = monitor.probe(self.settings, CheckContext("it", self.timeout, self.now, self.memory))
        self.memory = json.loads(json.dumps({**self.memory, **reading.memory}))
        return reading


def matches(reading: Reading) -> float:
    return {metric.name: metric.value for metric in reading.metrics}["matches"]


def write(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    write(path, "ERROR of yesterday")
    return path


# --- verdicts


def test_one_line_fails_as_many_checks_as_it_takes_to_be_reported(path: Path) -> None:
    log = Watched(path=str(path), pattern="ERROR|CRITICAL", ignore="harmless")
    first = log.check()
    assert (first.status, matches(first)) == ("healthy", 0)
    assert first.evidence["log"] == "first check: it goes on from the present end of the log"
    write(path, "INFO all is well", "ERROR disk \x1b[31mfull", "ERROR harmless")
    reading = log.check()
    assert (reading.status, reading.category, matches(reading)) == ("unhealthy", "process", 1)
    assert reading.error == "1 matching line in 10 min: ERROR disk [31mfull"
    assert reading.evidence["log"] == "3 new lines, 1 matching"
    assert reading.evidence["matching lines"] == "ERROR disk [31mfull"
    for minutes in range(1, 10):
        reading = log.check()
        assert reading.error == f"1 matching line in 10 min, the last {minutes} min ago: ERROR disk [31mfull"
        assert (reading.status, matches(reading)) == ("unhealthy", 0)
    assert log.check().status == "healthy"
    assert log.check().evidence.keys() == {"log"}


def test_limits_count_the_lines_of_several_checks(path: Path) -> None:
    log = Watched(path=str(path), contains="slow", warn=2, critical=4, category="resource")
    log.check()
    found = []
    for _ in range(4):
        write(path, "a slow request", "a fast one")
        found.append(log.check())
    assert [one.status for one in found] == ["healthy", "degraded", "degraded", "unhealthy"]
    assert {one.category for one in found[1:]} == {"resource"}
    assert found[3].error == "4 matching lines in 10 min: a slow request"
    assert log.check(8).status == "degraded", "those of the first checks no longer count"
    assert log.check(-60).status == "degraded", "a clock that was set back forgets nothing"
    assert log.check(11).status == "healthy", "nor does it keep anything for longer"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "late.log"
    log = Watched(path=str(path), contains="ERROR")
    for _ in range(2):
        reading = log.check()
        assert (reading.status, reading.category) == ("unhealthy", "configuration")
        assert reading.error == f"no such file: {path}"
    write(path, "ERROR at once")
    assert matches(log.check()) == 1, "it is new, so that all of it is"
    gone = Watched(path=str(tmp_path / "no/such/folder/a.log"), contains="x", missing_ok=True)
    assert [gone.check().status for _ in range(3)] == ["healthy"] * 3
    (tmp_path / "away").mkdir()
    path.rename(tmp_path / "away/late.log")
    assert "no such file" not in str(log.check().error), "it may be rotated just now"
    (tmp_path / "away/late.log").rename(path)
    assert matches(log.check()) == 0, "it comes back as it was"


def test_a_glob_reads_each_file_once(tmp_path: Path) -> None:
    log = Watched(path=str(tmp_path / "*.log"), contains="ERROR")
    write(tmp_path / "a.log", "ERROR old")
    log.check()
    write(tmp_path / "a.log", "ERROR 1")
    write(tmp_path / "b.log", "ERROR 2", "ERROR 3")
    write(tmp_path / "a.log.1", "ERROR of last week")
    assert matches(log.check()) == 3
    (tmp_path / "b.log").rename(tmp_path / "c.log")
    write(tmp_path / "c.log", "ERROR 4")
    assert matches(log.check()) == 1
    for number in range(60):
        write(tmp_path / f"{number}.log")
    with pytest.raises(Unobservable, match="matches 62 files, more than 50"):
        log.check()


def test_a_log_behind_a_link_is_followed_when_the_link_moves(tmp_path: Path) -> None:
    link = tmp_path / "current"
    for name in ("one.log", "two.log"):
        write(tmp_path / name, "ERROR old " * 110)
    link.symlink_to("one.log")
    log = Watched(path=str(link), contains="ERROR")
    log.check()
    write(tmp_path / "one.log", "ERROR 1")
    (tmp_path / "two.log").write_text("ERROR 2\n")
    link.unlink()
    link.symlink_to("two.log")
    assert matches(log.check()) == 2


def test_passes_and_a_store(tmp_path: Path) -> None:
    """The whole way: a fault after three checks, the place and the lines kept in the store, no secret in sight."""
    path = tmp_path / "app.log"
    write(path, "ERROR old")
    (tmp_path / "heartbeat.toml").write_text(
        f"""
        [heartbeat]
        state_dir = "{tmp_path}/state"
        [components.app]
        kind = "log"
        path = "{path}"
        contains = "ERROR"
        recovery = "off"
        """
    )
    assert heartbeat(tmp_path, "check", "--component", "app").code == 0
    write(path, "ERROR password=hunter2hunter2")
    for fails in range(1, 4):
        ended = heartbeat(tmp_path, "check", "--component", "app", "--format", "json")
        assert ended.code == 1, ended.err
        (row,) = json.loads(ended.out)
        assert row["status"] == "unhealthy" and "ERROR password=•••" in row["error"]
        assert "hunter2" not in ended.out
        heartbeat(tmp_path, "detect")
        status = json.loads(heartbeat(tmp_path, "status", "--format", "json").out)
        assert [one["state"] for one in status] == ["suspect" if fails < 3 else "fault"]


# --- bounds


def test_a_bounded_amount_is_read_a_check(path: Path) -> None:
    log = Watched(path=str(path), contains="ERROR", max_bytes=100_000)
    log.check()
    lines = [f"{'ERROR' if n % 1000 == 0 else 'INFO'} {n:06} {'x' * 88}" for n in range(6_000)]
    write(path, *lines)
    found = [log.check() for _ in range(7)]
    assert sum(map(matches, found)) == 6
    read = [{metric.name: metric.value for metric in one.metrics} for one in found]
    assert all(one["lines"] <= 1_700 for one in read) and sum(one["lines"] for one in read) == 6_000
    assert read[0]["behind_bytes"] > 400_000 and read[6]["behind_bytes"] == 0
    assert "behind: more is written than is read" not in (found[1].error or "")
    assert "kB behind: more is written than is read, 100.0 kB a check" in (found[2].error or "")
    quiet = Watched(path=str(path), contains="NOTHING", max_bytes=100_000)
    quiet.check()
    write(path, *lines)
    assert [(one.status, one.category) for one in (quiet.check() for _ in range(3))][2] == ("degraded", "resource")


def test_a_line_without_an_end_waits_for_one_check_and_a_long_one_comes_in_pieces(path: Path) -> None:
    log = Watched(path=str(path), contains="ERROR")
    log.check()
    with path.open("a") as file:
        file.write("ERROR half")
    assert matches(log.check()) == 0
    assert matches(log.check()) == 1
    with path.open("a") as file:
        file.write("x" * 200_000 + "ERROR")
    lines = {metric.name: metric.value for metric in log.check().metrics}
    assert (lines["lines"], lines["behind_bytes"]) == (3, 0)
    write(path, " and its end")
    assert matches(log.check()) == 1


@pytest.mark.whole
def test_a_pattern_that_takes_for_ever_costs_no_more_than_the_checks_time(path: Path) -> None:
    log = Watched(path=str(path), pattern="(a+)+$|ERROR")
    log.check()
    write(path, "a" * 60 + "!", "ERROR", "a" * 60 + "!", "INFO")
    reading = log.check()
    assert matches(reading) == 1
    assert "the pattern takes too long on 2 lines" in (reading.error or "")
    many = Watched(path=str(path), pattern="(a+)+$|ERROR", timeout=2)
    many.check()
    write(path, *["a" * 60 + "!"] * 200, "ERROR")
    reading = many.check()
    assert matches(reading) == 0
    read = {metric.name: metric.value for metric in reading.metrics}
    assert read["behind_bytes"] > 0 and read["lines"] < 200


def test_lines_are_matched_alike_with_and_without_a_process(path: Path) -> None:
    fast = Watched(path=str(path), pattern="é$")
    slow = Watched(path=str(path), pattern="(é)$", contains="caf", ignore="^(no)")
    fast.check(), slow.check()
    with path.open("ab") as file:
        file.write("café\r\nno café\ncafe\n\x00é\nthé\n".encode() + b"\xff\xfe caf\xc3\xa9\n")
    assert matches(fast.check()) == 5
    reading = slow.check()
    assert (matches(reading), reading.evidence["matching lines"]) == (2, "café\n�� café")


# --- whose files are read


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unobservable, match="pipe: is not a regular file"):
        Watched(path=str(tmp_path / "pipe"), contains="x").check()
    with pytest.raises(Unobservable, match="is not a regular file"):
        Watched(path=str(tmp_path), contains="x").check()


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A folder of another user's, in one that is ours."""
    need_root()
    scratch.let_others_in(tmp_path)
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    return folder


def secret(folder: Path) -> Path:
    """A file that only root may read."""
    path = folder / "secret"
    path.write_text("root:hash\n")
    path.chmod(0o600)
    return path


def refused(path: Path) -> str:
    with pytest.raises(Unobservable) as caught:
        Watched(path=str(path), contains=":").check()
    return str(caught.value)


def test_the_log_of_another_user_is_read(theirs: Path) -> None:
    as_user(NOBODY, "sh", "-c", f"echo old > {theirs}/app.log")
    log = Watched(path=str(theirs / "app.log"), contains="ERROR")
    log.check()
    as_user(NOBODY, "sh", "-c", f"cd {theirs} && echo ERROR >> app.log && mv app.log app.log.1 && echo ERROR > app.log")
    assert matches(log.check()) == 2


def test_a_link_of_another_user_does_not_show_what_he_may_not_read(theirs: Path, tmp_path: Path) -> None:
    hidden = secret(tmp_path)
    as_user(NOBODY, "ln", "-s", str(hidden), f"{theirs}/soft.log")
    assert "belongs to root, and nobody may change its folder or path" in refused(theirs / "soft.log")
    os.link(hidden, theirs / "hard.log")  # as another user can where fs.protected_hardlinks is off
    assert "belongs to root, and nobody may change its folder or path" in refused(theirs / "hard.log")
    as_user(NOBODY, "ln", "-s", str(tmp_path), f"{theirs}/folder")
    assert "belongs to root" in refused(theirs / "folder/secret")
    theirs.chmod(0o1777)
    os.chown(theirs, 0, 0)  # as /tmp is
    assert "belongs to root, and nobody may change its folder or path" in refused(theirs / "folder/secret")
    as_user(NOBODY, "ln", "-s", "round", f"{theirs}/round")
    assert "symbolic links" in refused(theirs / "round")


def test_a_rotated_file_is_no_way_round(theirs: Path, tmp_path: Path) -> None:
    as_user(NOBODY, "sh", "-c", f"echo old > {theirs}/app.log")
    log = Watched(path=str(theirs / "app.log"), contains=":")
    log.check()
    os.link(secret(tmp_path), theirs / "app.log.1")
    os.utime(theirs / "app.log.1", (log.now + 30, log.now + 30))
    as_user(NOBODY, "sh", "-c", f"rm {theirs}/app.log && echo new > {theirs}/app.log")
    reading = log.check()
    assert (matches(reading), reading.status, reading.category) == (0, "degraded", "configuration")
    assert reading.error == "lines may be missing, since this cannot be read: app.log.1"


def test_a_folder_that_all_may_write_shows_nothing(tmp_path: Path) -> None:
    need_root()
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o1777)
    write(folder / "app.log", "a:b")
    assert "several users may change its folder or path" in refused(folder / "app.log")
    folder.chmod(0o755)
    os.chown(folder / "app.log", NOBODY, NOBODY)
    assert Watched(path=str(folder / "app.log"), contains=":").check().status == "healthy"


def test_a_group_that_may_write_counts_with_its_members(tmp_path: Path) -> None:
    need_root()
    folder = tmp_path / "group"
    folder.mkdir()
    write(folder / "app.log", "a:b")
    one = pwd.getpwnam("www-data")  # alone in his group
    os.chown(folder, 0, one.pw_gid)
    folder.chmod(0o770)
    assert "belongs to root, and www-data may change its folder or path" in refused(folder / "app.log")
    os.chown(folder / "app.log", one.pw_uid, one.pw_gid)
    assert Watched(path=str(folder / "app.log"), contains=":").check().status == "healthy"
    os.chown(folder, 0, 54_321)
    assert "several users" in refused(folder / "app.log")


# --- the journal


def test_the_journal_of_a_unit(systemd_box: SystemdBox) -> None:
    box = systemd_box
    log = Watched(unit="j-app", contains="ERROR", journalctl=(*box.prefix[:-1], "journalctl"))
    assert log.check().error == "no such unit: j-app.service"
    box.service("j-app.service", "Type=oneshot", "ExecStart=/bin/sh -c 'cat /run/j-lines'")
    assert log.check().status == "healthy"

    def say(*lines: str) -> None:
        text = "\\n".join(lines)
        box.shell(f"printf '{text}\\n' > /run/j-lines; systemctl start j-app; journalctl --sync")

    say("ERROR 1", "INFO", "ERROR 2")
    reading = log.check()
    assert (reading.status, matches(reading)) == ("unhealthy", 2)
    assert reading.evidence["matching lines"] == "ERROR 1\nERROR 2"
    assert matches(log.check()) == 0
    before = log.memory
    say("ERROR 3", "ERROR \\377 4", "ERROR " + "x" * 10_000)
    assert matches(log.check()) == 3
    log.memory = before
    assert matches(log.check()) == 3, "a killed pass has forgotten nothing"
    say("ERROR 6")
    log.memory["place"]["cursor"] = log.memory["place"]["cursor"].replace(";i=", ";i=9999")
    assert matches(log.check()) == 1, "the entry of the cursor has been removed from the journal"
    fresh = Watched(unit="j-app.service", contains="ERROR", journalctl=(*box.prefix[:-1], "journalctl"))
    assert matches(fresh.check()) == 0 and matches(fresh.check()) == 0

    box.shell("for n in $(seq 600); do echo ERROR $n; done > /run/j-lines; systemctl start j-app; journalctl --sync")
    fresh.settings = fresh.settings._replace(max_bytes=100_000)
    found = [fresh.check() for _ in range(5)]
    assert sum(map(matches, found)) == 600 and matches(found[0]) <= 250
    assert "behind the end of the journal" in (found[2].error or "") or matches(found[2]) < 250


def test_a_journal_that_may_not_be_read_is_unknown(systemd_box: SystemdBox) -> None:
    prefix = ("docker", "exec", "--user=65534", systemd_box.name, "journalctl")
    with pytest.raises(Unobservable, match="may not read the journal"):
        Watched(unit="j-app", contains="x", journalctl=prefix).check()
    with pytest.raises(Unobservable, match="cannot run /nonexistent/journalctl: No such file or directory"):
        Watched(unit="j-app", contains="x", journalctl=("/nonexistent/journalctl",)).check()


def test_a_journal_that_hangs_is_unknown() -> None:
    with pytest.raises(Unobservable, match="journalctl did not answer in time"):
        Watched(unit="a", contains="x", journalctl=("sh", "-c", "exec sleep 60"), timeout=1).check()


# --- settings


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"contains": ""}, "pattern"),
        ({"pattern": "("}, "pattern"),
        ({"ignore": "*"}, "ignore"),
        ({"path": None}, "path"),
        ({"unit": "nginx"}, "path"),
        ({"path": "app.log"}, "path"),
        ({"path": "/var/log/"}, "path"),
        ({"path": "/var/*/app.log"}, "path"),
        ({"path": None, "unit": "a*"}, "unit"),
        ({"path": None, "unit": "a", "journalctl": ()}, "journalctl"),
        ({"user": True}, "user"),
        ({"critical": 0}, "critical"),
        ({"warn": -1}, "critical"),
        ({"warn": 1}, "warn"),
        ({"hold": 0}, "hold"),
        ({"max_bytes": 1000}, "max_bytes"),
    ],
)
def test_settings_that_are_refused(keys: dict[str, Any], key: str) -> None:
    basis = {"path": "/var/log/app.log", "contains": "ERROR"}
    assert [one for one, _ in monitor.problems(Settings(**(basis | keys)))] == [key]


def test_settings_that_are_taken() -> None:
    assert monitor.problems(Settings("/var/log/*.log", pattern="a", warn=1, critical=0)) == []
    assert monitor.problems(Settings(unit="nginx", contains="a", warn=1, critical=2)) == []
    assert monitor.grace(Settings("/a", hold=60)) == 60
    assert monitor.interval_problems(Settings("/a"), 200) == []
    assert [key for key, _ in monitor.interval_problems(Settings("/a"), 201)] == ["hold"]


def test_a_memory_that_somebody_edited_is_a_first_check(path: Path) -> None:
    edited: list[Any] = [{}, {"key": "x"}, {"key": 1, "places": 5, "at": "now"}, [], "x"]
    for place in edited:
        log = Watched(path=str(path), contains="ERROR")
        log.memory = {"place": place, "matches": {"counts": [[1], "x", [NOW, -1]], "lines": 4}}
        assert matches(log.check()) == 0
        write(path, "ERROR")
        assert matches(log.check()) == 1


@pytest.mark.whole
def test_lines_that_take_the_pattern_too_long_hold_nothing_up(tmp_path: Path) -> None:
    """Whoever can write into the log may write such lines: each check gets on, and the rest is judged."""
    path = tmp_path / "app.log"
    write(path, "old")
    log = Watched(path=str(path), pattern=r"(\w+\s?)+: ERROR")
    log.check()
    write(path, *[f"GET /{'a' * 60}!" for _ in range(60)], "worker: ERROR disk is gone")
    found = [log.check() for _ in range(12)]
    assert any("disk is gone" in str(one.error) for one in found), [one.error for one in found]
