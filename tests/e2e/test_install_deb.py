"""The Debian package in a bare Debian with a real systemd: from nothing to the first alert, upgrade, a host that has
cron as well, removal and purge; and in a root where no systemd runs."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from heartbeat_cli import __version__
from tests.parts import install, lacking
from tests.parts.docker import docker, unique
from tests.parts.systemd import SystemdBox, booted

pytestmark = pytest.mark.docker

_CONFIG = "/etc/heartbeat/heartbeat.toml"
_TIMER = "heartbeat.timer"
_UNITS = "/etc/systemd/system"
_NEXT = "99.0"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and a newer one of the same content."""
    folder = tmp_path_factory.mktemp("packages")
    built, tree = install.package(), folder / "tree"
    (folder / "heartbeat.deb").write_bytes(built.read_bytes())
    subprocess.run(["dpkg-deb", "--raw-extract", str(built), str(tree)], check=True, timeout=120)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {__version__}\n", f"Version: {_NEXT}\n"))
    argv = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(folder / "newer.deb")]
    subprocess.run(argv, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture
def box(packages: Path) -> Iterator[SystemdBox]:
    with booted(more=(f"--volume={packages}:/packages:ro",), image=install.DEBIAN) as found:
        install.receive(found.name)
        yield found


def apt(box: SystemdBox, *words: str) -> str:
    """What apt and the scripts of the package print."""
    argv = ["docker", "exec", "--env=DEBIAN_FRONTEND=noninteractive", box.name, "apt-get", "-y", *words]
    done = subprocess.run(argv, stdout=-1, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def heartbeat(box: SystemdBox, line: str) -> str:
    """What it prints for its user; exit codes are those of what it finds."""
    return box.shell(f"cd / && setpriv --reuid=heartbeat --regid=heartbeat --init-groups"
                     f" env HOME=/var/lib/heartbeat heartbeat {line} 2>&1 || true")  # fmt: skip


def alerts(box: SystemdBox) -> list[dict[str, object]]:
    said: list[dict[str, object]] = json.loads(heartbeat(box, "alerts --format json"))
    return said


def timer(box: SystemdBox) -> tuple[str, str]:
    return box.property(_TIMER, "UnitFileState"), box.property(_TIMER, "ActiveState")


def _from_nothing_to_the_first_alert(box: SystemdBox) -> None:
    said = apt(box, "install", "/packages/heartbeat.deb")
    assert f"timer: {_TIMER} starts heartbeat every 30 s now" in said
    assert "ermission" not in said and "could not" not in said
    assert box.shell(f"stat -c '%U %G %a' {_CONFIG} /var/lib/heartbeat").splitlines() == [
        "root heartbeat 640",
        "heartbeat heartbeat 750",
    ]
    assert timer(box) == ("enabled", "active")
    assert box.shell(f"systemd-analyze verify {_UNITS}/heartbeat.service {_UNITS}/{_TIMER} 2>&1") == ""
    assert heartbeat(box, "config check").startswith(f"{_CONFIG}: fine: 1 component")
    install.write(box.name, "/etc/systemd/system/heartbeat.timer.d/test.conf",
                  "[Timer]\nOnCalendar=\nOnCalendar=*:*:*\nRandomizedDelaySec=0\n")  # fmt: skip
    box.shell(f"cat >>{_CONFIG} <<'END'\n{install.watches_port('first', 9001)}END")
    box.shell("heartbeat timer --install --run-as heartbeat")
    box.systemctl("daemon-reload")
    install.wait_for_alert(box.name, "first")
    assert "first" in heartbeat(box, "status")
    assert heartbeat(box, "--version").endswith(__version__)
    assert box.shell(
        "find /usr/share/man -name 'heartbeat.toml.5*'; ls /usr/share/bash-completion/completions/heartbeat"
    )


def _the_program_has_its_compiled_files_and_belongs_to_root(box: SystemdBox) -> None:
    assert box.shell("find /usr/lib/heartbeat ! -user root") == ""
    assert box.shell("find /usr/lib/heartbeat/lib -path '*/heartbeat_cli/__pycache__/cli.*.pyc'") != ""
    assert box.shell("grep -rl -e /tmp/ -e /build/ /usr/lib/heartbeat/bin /usr/lib/heartbeat/pyvenv.cfg || true") == ""


def _an_upgrade_keeps_configuration_state_and_timer(box: SystemdBox) -> None:
    config, known = box.shell(f"md5sum {_CONFIG}"), [one["alert_id"] for one in alerts(box)]
    said = apt(box, "install", "/packages/newer.deb")
    assert "timer: nothing to change" in said
    assert timer(box) == ("enabled", "active")
    assert box.shell(f"md5sum {_CONFIG}") == config
    # Passes go on meanwhile, and raise alerts of their own: of the host's load, for one.
    assert known and set(known) <= {one["alert_id"] for one in alerts(box)}
    box.systemctl("disable", "--now", _TIMER)
    apt(box, "install", "--reinstall", "/packages/newer.deb")
    assert timer(box) == ("disabled", "inactive")
    box.systemctl("enable", "--now", _TIMER)


def _a_configuration_with_a_mistake_does_not_stop_an_upgrade(box: SystemdBox) -> None:
    """The timer goes on with the unit that is there, which gives no folder away any more."""
    unit, given = f"{_UNITS}/heartbeat.service", "StateDirectory=heartbeat/.local/state/heartbeat"
    before = box.shell(f"cat {unit}")
    reason = "# systemd makes the state folder where it is missing, and gives it to the user."
    box.shell(
        f"sed -i 's:^User=.*:&\\n{reason}\\n{given}\\nStateDirectoryMode=0700:' {unit} && grep -q '{given}' {unit}"
    )
    box.shell(f"cp -p {_CONFIG} /root/kept && echo nonsense >>{_CONFIG}")
    said = apt(box, "install", "--reinstall", "/packages/newer.deb")
    assert "heartbeat: the timer could not be brought up to date" in said
    assert timer(box) == ("enabled", "active")
    assert box.shell(f"cat {unit}") == before
    assert box.property("heartbeat.service", "StateDirectory") == ""
    box.shell(f"cp -p /root/kept {_CONFIG}")


def _cron_beside_the_timer_is_named(box: SystemdBox) -> None:
    line = f"* * * * * heartbeat heartbeat --config {_CONFIG} run"
    box.shell(f"echo '{line}' >/etc/cron.d/heartbeat && chmod 644 /etc/cron.d/heartbeat && systemctl start cron")
    said = apt(box, "install", "--reinstall", "/packages/newer.deb")
    assert "/etc/cron.d/heartbeat starts heartbeat, too" in said
    assert "heartbeat.timer, /etc/cron.d/heartbeat both start heartbeat" in heartbeat(box, "doctor")
    box.shell("rm /etc/cron.d/heartbeat")


def _removal_stops_the_timer_and_purge_leaves_nothing(box: SystemdBox) -> None:
    apt(box, "remove", "heartbeat")
    assert box.property(_TIMER, "ActiveState") == "inactive"
    assert box.shell(f"ls {_UNITS} | grep '^heartbeat' || true") == "heartbeat.timer.d"
    assert box.shell("ls -A /usr/lib/heartbeat 2>/dev/null || true") == ""
    assert "first" in box.shell(f"cat {_CONFIG}")
    assert f"{_TIMER} starts heartbeat every" in apt(box, "install", "/packages/newer.deb")
    assert timer(box) == ("enabled", "active")
    assert '"component": "first"' in heartbeat(box, "alerts --format json")

    apt(box, "purge", "heartbeat")
    assert box.shell("ls -d /etc/heartbeat /var/lib/heartbeat /usr/lib/heartbeat 2>/dev/null || true") == ""
    box.systemctl("mask", _TIMER)
    assert f"{_TIMER} is masked and stays so" in apt(box, "install", "/packages/heartbeat.deb")
    apt(box, "purge", "heartbeat")
    assert box.shell(f"readlink {_UNITS}/{_TIMER}") == "/dev/null"


def test_the_package_from_installation_to_purge(box: SystemdBox) -> None:
    """One after the other: each goes on where the one before it has left the host."""
    for step in (
        _from_nothing_to_the_first_alert,
        _the_program_has_its_compiled_files_and_belongs_to_root,
        _an_upgrade_keeps_configuration_state_and_timer,
        _a_configuration_with_a_mistake_does_not_stop_an_upgrade,
        _cron_beside_the_timer_is_named,
        _removal_stops_the_timer_and_purge_leaves_nothing,
    ):
        step(box)


def test_lintian_finds_no_error() -> None:
    if not shutil.which("lintian"):
        lacking("lintian")
    argv = ["lintian", "--allow-root", "--fail-on=error", str(install.package())]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout


def test_a_root_without_a_running_systemd(packages: Path) -> None:
    line = "dpkg -i /packages/heartbeat.deb && cd / && heartbeat config check && dpkg -P heartbeat"
    words = ("run", "--rm", "--name", unique("chroot"), "--network=none", f"--volume={packages}:/packages:ro")
    said = docker(*words, install.DEBIAN, "sh", "-c", f"({line}) 2>&1", timeout=120)
    assert "heartbeat: systemd does not run here" in said
