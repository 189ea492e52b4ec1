"""What the tests of installing share: the packages of a release, a bare Debian, and a receiver of webhooks in it."""

import fcntl
import hashlib
import json
import subprocess
from pathlib import Path

from tests.parts import lacking
from tests.parts.docker import docker, wait_for

ROOT = Path(__file__).parents[2]
DEBIAN = "heartbeat-test-debian"  # systemd, cron, python3 and pipx
_TOOLS = ROOT / "out/release/bin"
_PINS = ROOT / "release/runtime.txt"

_RECEIVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with open("/run/received", "ab") as file:
            file.write(self.rfile.read(int(self.headers["Content-Length"])) + b"\\n")
        self.send_response(204)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 9000), Handler).serve_forever()
"""


def watches_port(component: str, port: int) -> str:
    """A configuration with a component in fault at once, and the receiver as its channel."""
    return f"""
[channels.hook]
kind = "webhook"
url = "http://127.0.0.1:9000/"
[defaults]
fail_threshold = 1
interval = 1
[components.{component}]
kind = "tcp"
host = "127.0.0.1"
port = {port}
"""


def write(name: str, path: str, text: str, user: str = "root") -> None:
    """Write a file in the container, as that user."""
    argv = ["docker", "exec", "-i", f"--user={user}", name, "sh", "-c", 'mkdir -p "${0%/*}" && cat >"$0"', path]
    subprocess.run(argv, input=text, text=True, timeout=60, check=True)


def receive(name: str) -> None:
    """Start the receiver in the container."""
    write(name, "/run/receiver.py", _RECEIVER)
    docker("exec", "--detach", name, "python3", "/run/receiver.py")


def received(name: str) -> str:
    """The titles of the messages, a line each."""
    said = docker("exec", name, "sh", "-c", "cat /run/received 2>/dev/null || true")
    return "\n".join(str(json.loads(line)["title"]) for line in said.splitlines())


def wait_for_alert(name: str, component: str, seconds: float = 100) -> None:
    wait_for(lambda: f"{component} " in received(name), f"the alert of {component}", seconds)


def wheel() -> Path:
    """The wheel that `make release` has built."""
    found = sorted((ROOT / "dist").glob("heartbeat_cli-*.whl"))
    if not found:
        lacking("a wheel in dist/ (run `make release`)")
    return found[-1]


def package() -> Path:
    """The package that `make deb` has built."""
    found = sorted((ROOT / "dist").glob("heartbeat_*.deb"))
    if not found:
        lacking("a Debian package in dist/ (run `make deb`)")
    return found[-1]


def uv() -> Path:
    if not (_TOOLS / "uv").exists():
        lacking("uv (run `make release`)")
    return _TOOLS / "uv"


def wheels() -> Path:
    """A folder with what heartbeat needs, for Debian's Python 3.11; fetched once."""
    if not (_TOOLS / "pip").exists():
        lacking("the tools of a release (run `make release`)")
    folder = ROOT / "out/wheels" / hashlib.sha256(_PINS.read_bytes()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    argv = [str(_TOOLS / "pip"), "download", "--quiet", "--require-hashes", "--only-binary=:all:"]
    argv += ["--python-version=3.11", f"--requirement={_PINS}", f"--dest={folder}"]
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".complete").exists():
            done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
            if done.returncode != 0:
                lacking(f"what heartbeat needs cannot be fetched: {done.stderr[-500:]}")
            (folder / ".complete").touch()
    return folder
