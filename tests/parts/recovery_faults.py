"""The sorts of faults that `recovery_world` makes: parts in real containers and units, each broken in a way of its own.

One shell script is every busybox container. It waits for a word from outside, and what it finds at its next start (a
mark to be slow, a number of starts still to fail) is how it comes up.
"""

import json
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from tests.parts.docker import BUSYBOX, docker, unique
from tests.parts.postgres import free_port
from tests.parts.postgres_container import run_server
from tests.parts.systemd import SystemdBox

SLOW_SECONDS = 20
BUDGET = 3  # restarts that the crash loop which looks well for a while is allowed

_SCRIPT = """
rm -f /tmp/ill
[ -p /tmp/go ] || busybox mkfifo /tmp/go
left=$(cat /tmp/left 2>/dev/null || echo 0)
if [ "$left" -gt 0 ]; then echo $((left - 1)) >/tmp/left; exit 1; fi
[ -e /tmp/slow ] && sleep SLOW
if [ "$0" != 0 ]; then busybox mkdir -p /srv; echo ok >/srv/health; httpd -p 127.0.0.1:$0 -h /srv; fi
if [ -e /tmp/short ]; then sleep 4; exit 1; fi
while :; do read word </tmp/go && eval "$word"; done
""".replace("SLOW", str(SLOW_SECONDS))

_ANSWERS = """
use IO::Socket::INET;
my $s = IO::Socket::INET->new(Listen => 20, LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], ReuseAddr => 1) or die;
while (my $c = $s->accept) { print $c "ready\\n"; close $c }
"""


class Part(NamedTuple):
    """One component: what it is in reality, what configures it, and how it is made to fail.

    `target` is a container's or unit's name; `block` its lines of configuration; `automatic` how many of its starts
    after the fault are Docker's own (None: only what Docker calls a restart is not)."""

    id: str
    target: str
    block: str
    start: Callable[[], object]
    fail: Callable[[], object]
    unit: bool = False
    healable: bool = True
    port: int | None = None
    automatic: int | None = 0

    def answers(self) -> bool:
        """Whether its port, if it has one, is really served."""
        if self.port is None:
            return True
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 2) as link:
            link.settimeout(2)
            if not self.unit:
                link.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            return bool(link.recv(1))
        return False

    def restarts(self, actions: Sequence[str]) -> int:
        """How often somebody brought it back, from Docker's events."""
        asked = actions.count("restart")
        if self.automatic is None or (self.automatic and asked):
            return asked
        return actions.count("start") + actions.count("unpause") - self.automatic


def killed(number: int) -> Part:
    """Ended by SIGKILL, as by `docker kill`."""
    return _container("killed", number, lambda name: docker("kill", name))


def stopped(number: int) -> Part:
    """Ended by itself, with exit 0. (After a `docker stop` it is left alone: somebody wanted that.)"""
    return _container("stopped", number, partial(_tell, "exit 0"))


def paused(number: int) -> Part:
    return _container("paused", number, lambda name: docker("pause", name))


def unhealthy(number: int) -> Part:
    """Runs on while its health check fails; a fresh start clears that."""
    check = ("--health-cmd=test ! -e /tmp/ill", "--health-interval=2s", "--health-timeout=5s", "--health-retries=1")
    return _container("unhealthy", number, lambda name: _shell(name, "touch /tmp/ill"), check)


def crash_loop_cured(number: int) -> Part:
    """Fails at its next three starts, after which Docker gives up on it; one more start would do."""
    fail = partial(_tell, "exit 1", before="echo 3 >/tmp/left")
    return _container("loop-cured", number, fail, ("--restart=on-failure:3",))._replace(automatic=3)


def crash_loop(number: int) -> Part:
    """Ends at once at every start; Docker starts it again for ever."""
    made = _container("loop", number, partial(_tell, "exit 1", before="echo 1000000 >/tmp/left"), ("--restart=always",))
    return made._replace(
        healable=False, automatic=None, block=made.block + f"[components.{made.id}.recovery]\nstartup_grace = 15\n"
    )


def short_lived(number: int) -> Part:
    """Well for four seconds after every start: each restart heals it, and none does."""
    made = _container("short-lived", number, partial(_tell, "exit 1", before="touch /tmp/short"))
    limits = f"[components.{made.id}.recovery]\nbudget = {BUDGET}\nbackoff = 2\n"
    return made._replace(healable=False, block=made.block + limits)


def out_of_memory(number: int) -> Part:
    """Takes more memory than its cgroup has: the kernel kills it."""
    limit = ("--memory=8m", "--memory-swap=8m")
    return _container("oom", number, _use_up_memory, limit)


def _use_up_memory(name: str) -> None:
    _tell("exec busybox tail /dev/zero", name)
    docker("wait", name)
    said = docker("inspect", "--format={{.State.ExitCode}}", name)  # OOMKilled comes too late now and then
    assert said == "137", f"{name} was to be killed by the kernel for want of memory, but ended with {said}"


def slow_start(number: int) -> Part:
    """Killed, and serves its port only 20 s after it was started again."""

    def fail(name: str) -> None:
        _shell(name, "touch /tmp/slow")
        docker("kill", name)

    return _serving("slow", number, fail, f"startup_grace = {SLOW_SECONDS + 40}\n")


def port_dead(number: int) -> Part:
    """What serves the port is gone, the container lives."""
    return _serving("port-dead", number, lambda name: _shell(name, "busybox killall httpd"))


def unit_failed(box: SystemdBox, number: int) -> Part:
    """The main process of a unit is killed, and Restart=no."""
    return _unit(box, "unit-failed", number, "/bin/sleep infinity", "SIGKILL")


def unit_hung(box: SystemdBox, number: int) -> Part:
    """The main process of a unit stands still; its port takes connections and says nothing."""
    port = free_port()
    box.shell(f"[ -e /run/answers ] || cat >/run/answers <<'EOF'\n{_ANSWERS}\nEOF")
    made = _unit(box, "unit-hung", number, f"/usr/bin/perl /run/answers {port}", "SIGSTOP")
    check = f'kind = "tcp"\nhost = "127.0.0.1"\nport = {port}\nbanner = "ready"\ntimeout = 1.5\n'
    step = f'action = "systemd"\nunit = "{made.target}"\nsystemctl = {json.dumps(box.prefix)}\n'
    return made._replace(port=port, block=f"{check}[[components.{made.id}.recovery.ladder]]\n{step}")


def database_refusing(number: int) -> Part:
    """A real PostgreSQL that is shutting down, and waits for a session that does not end: it refuses all others.
    Every other one is killed."""
    name, port = unique("postgres"), free_port()
    dsn = f"postgresql://postgres@127.0.0.1:{port}/postgres?requirepeer=nobody"  # on the host's network
    block = f'kind = "database"\ndsn = "{dsn}"\ncontainer = "{name}"\ntimeout = 2\ndraining_limit = 0\n'
    held: list[Any] = []

    def fail() -> None:
        import psycopg2

        if number % 2:
            held.append(psycopg2.connect(dsn, connect_timeout=10))
            docker("kill", "--signal=SIGTERM", name)  # its postmaster's "smart" shutdown
        else:
            docker("kill", name)

    return Part(f"database-{number}", name, block, lambda: run_server(name, port).wait(), fail)


def _container(sort: str, number: int, fail: Callable[[str], object], options: Sequence[str] = ()) -> Part:
    name = unique(sort)
    block = f'kind = "docker"\ncontainer = "{name}"\n'
    return Part(f"{sort}-{number}", name, block, partial(_start, name, options), partial(fail, name))


def _serving(sort: str, number: int, fail: Callable[[str], object], recovery: str = "") -> Part:
    """A container that serves a port of this host, watched there."""
    made, port = _container(sort, number, fail), free_port()
    block = (
        f'kind = "agent"\nurl = "http://127.0.0.1:{port}/health"\ntimeout = 2\n'
        f"[components.{made.id}.recovery]\n{recovery}"
        f'[[components.{made.id}.recovery.ladder]]\naction = "docker"\ncontainer = "{made.target}"\n'
    )
    return made._replace(port=port, block=block, start=partial(_start, made.target, ("--network=host",), port))


def _start(name: str, options: Sequence[str], port: int = 0) -> None:
    network = () if "--network=host" in options else ("--network=none",)
    fixed = ("--detach", "--stop-signal=SIGKILL", "--name", name)
    docker("run", *fixed, *network, *options, BUSYBOX, "sh", "-c", _SCRIPT, str(port), timeout=120)


def _shell(name: str, line: str) -> None:
    docker("exec", name, "sh", "-c", line)


def _tell(word: str, name: str, before: str = "true") -> None:
    """Say the script its word; the `docker exec` may be gone before it can say that it was done."""
    argv = ["docker", "exec", name, "sh", "-c", f"{before}; echo '{word}' >/tmp/go"]
    subprocess.run(argv, capture_output=True, timeout=60, check=False)


def _unit(box: SystemdBox, sort: str, number: int, command: str, signal: str) -> Part:
    name = f"{sort}-{number}.service"
    block = f'kind = "service"\nunit = "{name}"\nsystemctl = {json.dumps(box.prefix)}\n'

    def start() -> None:
        note = f"ExecStartPre=/bin/sh -c 'mkdir -p /run/starts; echo $INVOCATION_ID >>/run/starts/{name}'"
        box.service(name, note, f"ExecStart={command}", "Restart=no", start=True)

    def fail() -> None:
        box.systemctl("kill", "--kill-who=main", f"--signal={signal}", name)

    return Part(f"{sort}-{number}", name, block, start, fail, unit=True)
