"""The example deployment on real parts: five agents over HTTP, PostgreSQL as store and component, two containers."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.parts.docker import BUSYBOX, docker, need_image, unique
from tests.parts.postgres import Server

AGENTS = ("main", "chat", "coding", "system-admin", "weather")

_SERVE = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import threading
class Healthy(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"status": "ok"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
servers = [ThreadingHTTPServer(("127.0.0.1", 0), Healthy) for _ in range(int(sys.argv[1]))]
for server in servers:
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(*(server.server_address[1] for server in servers), flush=True)
sys.stdin.read()
"""


class Deployment(NamedTuple):
    """Where the parts are, and the configuration over them."""

    config: Path
    dsn: str
    urls: list[str]
    containers: list[str]


@contextmanager
def agents(count: int) -> Iterator[list[str]]:
    """Health addresses served by a process of its own, so that serving is not measured."""
    import subprocess
    import sys

    argv = [sys.executable, "-c", _SERVE, str(count)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield [f"http://127.0.0.1:{port}/health" for port in child.stdout.readline().split()]
        finally:
            child.kill()


@contextmanager
def containers(count: int) -> Iterator[list[str]]:
    need_image("busybox", BUSYBOX)
    names = [unique("bench") for _ in range(count)]
    try:
        for name in names:
            docker("run", "--detach", "--network", "none", "--name", name, BUSYBOX, "sleep", "3600")
        yield names
    finally:
        docker("rm", "--force", *names)


@contextmanager
def deployment(folder: Path) -> Iterator[Deployment]:
    with ExitStack() as stack:
        server = stack.enter_context(Server())
        urls = stack.enter_context(agents(len(AGENTS)))
        names = stack.enter_context(containers(2))
        dsn = server.dsn().replace("postgresql:///", "postgresql://localhost/")
        config = folder / "heartbeat.toml"
        config.write_text(_config(folder, dsn, urls, names))
        yield Deployment(config, dsn, urls, names)


def _config(folder: Path, dsn: str, urls: list[str], names: list[str]) -> str:
    blocks = [f'[heartbeat]\nstore = "{dsn}"\nstate_dir = "{folder}/state"']
    pairs = zip(AGENTS, urls, strict=True)
    blocks += [f'[components.{id_}]\nkind = "agent"\nurl = "{url}"\ninterval = 0.01' for id_, url in pairs]
    blocks += [f'[components.db]\nkind = "database"\ndsn = "{dsn}"\ninterval = 0.01']
    blocks += [f'[components.{n}]\nkind = "docker"\ncontainer = "{n}"\ninterval = 0.01' for n in names]
    # The machine that measures may be busy: a page about that is not the pass to be measured.
    quiet = "\n".join(f"{limit}_warn = 0" for limit in ("cpu", "load", "memory", "swap", "disk", "inodes"))
    blocks += [f'[components.host]\nkind = "host"\ninterval = 0.01\noom_warn = false\n{quiet}']
    return "\n\n".join(blocks)
