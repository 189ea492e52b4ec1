"""The three contestants: heartbeat by cron, Monit by its best practice, and a shell loop of the usual kind.

All have a cycle of 10 s and act at the third failure; a check may take 3 s. All restart a process by the same script.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bench._duel_targets import Container, Target

CYCLE, THRESHOLD, TIMEOUT, BUDGET = 10, 3, 3, 5
CONFIRM = 0.25  # seconds: Monit acts on the first look that finds no process; heartbeat wants three, and takes them so
_MARK = "HEARTBEAT_DUEL"


class Job(NamedTuple):
    """What one contestant watches in one group: `parents` names the target that others depend on, by theirs."""

    who: str
    folder: Path
    scripts: Path
    targets: Sequence[Target]
    parents: dict[str, str]
    port: int
    to: str


class Spent(NamedTuple):
    """CPU seconds and peak MB of a whole run."""

    cpu: float
    peak: float


def heartbeat(job: Job) -> list[str]:
    head = f"""
[heartbeat]
store = "sqlite:///{job.folder}/store.db"
state_dir = "{job.folder}/state"
strategy = "aggressive"
[recovery]
host_budget = 1000
[channels.mail]
kind = "email"
host = "127.0.0.1"
port = {job.port}
security = "none"
from = "heartbeat@duel.test"
to = ["{job.to}"]
digest = false
"""
    common = f"interval = {CYCLE}\nfail_threshold = {THRESHOLD}\nconfirm_every = {CONFIRM}\n"
    blocks = [_component(job, target, common) for target in job.targets]
    config = job.folder / "heartbeat.toml"
    config.write_text(head + "".join(blocks))
    return [str(Path(sys.executable).with_name("heartbeat")), "--config", str(config), "run"]


def _component(job: Job, target: Target, common: str) -> str:
    head = f"[components.{target.id}]\n{common}"
    if isinstance(target, Container):
        return head + target.part.block
    parent = job.parents.get(target.id)
    needs = f'depends_on = ["{parent}"]\n' if parent else ""
    step = json.dumps([str(job.scripts / "restart"), str(target.folder)])
    ladder = f'[[components.{target.id}.recovery.ladder]]\naction = "command"\ncommand = {step}\n'
    return f'{head}kind = "agent"\nurl = "{target.url}"\n{needs}{ladder}'


_MONIT = """
set daemon {cycle}
set log "{folder}/monit.log"
set idfile "{folder}/monit.id"
set statefile "{folder}/monit.state"
set pidfile "{folder}/monit.pid"
set mailserver 127.0.0.1 port {port} with timeout 5 seconds
set eventqueue basedir "{folder}/queue" slots 1000
set mail-format {{
  from: monit@duel.test
  subject: $SERVICE: $EVENT ($ACTION)
  message: $DATE $DESCRIPTION
}}
set alert {to} not on {{ instance, action, pid, ppid }}
"""
_MONIT_LIMITS = f"  if {BUDGET} restarts within 60 cycles then unmonitor\n"


def monit(job: Job) -> list[str]:
    look = job.folder / "container-healthy"
    look.write_text(_CONTAINER_HEALTHY.replace("DOCKER", str(shutil.which("docker"))))
    look.chmod(0o755)
    head = _MONIT.format(cycle=CYCLE, folder=job.folder, port=job.port, to=job.to)
    config = job.folder / "monitrc"
    config.write_text(head + "".join(_check(job, target, look) for target in job.targets))
    config.chmod(0o600)
    (job.folder / "queue").mkdir(mode=0o700)
    return [str(shutil.which("monit")), "-I", "-c", str(config)]


def _check(job: Job, target: Target, look: Path) -> str:
    if isinstance(target, Container):
        docker = shutil.which("docker")
        return (
            f'check program {target.id} with path "{look} {target.name}" with timeout {TIMEOUT} seconds\n'
            f'  start program = "{docker} restart {target.name}"\n'
            f'  stop program = "{docker} stop {target.name}"\n'
            f'  restart program = "{docker} restart {target.name}"\n'
            f"  if status != 0 for {THRESHOLD} cycles then restart\n{_MONIT_LIMITS}"
        )
    parent = job.parents.get(target.id)
    return (
        f'check process {target.id} with pidfile "{target.folder}/pid"\n'
        f'  start program = "{job.scripts}/restart {target.folder}"\n'
        f'  stop program = "{job.scripts}/stop {target.folder}"\n'
        f'  restart program = "{job.scripts}/restart {target.folder}"\n'
        f'  if failed host 127.0.0.1 port {target.port} protocol http request "/health" content = "ok"\n'
        f"    with timeout {TIMEOUT} seconds for {THRESHOLD} cycles then restart\n{_MONIT_LIMITS}"
        + (f"  depends on {parent}\n" if parent else "")
    )


_CONTAINER_HEALTHY = """#!/bin/sh
state='{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}}'
case $(DOCKER inspect --format "$state" "$1") in
"running healthy" | "running starting") exit 0 ;;
*) exit 1 ;;
esac
"""

_LOOP = """#!/bin/bash
# Watches what `list` names: restarts what failed three times in a row, and mails when that begins and ends.
declare -A fails down
good() {
    case $1 in
    http) curl -fsS -m TIMEOUT "$2" 2>/dev/null | grep -q '"ok"' ;;
    docker) FOLDER/container-healthy "$2" 2>/dev/null ;;
    esac
}
restart() {
    case $1 in
    http) SCRIPTS/restart "$3" ;;
    docker) docker restart "$2" ;;
    esac >/dev/null 2>&1
}
tell() {
    printf 'From: loop@duel.test\\nTo: %s\\nSubject: %s\\n\\n%s\\n' 'TO' "$1" "$(date)" |
        curl -sS -m 5 --url smtp://127.0.0.1:PORT --mail-from loop@duel.test --mail-rcpt 'TO' -T - 2>/dev/null
}
while :; do
    while read -r name kind where folder; do
        if good "$kind" "$where"; then
            if [ "${down[$name]}" ]; then tell "UP: $name"; down[$name]=; fi
            fails[$name]=0
        else
            fails[$name]=$((${fails[$name]:-0} + 1))
            if [ "${fails[$name]}" -ge THRESHOLD ]; then
                if [ -z "${down[$name]}" ]; then tell "DOWN: $name"; down[$name]=1; fi
                restart "$kind" "$where" "$folder"
                fails[$name]=0
            fi
        fi
    done <FOLDER/list
    sleep CYCLE
done
"""


def loop(job: Job) -> list[str]:
    look = job.folder / "container-healthy"
    look.write_text(_CONTAINER_HEALTHY.replace("DOCKER", "docker"))
    look.chmod(0o755)
    lines = [
        f"{one.id} docker {one.name}" if isinstance(one, Container) else f"{one.id} http {one.url} {one.folder}"
        for one in job.targets
    ]
    (job.folder / "list").write_text("".join(f"{line}\n" for line in lines))
    known = {"TIMEOUT": TIMEOUT, "THRESHOLD": THRESHOLD, "CYCLE": CYCLE, "PORT": job.port, "TO": job.to}
    text = _LOOP
    for word, value in {**known, "SCRIPTS": job.scripts, "FOLDER": job.folder}.items():
        text = text.replace(word, str(value))
    (job.folder / "loop").write_text(text)
    return ["/bin/bash", str(job.folder / "loop")]


CONTESTANTS: dict[str, Callable[[Job], list[str]]] = {"heartbeat": heartbeat, "Monit": monit, "loop": loop}


class Watch:
    """A contestant at work on one job. Use as a context manager; `spent` is known afterwards."""

    def __init__(self, job: Job, begin: float) -> None:
        self.job = job
        self._begin, self._mark = begin, str(job.folder)  # two duels at once must not kill each other's
        self.spent = Spent(0.0, 0.0)

    def __enter__(self) -> "Watch":
        argv = CONTESTANTS[self.job.who](self.job)
        period = CYCLE if self.job.who == "heartbeat" else 0
        launch = [sys.executable, "-I", "-S", str(Path(__file__).with_name("_duel_launch.py"))]
        with (self.job.folder / "output").open("a") as out:
            self._launcher = subprocess.Popen(
                [*launch, str(self.job.folder / "spent"), str(self._begin), str(period), *argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={"PATH": os.environ["PATH"], "HOME": str(self.job.folder), _MARK: self._mark},
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._launcher.terminate()
        try:
            self._launcher.wait(30)
        except subprocess.TimeoutExpired:
            self._launcher.kill()
            self._launcher.wait()
        self.kill()
        with suppress(OSError, ValueError):
            said = json.loads((self.job.folder / "spent").read_text())
            # A child's peak counts what it was before exec: for Monit, which is small, that would be its launcher's.
            self.spent = Spent(said["cpu"], said["resident" if self.job.who == "Monit" else "peak"])

    def alive(self) -> bool:
        """Whether what starts the contestant still does."""
        return self._launcher.poll() is None

    def kill(self) -> None:
        """SIGKILL for the contestant and all that it runs, at once; what starts it by the clock goes on."""
        for pid in [*self._descendants(), *self._marked()]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _descendants(self) -> list[int]:
        parents: dict[int, list[int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parents.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(
                    int(stat.parent.name)
                )
        found, left = [], [self._launcher.pid]
        while left:
            some = parents.get(left.pop(), [])
            found += some
            left += some
        return found

    def _marked(self) -> list[int]:
        """Those that still have the environment of the contestant, even if their parents have gone."""
        wanted, found = f"{_MARK}={self._mark}".encode(), []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if wanted in environ.read_bytes().split(b"\0") and int(environ.parent.name) != self._launcher.pid:
                    found.append(int(environ.parent.name))
        return found
