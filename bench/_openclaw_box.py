"""A real OpenClaw gateway, as a unit of a real systemd in a container.

The gateway and its Node are installed once from npm, into `$HEARTBEAT_BENCH_OPENCLAW` (default:
~/.cache/heartbeat-bench/openclaw, 770 MB), and mounted read-only. The container has no network; what asks the gateway
enters the container's network, so that it is a caller on the gateway's own host.
"""

import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.parts import lacking
from tests.parts.docker import docker, need_image
from tests.parts.systemd import IMAGE, SystemdBox, booted

UNIT = "openclaw-gateway.service"
_ARCHITECTURE = {"x86_64": "x64", "aarch64": "arm64"}
_INSTALL_SECONDS, _START_SECONDS = 900, 240.0
_CONFIG = "/var/lib/openclaw/.openclaw/openclaw.json"
_WELL = {"gateway": {"mode": "local", "bind": "loopback", "auth": {"mode": "token", "token": "of-this-bench-only"}}}
# A wait that never ends in the thread of the event loop, as a synchronous call that hangs is. Nothing in JavaScript
# runs any more, the handler of SIGTERM neither.
_BLOCK = "process.on('SIGUSR2', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));"
_SERVICE = """[Unit]
StartLimitBurst=10
StartLimitIntervalSec=300
[Service]
Environment=HOME=/var/lib/openclaw
Environment=PATH=/opt/openclaw/{node}/bin:/usr/bin:/bin
Environment="NODE_OPTIONS=--require /var/lib/openclaw/block.cjs"
WorkingDirectory=/var/lib/openclaw
ExecStart=/opt/openclaw/{node}/bin/node /opt/openclaw/node_modules/openclaw/openclaw.mjs gateway --port 18789
Restart=always
RestartSec=5
RestartPreventExitStatus=78
TimeoutStopSec=330
"""


class Gateway(NamedTuple):
    """The unit `UNIT` in a container; `inside` is put before a program that is to ask it."""

    box: SystemdBox
    inside: Sequence[str]

    def curl(self, path: str) -> subprocess.CompletedProcess[str]:
        argv = [*self.inside, "curl", "-f", "-s", "-m", "3", f"http://127.0.0.1:18789{path}"]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)

    def stop_process(self) -> None:
        """SIGSTOP for the gateway itself. Its port takes connections; systemd wakes it with SIGCONT when it stops the
        unit, so that it can end in order."""
        self._signal("STOP")

    def block_event_loop(self) -> None:
        """Its port takes connections, and SIGTERM does not reach it: only SIGKILL ends it."""
        self._signal("USR2")

    def _signal(self, name: str) -> None:
        self.box.systemctl("kill", "--kill-whom=main", f"--signal={name}", UNIT)

    def spoil_configuration(self) -> None:
        """An edit that the gateway does not accept, and its end."""
        self.write(_CONFIG, json.dumps({"gateway": {"mode": "everywhere"}}))
        self.box.systemctl("kill", "--signal=KILL", UNIT)

    def wait(self) -> float:
        """Seconds until it is ready."""
        began = time.monotonic()
        while '"ready":true' not in self.curl("/readyz").stdout:
            said = self.box.shell(f"journalctl --unit={UNIT} --no-pager | tail -20")
            assert time.monotonic() < began + _START_SECONDS, f"the gateway is not ready: {said}"
            time.sleep(0.5)
        return time.monotonic() - began

    def write(self, path: str, text: str) -> None:
        argv = ["docker", "exec", "-i", self.box.name, "sh", "-c", 'mkdir -p "$(dirname "$0")"; cat >"$0"', path]
        subprocess.run(argv, input=text, text=True, capture_output=True, timeout=60, check=True)


@contextmanager
def gateway() -> Iterator[Gateway]:
    """A gateway that has been started."""
    need_image("systemd", IMAGE)
    if os.geteuid() != 0 or shutil.which("nsenter") is None:
        lacking("root and nsenter, to enter the network of a container")
    folder, node = _installed()
    with booted(more=("--volume", f"{folder}:/opt/openclaw:ro")) as box:
        pid = docker("inspect", "--format", "{{.State.Pid}}", box.name)
        found = Gateway(box, ("nsenter", f"--net=/proc/{pid}/ns/net", "--"))
        found.write(_CONFIG, json.dumps(_WELL))
        found.write("/var/lib/openclaw/block.cjs", _BLOCK)
        box.write_unit(UNIT, _SERVICE.format(node=node))
        box.systemctl("start", UNIT)
        yield found


def _installed() -> tuple[Path, str]:
    """Where it is, and the folder of Node in it."""
    machine = _ARCHITECTURE.get(platform.machine())
    if machine is None:
        lacking(f"a Node for {platform.machine()}")
    name = f"node-linux-{machine}"  # what the package node@24 fetches by a script
    packages = ["openclaw@2026.9.6", f"{name}@24.21.0"]
    default = Path.home() / ".cache/heartbeat-bench/openclaw"
    folder = Path(os.environ.get("HEARTBEAT_BENCH_OPENCLAW") or default).absolute()
    mark = folder / "installed"
    if not mark.exists() or mark.read_text().split() != packages:
        if shutil.which("npm") is None:
            lacking("npm (or OpenClaw, installed before)")
        folder.mkdir(parents=True, exist_ok=True)
        argv = ["npm", "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", *packages]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
        if done.returncode != 0:
            lacking(f"OpenClaw cannot be installed: {done.stderr[-500:]}")
        mark.write_text("\n".join(packages))
    return folder, f"node_modules/{name}"
