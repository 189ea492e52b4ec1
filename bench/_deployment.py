"""The example deployment on real parts: five agents over HTTP, PostgreSQL as store and component, two containers, the
host. Well, or with two agents that take a connection and never answer."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.parts.docker import BUSYBOX, docker, need_image, unique
from tests.parts.postgres import Server

from bench._http import answering

LATENCIES = {"main": 0.1, "chat": 0.02, "coding": 0.04, "system-admin": 0.06, "weather": 0.08}  # seconds to an answer
SLOWEST = max(LATENCIES.values())
HUNG = ("chat", "coding")
TIMEOUT = 1.0  # seconds that a look at an agent may take
VERIFY_WAIT = 2.0  # seconds that a pass waits for what it restarted

_numbers = itertools.count()


class Deployment(NamedTuple):
    """Where the parts are; `config` is the one over them while all is well, `dsn` its store."""

    folder: Path
    server: Server
    agents: str
    containers: list[str]

    @property
    def config(self) -> Path:
        return self.folder / "heartbeat.toml"

    @property
    def dsn(self) -> str:
        return _dsn(self.server, "postgres")

    @property
    def what(self) -> str:
        """The deployment in words."""
        return "the example deployment" + ("" if self.containers else " without its containers")

    def urls(self, hung: bool = False) -> dict[str, str]:
        """Where each agent answers, or two of them never do."""
        words = {id_: f"{round(latency * 1000)}" for id_, latency in LATENCIES.items()}
        words |= dict.fromkeys(HUNG, "hang") if hung else {}
        return {id_: f"{self.agents}/{word}/{id_}" for id_, word in words.items()}

    def hung(self, threshold: int, recovery: str) -> Path:
        """A configuration with a store of its own, in which two agents hang and are restarted in vain, if at all."""
        name = f"hung{next(_numbers)}"
        self.server.execute(f"CREATE DATABASE {name}")
        own = dict.fromkeys(HUNG, f"fail_threshold = {threshold}\nrecovery = {recovery}")
        path = self.folder / f"{name}.toml"
        path.write_text(_config(self.folder / name, _dsn(self.server, name), self, self.urls(hung=True), own))
        return path


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
def deployment(folder: Path, *, needs_docker: bool = True) -> Iterator[Deployment]:
    """`needs_docker`: without a Docker Engine the case is left out; else it goes on without the containers."""
    with ExitStack() as stack:
        names = list[str]()
        with nullcontext() if needs_docker else suppress(pytest.skip.Exception):
            names = stack.enter_context(containers(2))
        server = stack.enter_context(Server())
        parts = Deployment(folder, server, stack.enter_context(answering()), names)
        parts.config.write_text(_config(folder, parts.dsn, parts, parts.urls(), {}))
        yield parts


def _dsn(server: Server, database: str) -> str:
    return server.dsn(dbname=database).replace("postgresql:///", "postgresql://localhost/")


def _config(folder: Path, dsn: str, parts: Deployment, urls: Mapping[str, str], own: Mapping[str, str]) -> str:
    """Everything is due in every pass; what is told goes to a file."""
    blocks = [f'[heartbeat]\nstore = "{dsn}"\nstate_dir = "{folder}/state"', f"[recovery]\nverify_wait = {VERIFY_WAIT}"]
    blocks += [f'[channels.file]\nkind = "file"\npath = "{folder}/state/told.jsonl"']
    blocks += [
        _block(id_, "agent", f'url = "{url}"\ntimeout = {TIMEOUT}', own.get(id_, "")) for id_, url in urls.items()
    ]
    blocks += [_block("db", "database", f'dsn = "{dsn}"')]
    blocks += [_block(name, "docker", f'container = "{name}"') for name in parts.containers]
    # The machine that measures may be busy: a page about that is not the pass to be measured.
    quiet = "\n".join(f"{limit}_warn = 0" for limit in ("cpu", "load", "memory", "swap", "disk", "inodes"))
    blocks += [_block("host", "host", "oom_warn = false", quiet)]
    return "\n\n".join(blocks)


def _block(id_: str, kind: str, *keys: str) -> str:
    return "\n".join([f"[components.{id_}]", f'kind = "{kind}"', "interval = 0.01", *keys])
