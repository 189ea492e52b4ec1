"""The systemd units of the manual in a real systemd: they fire again and again, whatever hangs, and heartbeat can do in
them what the manual says. And a pass under the rules of the manual's CronJob."""

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.parts.docker import docker, need_image, unique, wait_for
from tests.parts.manual import blocks, files
from tests.parts.systemd import IMAGE, SystemdBox, booted
from tests.parts.transplant import mounts

_PAGE = "recipes/systemd-timer.md"
_CRONJOB = "recipes/kubernetes.md"
_SERVICE, _TIMER = "heartbeat.service", "heartbeat.timer"
_CONFIG = """
[heartbeat]
[channels.log]
kind = "file"
path = "/var/lib/heartbeat/told.jsonl"
[components.worker]
kind = "service"
unit = "worker.service"
interval = 1
[components.hangs]
kind = "command"
command = ["sleep", "1000"]
interval = 1
timeout = 0.5
retries = 0
recovery = "off"
[components.memory]
kind = "command"
command = ["touch", "/dev/shm/written"]
interval = 1
recovery = "off"
[components.system]
kind = "command"
command = ["touch", "/usr/local/written"]
exit_codes = "plain"
interval = 1
recovery = "off"
"""


def status(box: SystemdBox) -> dict[str, Any]:
    """What `status` shows, asked as the manual says; empty before the first pass."""
    words = ("exec", "--user=heartbeat", "--env=XDG_STATE_HOME=/var/lib", box.name)
    argv = ["docker", *words, "heartbeat", "status", "--format", "json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return {row["component"]: row for row in json.loads(done.stdout)} if done.returncode < 2 else {}


def failed(box: SystemdBox) -> int:
    return int(status(box).get("hangs", {}).get("fail_count", 0))


def fires_on(box: SystemdBox, times: int = 2) -> None:
    """Passes are made: each is one more failing check at what hangs."""
    wanted = failed(box) + times
    wait_for(lambda: failed(box) >= wanted, f"{times} more passes", 60)


def test_the_timer_of_the_manual(tmp_path: Path) -> None:
    need_image("systemd", IMAGE)
    with booted(more=mounts(tmp_path, IMAGE)) as box:
        _set_up(box)
        fires_on(box, 3)
        seen = status(box)
        assert seen["worker"]["status"] == "healthy"
        assert seen["memory"]["status"] == "healthy"
        assert seen["system"]["status"] == "unhealthy"  # ProtectSystem
        assert box.shell("stat -c '%U %a' /var/lib/heartbeat") == "heartbeat 700"

        # One that is stopped in the middle, as by a disk that hangs, is ended, and the next one comes.
        box.shell(f"mkdir /etc/systemd/system/{_SERVICE}.d")
        box.write_unit(f"{_SERVICE}.d/test.conf", "[Service]\nTimeoutStartSec=3\n")
        wait_for(lambda: _stopped_and_ended(box), "a pass that is stopped, and ended for it", 60)
        fires_on(box)

        before = _made_again(box)
        wait_for(lambda: _made_again(box, kill=True) > before, "a pass that is killed, and made again", 60)

        assert _power_of_setuid(box) == ["heartbeat", "root"]

        # A restart asked for from in there: by root, since nothing here can give another user the right.
        box.write_unit(f"{_SERVICE}.d/test.conf", "[Service]\nUser=root\n")
        box.systemctl("stop", "worker.service")
        box.wait("worker.service", "ActiveState", "active")


def _set_up(box: SystemdBox) -> None:
    """As the manual says, with a firing every second."""
    (commands,) = (block for block in blocks(_PAGE, "sh") if "useradd" in block)
    *first, enable = commands.splitlines()
    for line in first:
        box.shell(line)
    argv = ["docker", "exec", "-i", box.name, "sh", "-c", "cat >/etc/heartbeat/heartbeat.toml"]
    subprocess.run(argv, input=_CONFIG, text=True, timeout=60, check=True)
    units = files(_PAGE, "ini")
    assert set(units) == {f"/etc/systemd/system/{name}" for name in (_SERVICE, _TIMER)}
    box.write_unit(_SERVICE, units[f"/etc/systemd/system/{_SERVICE}"])
    timer = units[f"/etc/systemd/system/{_TIMER}"]
    assert timer.count("00/30") == 1
    box.write_unit(_TIMER, timer.replace("00/30", "00/1"))
    assert box.shell(f"systemd-analyze verify {' '.join(units)} 2>&1") == ""
    box.service("worker.service", "ExecStart=sleep 100000", start=True)
    box.shell(enable)


def _power_of_setuid(box: SystemdBox) -> list[str]:
    """Who a setuid program is in the manual's service: as it stands, and without what stands below its last comment."""
    box.shell("cp /usr/bin/id /usr/local/bin/who && chmod u+s /usr/local/bin/who")
    text = files(_PAGE, "ini")[f"/etc/systemd/system/{_SERVICE}"]
    said = []
    for number, unit in enumerate((text, text.rpartition("\n# ")[0])):
        program = "ExecStart=/usr/local/bin/who --user --name"
        lines = [program if line.startswith("ExecStart=") else line for line in unit.splitlines()]
        name = f"who{number}.service"
        box.write_unit(name, "\n".join([*lines, ""]))
        box.systemctl("start", name)
        # By the name that systemd gave the stream: what the kernel calls a process is gone with it.
        said.append(box.shell(f"journalctl --unit={name} --output=cat SYSLOG_IDENTIFIER=who"))
    return said


def _stopped_and_ended(box: SystemdBox) -> bool:
    """Stop a pass where one is under way; whether systemd has ended one already."""
    if "timed out" in box.shell(f"journalctl --unit={_SERVICE} --output=cat"):
        return True
    if box.property(_SERVICE, "ActiveState") == "activating":
        box.try_systemctl("kill", "--signal=STOP", _SERVICE)
    return False


def _made_again(box: SystemdBox, kill: bool = False) -> int:
    """How often systemd has started a pass again that did not come to its end; `kill` one, where one is under way."""
    if kill and box.property(_SERVICE, "ActiveState") == "activating":
        box.try_systemctl("kill", "--signal=KILL", _SERVICE)
    return box.shell(f"journalctl --unit={_SERVICE} --output=cat").count("Scheduled restart job")


def test_a_pass_under_the_rules_of_the_cronjob(tmp_path: Path) -> None:
    """Its store is not there: what it keeps goes into the state folder, all else is read-only."""
    need_image("systemd", IMAGE)
    parts = {one["kind"]: one for one in yaml.safe_load_all(blocks(_CRONJOB, "yaml")[0])}
    pod = parts["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    secrets = tmp_path / "etc" / "secrets"
    secrets.mkdir(parents=True)
    (tmp_path / "etc" / "heartbeat.toml").write_text(parts["ConfigMap"]["data"]["heartbeat.toml"])
    (secrets / "store").write_text("postgresql://heartbeat@127.0.0.1/heartbeat")
    (secrets / "telegram").write_text("123:ABC")
    user = f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    memory = container["resources"]["limits"]["memory"].removesuffix("i").lower()
    options = (
        *("--read-only", f"--user={user}", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none"),
        *(f"--memory={memory}", f"--memory-swap={memory}", f"--volume={tmp_path}/etc:/etc/heartbeat:ro"),
        "--tmpfs=/var/lib/heartbeat:mode=0770,uid=0,gid=10001",
    )
    tell = 'heartbeat "$@" 2>&1 && find /var/lib/heartbeat -type f | sort'
    words = ("run", "--rm", "--name", unique("pod"), *options, *mounts(tmp_path, IMAGE), IMAGE)
    said = docker(*words, "sh", "-c", tell, "sh", *container["args"])
    assert "no connection to 127.0.0.1:5432: Connection refused; going on with /var/lib/heartbeat/heartbeat-" in said
    names = sorted(line.rpartition("/")[2] for line in said.splitlines()[1:])
    assert names == ["config", "run.lock", "spool.db"]
