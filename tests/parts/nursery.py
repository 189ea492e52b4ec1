"""Deliveries in processes of their own, to be killed: forked from one that has everything imported, so that one costs
milliseconds, and waited for by their parent, so that none stays a zombie."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

RETRIES = (0.005, 0.015)  # seconds until a channel that failed is tried again: a life has hundreds of passes

_PARENT = """
import json, os, sys, time, traceback
import requests, jinja2, smtplib, email.message, zoneinfo, html, sqlite3, psycopg2
from heartbeat_cli.config import load as config
from heartbeat_cli.system import tcp as dial
from heartbeat_cli import plugins
from heartbeat_cli.channels import _letter, _post, _smtp
from heartbeat_cli.domain.alerting import telegram_text
from heartbeat_cli.passes.deliver import deliver
from heartbeat_cli.store.sql import database
from heartbeat_cli.views import messages
for kind in plugins.kinds("channels"):
    plugins.load("channels", kind)

def life(url, tables, now, retries):
    begun = time.monotonic()
    clock = lambda: now + time.monotonic() - begun
    deliver.deliver(database.connect(url, 10.0), config.load(tables, "heartbeat.toml"), clock, retries=retries)

for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        try:
            life(*json.loads(line))
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Nursery:
    """A context manager."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdin=pipe, stdout=pipe, text=True)
        self._prey: int | None = None  # a handle on the process that is delivering, while there is one
        self._lock = threading.Lock()

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._parent.stdin and self._parent.stdout
        self._parent.stdin.close()
        self._parent.wait(30)
        self._parent.stdout.close()

    def deliver(self, url: str, tables: dict[str, Any], now: float, seconds: float) -> bool:
        """One delivery at `now`, killed after so many seconds if not before; whether that found it alive."""
        assert self._parent.stdin and self._parent.stdout
        self._parent.stdin.write(json.dumps([url, tables, now, RETRIES]) + "\n")
        self._parent.stdin.flush()
        pid = int(self._parent.stdout.readline())
        with suppress(ProcessLookupError):
            self._prey = os.pidfd_open(pid)
        timer = threading.Timer(seconds, self.kill)
        timer.start()
        code = int(self._parent.stdout.readline())
        timer.cancel()
        timer.join()
        with self._lock:
            if self._prey is not None:
                os.close(self._prey)
            self._prey = None
        assert code in (0, -signal.SIGKILL), "see standard error"
        return code != 0

    def kill(self) -> None:
        """End the process that is delivering, if there is one."""
        with self._lock, suppress(ProcessLookupError):
            if self._prey is not None:
                signal.pidfd_send_signal(self._prey, signal.SIGKILL)
