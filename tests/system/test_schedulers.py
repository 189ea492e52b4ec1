"""What starts heartbeat, as it is found: processes, pid files, real systemd timers, sendmail."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from heartbeat_cli.domain.kinds.schedulers import Mailer, Timer
from heartbeat_cli.system import schedulers
from tests.parts.systemd import SystemdBox
from tests.parts.users import NOBODY, need_root


def a_proc(folder: Path, **names: str) -> str:
    """A /proc with these processes, root's (`p812="cron"`, `p813="cron/Z"` of a zombie); number 1 is always there."""
    for pid, name in {"p1": "init", **names}.items():
        (folder / "proc" / pid[1:]).mkdir(parents=True)
        name, _, state = name.partition("/")
        (folder / "proc" / pid[1:] / "stat").write_text(f"{pid[1:]} ({name}) {state or 'S'} 1 2 3\n")
        owned(folder / "proc" / pid[1:])
        (folder / "proc" / pid[1:] / "cmdline").write_text(f"/bin/{name}\0crond\0-f\0")
    (folder / "proc/self").symlink_to("1")
    return str(folder / "proc")


def owned(process: Path, users: str = "0 0 0 0", namespaces: str = "7") -> None:
    """Whose process it is, and its numbers in its PID namespaces, one for each."""
    (process / "status").write_text(f"Name:\tx\nUid:\t{users}\nNSpid:\t{namespaces}\n")


@pytest.mark.parametrize("name", ["cron", "crond", "fcron", "busybox"])
def test_a_daemon_among_the_processes(tmp_path: Path, name: str) -> None:
    proc = a_proc(tmp_path, p99="bash", p100="cron/Z", p812=name)
    assert schedulers.daemon(proc, str(tmp_path)) == (f"{name.replace('busybox', 'crond')}, process 812", True)


@pytest.mark.parametrize(
    ("users", "namespaces"),
    [("65534 65534 65534 65534", "812"), ("65534 0 0 0", "812"), ("0 0 0 0", "812 7"), ("", "812")],
)
@pytest.mark.parametrize("name", ["cron", "busybox"])
def test_what_another_user_or_a_container_calls_cron_is_no_daemon(
    tmp_path: Path, name: str, users: str, namespaces: str
) -> None:
    """A setuid program that he has started counts as his; root in a container gives his processes any name."""
    proc = a_proc(tmp_path, p812=name)
    owned(tmp_path / "proc/812", users, namespaces)
    assert schedulers.daemon(proc, str(tmp_path)) == ("", True)
    me = os.geteuid()
    owned(tmp_path / "proc/812", f"{me} {me} {me} {me}")
    assert schedulers.daemon(proc, str(tmp_path))[0].endswith(", process 812")


def test_a_real_process_of_another_user_is_no_daemon(tmp_path: Path) -> None:
    need_root()
    with tempfile.TemporaryDirectory(prefix="hb-users-") as folder:
        os.chmod(folder, 0o711)
        (Path(folder) / "fcron").symlink_to("/bin/sleep")
        with subprocess.Popen([f"{folder}/fcron", "60"], user=NOBODY) as process:
            try:
                found, _ = schedulers.daemon()
            finally:
                process.kill()
    assert not found.endswith(f", process {process.pid}") and not found.startswith("fcron")


def test_no_daemon(tmp_path: Path) -> None:
    proc = a_proc(tmp_path, p99="crontab", p812="chronyd", p813="cron/Z", p814="a (cron) S", p815="sh")
    assert schedulers.daemon(proc, str(tmp_path)) == ("", True)
    (tmp_path / "crond.pid").write_text("99\n")  # its number is another's by now
    assert schedulers.daemon(proc, str(tmp_path)) == ("", True)


@pytest.mark.parametrize("said", ["", "x", "²", "9" * 5_000, "0", "-1"])
def test_a_pid_file_that_says_nothing(tmp_path: Path, said: str) -> None:
    (tmp_path / "crond.pid").write_text(said)
    assert schedulers.daemon(a_proc(tmp_path), str(tmp_path)) == ("", True)


def test_a_daemon_that_is_hidden(tmp_path: Path) -> None:
    """/proc mounted with hidepid shows a user only his own processes."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/self").mkdir()
    assert schedulers.daemon(str(tmp_path / "proc"), str(tmp_path)) == ("", False)
    (tmp_path / "crond.pid").write_text(f"{os.getpid()}\n")
    found = f"by {tmp_path}/crond.pid, process {os.getpid()}"
    assert schedulers.daemon(str(tmp_path / "proc"), str(tmp_path)) == (found, True)
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    (tmp_path / "crond.pid").write_text(f"{ended.pid}\n")
    assert schedulers.daemon(str(tmp_path / "proc"), str(tmp_path)) == ("", False)
    (tmp_path / "crond.pid").unlink()
    os.mkfifo(tmp_path / "crond.pid")
    assert schedulers.daemon(str(tmp_path / "proc"), str(tmp_path)) == ("", False)


def test_a_real_process_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "fcron").symlink_to("/bin/sleep")
    with subprocess.Popen([tmp_path / "fcron", "60"]) as process:
        try:
            found, seen = schedulers.daemon()
        finally:
            process.kill()
    assert seen and found.split(",")[0] in ("cron", "crond", "fcron")  # whichever comes first here


@pytest.mark.parametrize(
    ("crontab", "to"),
    [
        (b"", None),
        (b"* * * * * true\n", None),
        (b'MAILTO=""\n# heartbeat begin\n', ""),
        (b"MAILTO=\n# heartbeat begin\n", ""),
        (b" MAILTO = 'a@b.c' \n# heartbeat begin\n", "a@b.c"),
        (b'"MAILTO"=ops\n# heartbeat begin\n# heartbeat end\nMAILTO=""\n', "ops"),
        (b'#MAILTO=""\nMAILTOO=""\n# heartbeat begin\n', None),
        (b'MAILTO=ops\nMAILTO=""\n# \xff\n# heartbeat begin\n', ""),
    ],
)
def test_whom_cron_mails(crontab: bytes, to: str | None) -> None:
    assert schedulers.mailto(crontab) == to


def test_what_cron_would_mail_with(tmp_path: Path) -> None:
    sendmail = tmp_path / "sendmail"
    discards = "so that cron discards what it would mail"
    none = f"there is no mail transfer agent ({sendmail}), {discards}"
    assert schedulers.mailer(sendmail=str(sendmail)) == Mailer(str(sendmail), none)
    sendmail.symlink_to(tmp_path / "msmtp")
    dangling = f"{sendmail} leads to {tmp_path}/msmtp, which does not exist, {discards}"
    assert schedulers.mailer(sendmail=str(sendmail)).lacking == dangling
    (tmp_path / "msmtp").touch(mode=0o644)
    assert schedulers.mailer(sendmail=str(sendmail)).lacking == f"{sendmail} is no program that can be run, {discards}"
    (tmp_path / "msmtp").chmod(0o755)
    assert schedulers.mailer(sendmail=str(sendmail)) == Mailer(str(sendmail))
    assert schedulers.mailer(b"MAILTO=ops\n", str(sendmail)) == Mailer(f"{sendmail} to ops")
    assert schedulers.mailer(b'MAILTO=""\n', str(sendmail)).lacking.startswith('your crontab says MAILTO="", ')


@pytest.mark.systemd
def test_real_timers(systemd_box: SystemdBox) -> None:
    def timer(name: str) -> None:
        systemd_box.write_unit(f"{name}.timer", "[Timer]\nOnCalendar=*:0/1\n[Install]\nWantedBy=timers.target\n")

    assert schedulers.timers(systemd_box.prefix) == []
    systemd_box.service("heartbeat.service", "Type=oneshot", "ExecStart=/opt/heartbeat/bin/heartbeat run")
    assert schedulers.timers(systemd_box.prefix) == []
    timer("heartbeat")
    assert schedulers.timers(systemd_box.prefix) == [Timer("heartbeat.timer", False)]
    systemd_box.systemctl("start", "heartbeat.timer")
    assert schedulers.timers(systemd_box.prefix) == [Timer("heartbeat.timer", True)]
    systemd_box.service("night.service", "Type=oneshot", "ExecStart=/bin/true")
    systemd_box.service("watch.service", "Type=oneshot", "ExecStart=/usr/bin/python3 -m heartbeat_cli run")
    for name in ("night", "watch"):
        timer(name)
        systemd_box.systemctl("start", f"{name}.timer")
    systemd_box.service(
        "other.service", "Type=oneshot", "ExecStart=/usr/bin/heartbeat --config /etc/heartbeat/other.toml run"
    )
    timer("other")
    systemd_box.systemctl("start", "other.timer")
    mine = [one.name for one in schedulers.timers(systemd_box.prefix, Path("/etc/heartbeat/mine.toml"))]
    assert sorted(mine) == ["heartbeat.timer", "watch.timer"]  # they name none, and find it themselves
    theirs = schedulers.timers(systemd_box.prefix, Path("/etc/heartbeat/other.toml"))
    assert "other.timer" in [one.name for one in theirs]
    systemd_box.systemctl("stop", "other.timer")
    systemd_box.shell("rm /etc/systemd/system/other.*")
    systemd_box.systemctl("daemon-reload")
    found = sorted(schedulers.timers(systemd_box.prefix))
    systemd_box.systemctl("stop", "heartbeat.timer", "watch.timer", "night.timer")
    assert found == [Timer("heartbeat.timer", True), Timer("watch.timer", True)]


def test_a_systemd_that_cannot_be_asked() -> None:
    assert schedulers.timers(["/no/such/systemctl"]) == []
    assert schedulers.timers(["/bin/false"]) == []
