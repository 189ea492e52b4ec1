"""Real workers of Celery and RQ, in an environment of their own that `.ci/agents-queues` makes."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.parts import lacking

ROOT = Path(__file__).parents[2]
# One module for both; what is done is appended to a file, so that a test can wait for it.
JOBS = """
import os, time
from celery import Celery

app = Celery("jobs", broker=os.environ["BROKER"])
app.conf.worker_prefetch_multiplier = 1
app.conf.broker_connection_retry_on_startup = True


def note(seconds):
    time.sleep(seconds)
    with open("done", "a") as file:
        file.write("done\\n")


work = app.task(name="work")(note)
"""
ENQUEUE = {
    "celery": "import sys, jobs\nfor word in sys.argv[1:]: jobs.work.delay(float(word))",
    "rq": "import os, sys, jobs, redis, rq\n"
    "queue = rq.Queue(connection=redis.Redis.from_url(os.environ['BROKER']))\n"
    "for word in sys.argv[1:]: queue.enqueue(jobs.note, float(word), job_timeout=7200)",
}


def python() -> Path:
    """The environment's Python."""
    found = Path(os.environ.get("HEARTBEAT_TEST_QUEUES") or ROOT / ".queues") / "bin/python"
    if not found.exists():
        lacking("no Celery and RQ (run .ci/agents-queues)", "queues")
    return found.absolute()


class Workers:
    """A queue and its one worker, in a folder of their own."""

    def __init__(self, kind: str, folder: Path, broker: str) -> None:
        self.kind, self.folder = kind, folder
        self._environment = {**os.environ, "BROKER": broker, "PYTHONPATH": str(folder)}
        (folder / "jobs.py").write_text(JOBS)

    def enqueue(self, *seconds: float) -> None:
        """Jobs that take so long each."""
        self._run("-c", ENQUEUE[self.kind], *map(str, seconds))

    @property
    def done(self) -> int:
        """How many jobs have been done."""
        file = self.folder / "done"
        return file.read_text().count("\n") if file.exists() else 0

    def answers_ping(self) -> bool:
        """Whether Celery's worker answers the ping that health checks use."""
        return "pong" in self._run("-m", "celery", "-A", "jobs", "inspect", "ping", "-t", "5")

    def _run(self, *arguments: str) -> str:
        argv = [str(python()), *arguments]
        done = subprocess.run(
            argv, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    @contextmanager
    def working(self) -> Iterator[None]:
        """The worker runs until the end of the block."""
        argv = {
            "celery": ["-m", "celery", "-A", "jobs", "worker", "-c", "1", "--without-gossip", "--without-mingle"],
            "rq": ["-m", "rq.cli", "worker", "-u", self._environment["BROKER"]],
        }[self.kind]
        with (self.folder / "worker.log").open("wb") as log:
            child = subprocess.Popen(
                [str(python()), *argv], cwd=self.folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log,
            )  # fmt: skip
        try:
            yield
        finally:
            family = [*psutil.Process(child.pid).children(recursive=True), psutil.Process(child.pid)]
            for one in family:  # a job of RQ has a process group of its own
                with suppress(psutil.NoSuchProcess):
                    one.kill()
            child.wait(10)
