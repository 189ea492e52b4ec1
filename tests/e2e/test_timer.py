"""`heartbeat timer` in a real systemd: from nothing to a delivered alert, whatever hangs or is killed; what the units
let a pass do; and a pass under the rules of the manual's CronJob. One container, whose tests follow each other."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.parts.docker import docker, need_image, unique, wait_for
from tests.parts.manual import blocks
from tests.parts.systemd import IMAGE, SystemdBox, booted
from tests.parts.transplant import mounts

_PAGE = "recipes/systemd-timer.md"
_CRONJOB = "recipes/kubernetes.md"
_SERVICE, _TIMER = "heartbeat.service", "heartbeat.timer"
_UNITS = "/etc/systemd/system"
_RUN = "heartbeat --config /etc/heartbeat/heartbeat.toml run"
_STATE = "/var/lib/heartbeat/.local/state/heartbeat"
_PLAIN = f"""
[channels.log]
kind = "file"
path = "{_STATE}/told.jsonl"
[defaults]
interval = 1
[components.worker]
kind = "service"
unit = "worker.service"
recovery = "off"
"""
_DISKS = """
[components.host]
kind = "host"
cpu_warn = 0
load_warn = 0
memory_warn = 0
memory_critical = 0
swap_warn = 0
"""
_HANGS = """
[components.hangs]
kind = "command"
command = ["sleep", "1000"]
timeout = 0.5
retries = 0
recovery = "off"
"""
_SCRIPT = """
[recovery]
scripts = "/etc/heartbeat/scripts"
[components.agent]
kind = "process"
process = "napper"
recovery = { ladder = [{ action = "script", name = "start.sh" }] }
"""

_CRONTAB = """#!/bin/sh
case $1 in
    -l) cat /run/crontab 2>/dev/null || { echo "no crontab for $3" >&2; exit 1; };;
    -) cat >/run/crontab;;
esac
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemdBox]:
    """A systemd with heartbeat, its user and a firing every second: the drop-in is one that a user would write."""
    need_image("systemd", IMAGE)
    with booted(more=mounts(tmp_path_factory.mktemp("program"), IMAGE)) as found:
        for line in _set_up():
            found.shell(line)
        found.shell(f"mkdir {_UNITS}/{_TIMER}.d")
        found.write_unit(f"{_TIMER}.d/test.conf", "[Timer]\nOnCalendar=\nOnCalendar=*:*:*\nRandomizedDelaySec=0\n")
        yield found


def _set_up() -> list[str]:
    """The lines of the manual before the one that installs the units."""
    (commands,) = (block for block in blocks(_PAGE, "sh") if "useradd" in block)
    *first, install = commands.splitlines()
    assert install == "heartbeat timer --install --run-as heartbeat"
    return first


def configure(box: SystemdBox, text: str, path: str = "/etc/heartbeat/heartbeat.toml") -> None:
    argv = ["docker", "exec", "-i", box.name, "sh", "-c", 'cat >"$0"', path]
    subprocess.run(argv, input=text, text=True, timeout=60, check=True)


def heartbeat(box: SystemdBox, *words: str, user: str = "root", code: int | None = 0) -> str:
    """What it prints, on both streams."""
    argv = ["docker", "exec", "--workdir=/", f"--user={user}", *_environment(user), box.name, "heartbeat", *words]
    done = subprocess.run(argv, stdout=-1, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    assert code is None or done.returncode == code, done.stdout
    return done.stdout


def _environment(user: str) -> list[str]:
    return ["--env=HOME=/home/hb", "--env=XDG_RUNTIME_DIR=/run/user/1000"] if user == "hb" else []


def install(box: SystemdBox) -> str:
    said = heartbeat(box, "timer", "--install", "--run-as", "heartbeat")
    assert box.shell(f"systemd-analyze verify {_UNITS}/{_SERVICE} {_UNITS}/{_TIMER} 2>&1") == ""
    return said


def status(box: SystemdBox) -> dict[str, Any]:
    """What `status` shows its user; empty before the first pass."""
    words = ("sh", "-c", "HOME=/var/lib/heartbeat heartbeat status --format json 2>/dev/null || true")
    argv = ["docker", "exec", "--workdir=/", "--user=heartbeat", box.name, *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return {row["component"]: row for row in json.loads(done.stdout)} if done.stdout.startswith("[") else {}


def passes(box: SystemdBox) -> int:
    return box.shell(f"journalctl --unit={_SERVICE} --output=cat").count(f"Finished {_SERVICE}")


def fires_on(box: SystemdBox, times: int = 2) -> None:
    wanted = passes(box) + times
    wait_for(lambda: passes(box) >= wanted, f"{times} more passes", 60)


def told(box: SystemdBox) -> list[str]:
    lines = box.shell(f"cat {_STATE}/told.jsonl 2>/dev/null || true").splitlines()
    return [json.loads(line)["type"] for line in lines]


def in_the_sandbox(box: SystemdBox, line: str) -> str:
    """What a shell prints under the rules of the service that is installed now."""
    text = box.shell(f"cat {_UNITS}/{_SERVICE}")
    lines = ["ExecStart=/bin/sh /run/probe" if one.startswith("ExecStart=") else one for one in text.splitlines()]
    lines = [*lines, "RemainAfterExit=yes"]  # so that systemd still knows which run it was
    configure(box, line, "/run/probe")
    box.write_unit("probe.service", "\n".join([*lines, ""]))
    box.systemctl("restart", "probe.service")
    one_run = f"_SYSTEMD_INVOCATION_ID={box.property('probe.service', 'InvocationID')}"
    said = box.shell(f"journalctl --sync; journalctl --output=cat _TRANSPORT=stdout {one_run}")
    box.systemctl("stop", "probe.service")
    return said


def _from_nothing_to_a_delivered_alert(box: SystemdBox) -> None:
    configure(box, _PLAIN)
    said = install(box)
    assert "timer: heartbeat.timer starts heartbeat every 10 s now" in said
    assert "ermission" not in said
    assert box.property(_TIMER, "UnitFileState") == "enabled"
    wait_for(lambda: "service_down" in told(box), "the alert", 60)
    assert box.shell(f"stat -c '%U %a' {_STATE}") == "heartbeat 700"
    box.service("worker.service", "ExecStart=sleep 100000", start=True)
    wait_for(lambda: "recovered" in told(box), "its end", 60)
    assert heartbeat(box, "timer", "--install", "--run-as", "heartbeat").endswith("timer: nothing to change\n")


def _what_the_user_links_to_stays_roots(box: SystemdBox) -> None:
    """systemd is root and follows links: a unit must not have it give away what they lead to, whether the user sets
    them after the installation or before it, or names another's folder."""
    box.shell("install -d -m 0755 /usr/lib/roots/heartbeat; install -d -m 0700 /var/lib/roots")
    _as_heartbeat(box, "cd /var/lib/heartbeat/.local && mv state kept && ln -s /usr/lib/roots state")
    box.try_systemctl("start", _SERVICE)
    refused = "Permission denied; name one that heartbeat can make"
    words = ("timer", "--install", "--run-as", "heartbeat")
    assert f"state folder /usr/lib/roots/heartbeat: {refused}" in heartbeat(box, *words, code=3)
    _as_heartbeat(box, "cd /var/lib/heartbeat/.local && rm state && mv kept state")
    for folder in ("/var/lib/roots", "/var/lib/not-there"):
        configure(box, f'[heartbeat]\nstate_dir = "{folder}"\n{_PLAIN}', "/etc/heartbeat/named.toml")
        said = heartbeat(box, "--config", "/etc/heartbeat/named.toml", *words, code=3)
        assert f"state folder {folder}: {refused}" in said
    owners = box.shell("stat -c '%n %U %a' /usr/lib/roots /usr/lib/roots/heartbeat /var/lib/roots")
    assert owners.splitlines() == [
        "/usr/lib/roots root 755",
        "/usr/lib/roots/heartbeat root 755",
        "/var/lib/roots root 700",
    ]
    assert box.shell(f"ls -A /usr/lib/roots/heartbeat; ls {_UNITS} | grep named || true") == ""


def _as_heartbeat(box: SystemdBox, line: str) -> str:
    return docker("exec", "--user=heartbeat", "--workdir=/", box.name, "sh", "-c", line)


def _the_sandbox_of_a_configuration_without_programs(box: SystemdBox) -> None:
    """Written is what a pass writes; a setuid program gives nothing."""
    box.shell("cp /usr/bin/id /usr/local/bin/who && chmod u+s /usr/local/bin/who")
    probe = "\n".join(
        [
            f"for where in /usr/local /home {_STATE} /dev/shm; do",
            "  touch $where/written 2>/dev/null && echo $where is written || echo $where is not",
            "done",
            "/usr/local/bin/who --user --name",
            "test -e /dev/kmsg && echo devices || echo no devices",
        ]
    )
    assert in_the_sandbox(box, probe).splitlines() == [
        "/usr/local is not",
        "/home is not",
        f"{_STATE} is written",
        "/dev/shm is written",
        "heartbeat",
        "no devices",
    ]


def _a_check_of_disks_sees_in_it_what_it_sees_outside(box: SystemdBox) -> None:
    configure(box, _PLAIN + _DISKS)
    assert "starts heartbeat every" in install(box)
    wait_for(lambda: "host" in status(box), "a check of the host", 60)
    asked = "heartbeat check --component host --dry-run --format json"
    inside, outside = _disks(in_the_sandbox(box, f"exec {asked}")), _disks(box.shell(f"cd / && {asked}"))
    assert inside == outside and "/" in inside
    assert in_the_sandbox(box, "touch /usr/local/written || echo refused").splitlines()[-1] == "refused"


def _disks(said: str) -> set[str]:
    (row,) = json.loads(said)
    return {one["metadata"]["mount"] for one in row["metrics"] if one["metric_name"] == "disk_used_percent"}


def _what_hangs_is_ended_and_what_is_killed_is_made_again(box: SystemdBox) -> None:
    """One that is stopped in the middle, as by a disk that hangs, is ended, and the next one comes."""
    configure(box, _PLAIN + _HANGS)
    install(box)
    assert in_the_sandbox(box, "/usr/local/bin/who --user --name") == "root"  # programs of checks may need sudo
    box.shell(f"mkdir {_UNITS}/{_SERVICE}.d")
    box.write_unit(f"{_SERVICE}.d/test.conf", "[Service]\nTimeoutStartSec=3\n")
    wait_for(lambda: _stopped_and_ended(box), "a pass that is stopped, and ended for it", 60)
    fires_on(box)
    before = _made_again(box)
    wait_for(lambda: _made_again(box, kill=True) > before, "a pass that is killed, and made again", 60)
    box.shell(f"rm -r {_UNITS}/{_SERVICE}.d")
    box.systemctl("daemon-reload")


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


def _root_restarts_a_unit_from_within_the_sandbox(box: SystemdBox) -> None:
    configure(box, _PLAIN.replace('recovery = "off"', ""))
    assert "starts heartbeat every" in heartbeat(box, "timer", "--install")
    assert "CapabilityBoundingSet=CAP_" in box.shell(f"cat {_UNITS}/{_SERVICE}")
    box.systemctl("stop", "worker.service")
    box.wait("worker.service", "ActiveState", "active")


def _what_a_script_started_outlives_the_pass(box: SystemdBox) -> None:
    box.shell("cp /bin/sleep /usr/local/bin/napper; mkdir /etc/heartbeat/scripts")
    script = "#!/bin/sh\n/usr/local/bin/napper 100000 >/dev/null 2>&1 &\n"
    configure(box, script, "/etc/heartbeat/scripts/start.sh")
    box.shell("chmod 755 /etc/heartbeat/scripts/start.sh")
    configure(box, _PLAIN + _SCRIPT)
    assert "starts heartbeat every" in install(box)
    wait_for(lambda: status(box).get("agent", {}).get("state") == "healthy", "an agent that was started", 90)
    agent = _napper(box)
    fires_on(box, 3)
    assert _napper(box) == agent
    assert box.shell(f"grep -E 'NoNewPrivs|Seccomp:' /proc/{agent}/status | tr -s '\\t\\n' ' '").strip() == (
        "NoNewPrivs: 0 Seccomp: 0"
    )


def _napper(box: SystemdBox) -> str:
    """The one process of that name."""
    (pid,) = box.shell("grep -lx napper /proc/[0-9]*/comm | cut -d/ -f3").split()
    return pid


def _doctor_knows_the_timer_and_what_else_starts_heartbeat(box: SystemdBox) -> None:
    def found(topic: str) -> list[tuple[str, str]]:
        said = box.shell(
            "cd / && setpriv --reuid=heartbeat --regid=heartbeat --init-groups"
            " env HOME=/var/lib/heartbeat heartbeat doctor --format json || true"
        )
        return [(one["level"], one["text"]) for one in json.loads(said) if one["topic"] == topic]

    assert found("timer") == []
    _units_of_an_earlier_version_are_out_of_date(box, found)
    assert found("scheduler") == [("ok", "the systemd timer heartbeat.timer is active")]
    assert found("last pass")[0][0] == "ok"
    box.shell("cp /bin/sleep /usr/sbin/cron; mkdir -p /etc/cron.d")
    box.service("cron.service", "ExecStart=/usr/sbin/cron 100000", start=True)
    configure(box, f"* * * * * heartbeat {_RUN}\n", "/etc/cron.d/heartbeat")
    assert ("warn", "heartbeat.timer, /etc/cron.d/heartbeat both start heartbeat: it runs twice") in found("scheduler")
    assert "/etc/cron.d/heartbeat starts heartbeat, too" in install(box)
    box.shell("rm /etc/cron.d/heartbeat")
    _each_says_of_the_other(box)
    configure(box, _PLAIN)  # without the script: the sandbox would be another one
    assert [level for level, _ in found("timer")] == ["warn"]
    install(box)
    assert found("timer") == []


def _units_of_an_earlier_version_are_out_of_date(
    box: SystemdBox, found: Callable[[str], list[tuple[str, str]]]
) -> None:
    """They had systemd give folders away; root and the user are told."""
    box.shell(f"sed -i 's:^User=.*:&\\nStateDirectory=heartbeat/.local/state/heartbeat:' {_UNITS}/{_SERVICE}")
    ((level, text),) = found("timer")
    assert level == "bad" and "StateDirectory= of its service heartbeat can become the owner" in text
    assert "`sudo heartbeat timer --install --run-as heartbeat`" in heartbeat(box, "doctor", code=None)
    assert "starts heartbeat every" in install(box)
    assert found("timer") == []


def _each_says_of_the_other(box: SystemdBox) -> None:
    """The image has no cron: a script keeps the one crontab that there is."""
    configure(box, _CRONTAB, "/usr/local/bin/crontab")
    box.shell("chmod 755 /usr/local/bin/crontab")
    said = heartbeat(box, "crontab", "--install")
    assert "the systemd timer heartbeat.timer starts heartbeat, too" in said
    assert "`heartbeat timer --remove` removes it" in said
    said = heartbeat(box, "timer", "--install", "--run-as", "heartbeat")
    assert "the crontab of heartbeat starts heartbeat, too" in said
    assert "`sudo -u heartbeat heartbeat crontab --remove` takes its lines out" in said
    box.shell("rm /usr/local/bin/crontab")


def _a_second_configuration_has_units_of_its_own(box: SystemdBox) -> None:
    configure(box, _PLAIN.replace("log]", "other]"), "/etc/heartbeat/other.toml")
    second = ("--config", "/etc/heartbeat/other.toml", "timer")
    said = heartbeat(box, *second, "--install", "--run-as", "heartbeat")
    name = said.partition("timer: ")[2].partition(" ")[0]
    assert name.startswith("heartbeat-other-")
    assert box.property(name, "ActiveState") == "active"
    assert "too" not in install(box)  # neither is the other's
    box.shell("rm /etc/heartbeat/other.toml")  # it can be removed all the same
    assert heartbeat(box, *second, "--remove") == f"timer: {name} is removed\n"
    assert box.shell(f"ls {_UNITS} | grep -c other || true") == "0"
    assert box.property(_TIMER, "ActiveState") == "active"


def _an_upgrade_follows_the_strategy_and_removal_takes_only_ours(box: SystemdBox) -> None:
    configure(box, '[components.worker]\nkind = "service"\nunit = "worker.service"\n')
    install(box)
    assert "OnCalendar=*-*-* *:*:00/30\n" in box.shell(f"cat {_UNITS}/{_TIMER}")
    box.shell("cd / && setpriv --reuid=heartbeat --regid=heartbeat --init-groups"
              " env HOME=/var/lib/heartbeat heartbeat strategy set aggressive")  # fmt: skip
    assert "every 15 s now" in install(box)
    assert "OnCalendar=*-*-* *:*:00/15\n" in box.shell(f"cat {_UNITS}/{_TIMER}")
    assert box.shell(f"test -e {_UNITS}/{_TIMER}.d/test.conf && echo kept") == "kept"
    for said in ("timer: heartbeat.timer is removed\n", "timer: nothing to change\n"):
        assert heartbeat(box, "timer", "--remove") == said
    assert box.shell(f"ls {_UNITS} | grep '^heartbeat' || true") == f"{_TIMER}.d"
    assert box.property(_TIMER, "ActiveState") == "inactive"

    box.service(_SERVICE, "ExecStart=/bin/true")
    before = box.shell(f"cat {_UNITS}/{_SERVICE}")
    said = heartbeat(box, "timer", "--install", "--run-as", "heartbeat", code=3)
    assert f"{_UNITS}/{_SERVICE} was not made by `heartbeat timer` and is left as it is" in said
    assert heartbeat(box, "timer", "--remove") == "timer: nothing to change\n"
    assert box.shell(f"cat {_UNITS}/{_SERVICE}") == before
    box.shell(f"rm {_UNITS}/{_SERVICE}")
    box.systemctl("daemon-reload")


def _the_units_of_a_user(box: SystemdBox) -> None:
    """A real `systemd --user` that lingers; the drop-in stands for pam_systemd, which the image has not."""
    box.shell(f"mkdir -p {_UNITS}/user@.service.d && useradd --create-home --uid 1000 hb")
    box.write_unit("user@.service.d/test.conf", "[Service]\nPAMName=\nEnvironment=XDG_RUNTIME_DIR=/run/user/%i\n")
    box.shell("install -d -o hb -m 0700 /home/hb/.config /home/hb/.config/heartbeat")
    text = '[channels.log]\nkind = "file"\npath = "~/told.jsonl"\n[defaults]\nfail_threshold = 1\n'
    text += '[components.mine]\nkind = "service"\nunit = "mine.service"\nuser = true\nrecovery = "off"\n'
    configure(box, text, "/home/hb/.config/heartbeat/heartbeat.toml")
    box.shell("chown hb /home/hb/.config/heartbeat/heartbeat.toml")
    assert "only root may install units of the system" in heartbeat(box, "timer", "--install", user="hb", code=3)
    box.systemctl("start", "user@1000.service")
    said = heartbeat(box, "timer", "--install", "--user", user="hb")
    assert "timer: heartbeat.timer starts heartbeat every 30 s now" in said
    assert "`loginctl enable-linger hb` has it run always" in said
    box.shell("loginctl enable-linger hb")
    assert heartbeat(box, "timer", "--install", "--user", user="hb").endswith("timer: nothing to change\n")
    verify = "systemd-analyze --user verify .config/systemd/user/heartbeat.service .config/systemd/user/heartbeat.timer"
    assert _as_hb(box, f"{verify} 2>&1") == ""
    _as_hb(box, "systemctl --user start heartbeat.service")
    wait_for(lambda: "service_down" in box.shell("cat /home/hb/told.jsonl || true"), "the alert", 60)
    assert heartbeat(box, "timer", "--remove", "--user", user="hb").endswith("timer: heartbeat.timer is removed\n")
    assert _as_hb(box, "find .config/systemd -type f -o -type l") == ""


def _as_hb(box: SystemdBox, line: str) -> str:
    return docker("exec", "--user=hb", "--workdir=/home/hb", *_environment("hb"), box.name, "sh", "-c", line)


def test_the_timer_of_a_real_systemd(box: SystemdBox) -> None:
    """One after the other: each goes on where the one before it has left the host."""
    for step in (
        _from_nothing_to_a_delivered_alert,
        _what_the_user_links_to_stays_roots,
        _the_sandbox_of_a_configuration_without_programs,
        _a_check_of_disks_sees_in_it_what_it_sees_outside,
        _what_hangs_is_ended_and_what_is_killed_is_made_again,
        _root_restarts_a_unit_from_within_the_sandbox,
        _what_a_script_started_outlives_the_pass,
        _doctor_knows_the_timer_and_what_else_starts_heartbeat,
        _a_second_configuration_has_units_of_its_own,
        _an_upgrade_follows_the_strategy_and_removal_takes_only_ours,
        _the_units_of_a_user,
    ):
        step(box)


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
