"""heartbeat as a process of its own, forked from one that has everything imported: what it costs is its work, not the
start of Python, which is the most of it.

one = Forked(["--config", path, "run"], folder, environment)     # much like subprocess.Popen
out, err = one.communicate(60)

It has its own environment, folder, standard streams (nothing to read, pipes to say), and nothing else open. That a
verb starts from nothing, too, and imports what it needs, is seen where it is started so: `test_cli.py`, `test_house.py`
and whatever cron, systemd or a shell starts.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

_CHUNK = 65_536
_OF_THE_START = ("PYTHON", "LC_", "LANG")  # variables that Python itself reads, once


def possible(environment: Mapping[str, str]) -> bool:
    """Whether one with these variables may be forked."""
    return not any(name.startswith(_OF_THE_START) for name in environment)


class Forked:
    """`session`: it leads a process group of its own, as one that cron starts."""

    def __init__(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str], session: bool = False
    ) -> None:
        self.returncode: int | None = None
        pipes = [os.pipe(), os.pipe()]
        self._out = [reading for reading, _ in pipes]
        self._parent = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._parent.connect(_address())
        asked = os.memfd_create("asked")
        os.write(asked, json.dumps([list(words), str(folder), dict(environment), session]).encode())
        given = [asked, *(writing for _, writing in pipes)]
        socket.send_fds(self._parent, [b"!"], given)
        for one in given:
            os.close(one)
        said, handles, _, _ = socket.recv_fds(self._parent, _CHUNK, 1)
        self.pid, (self._handle,) = int(said), handles

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        """Its exit status, when it is over."""
        with suppress(TimeoutError):
            self.wait(0)
        return self.returncode

    def wait(self, seconds: float = 60) -> int:
        if self.returncode is None:
            if not select.select([self._parent], [], [], seconds)[0]:
                raise TimeoutError(f"process {self.pid} is still there after {seconds} s")
            self.returncode = int(self._parent.recv(_CHUNK))
        return self.returncode

    def communicate(self, seconds: float = 60) -> tuple[str, str]:
        """All that it said on standard output and standard error; then it is over."""
        ends = time.monotonic() + seconds
        said = dict.fromkeys(self._out, b"")
        speaking = set(said)
        while speaking:
            ready, _, _ = select.select(speaking, [], [], max(0.0, ends - time.monotonic()))
            if not ready:
                self.kill()
                raise TimeoutError(f"process {self.pid} still speaks after {seconds} s: {said}")
            for one in ready:
                if chunk := os.read(one, _CHUNK):
                    said[one] += chunk
                else:
                    speaking.remove(one)
        self.wait(max(1.0, ends - time.monotonic()))
        out, err = (said[one].decode() for one in self._out)
        self.close()
        return out, err

    def close(self) -> None:
        """Nobody listens any more."""
        for handle in (*self._out, self._handle):
            os.close(handle)
        self._out, self._handle = [], -1
        self._parent.close()


@functools.cache
def _address() -> Any:
    """Where the parent of them all is asked; it ends with this process."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind("")  # an abstract name that is free
        listener.listen(50)
        # -P: the modules beside this one have names of the standard library's.
        argv = [sys.executable, "-P", __file__, str(listener.fileno())]
        bare = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        null = subprocess.DEVNULL
        parent = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=null, env=bare, cwd="/", pass_fds=[listener.fileno()]
        )
        atexit.register(parent.communicate)  # which closes its standard input, and waits
        return listener.getsockname()


# --- in the parent ---------------------------------------------------------------------------------------------------


def _serve(listener: socket.socket) -> None:
    """Fork one after the other, and say how each ended, until whoever started this is gone."""
    running: dict[int, tuple[int, socket.socket]] = {}
    poll = select.poll()
    for handle in (0, listener.fileno()):
        poll.register(handle, select.POLLIN)
    while True:
        for handle, _ in poll.poll():
            if handle == 0:
                return
            if handle == listener.fileno():
                asker, _ = listener.accept()
                _, given, _, _ = socket.recv_fds(asker, _CHUNK, 3)
                pid = os.fork()
                if pid == 0:
                    _be_heartbeat(*given)
                for one in given:
                    os.close(one)
                child = os.pidfd_open(pid)
                running[child] = (pid, asker)
                poll.register(child, select.POLLIN)
                socket.send_fds(asker, [str(pid).encode()], [child])
            else:
                poll.unregister(handle)
                os.close(handle)
                pid, asker = running.pop(handle)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with suppress(OSError), asker:
                    asker.send(str(code).encode())


def _be_heartbeat(asked: int, *streams: int) -> NoReturn:
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, stream in enumerate(streams, 1):
            os.dup2(stream, number)
        words, folder, environment, session = json.loads(os.pread(asked, os.fstat(asked).st_size, 0))
        os.closerange(3, 10_000)
        if session:
            os.setsid()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        from heartbeat_cli import __file__ as package
        from heartbeat_cli import cli

        sys.argv = [str(Path(package).with_name("__main__.py")), *words]
        cli.main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


_OTHERS = (
    *("click.shell_completion", "concurrent.futures.thread", "difflib", "email.message", "encodings.idna", "hashlib"),
    *("html", "http.client", "jinja2.ext", "requests", "smtplib", "sqlite3", "ssl", "subprocess", "tempfile"),
    *("tomllib", "unicodedata", "zoneinfo"),
)


def _import_all() -> None:
    import heartbeat_cli
    from heartbeat_cli.http import curl
    from heartbeat_cli.postgres.driver import driver

    driver()  # before anything imports ssl: as heartbeat has it
    assert curl
    for one in pkgutil.walk_packages(heartbeat_cli.__path__, "heartbeat_cli."):
        if not one.name.endswith("__main__"):
            importlib.import_module(one.name)
    for name in _OTHERS:
        importlib.import_module(name)


if __name__ == "__main__":
    _import_all()
    gc.collect()
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
