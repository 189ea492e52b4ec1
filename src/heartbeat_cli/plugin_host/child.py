"""A plug-in's process: `python -m heartbeat_cli.plugin_host.child`, started by `host.py` with a socket as descriptor 3.

It imports the plug-in once, describes it, and then forks for each call. So a call that hangs, ends the process, fills
the memory, leaves threads behind or crashes the interpreter costs that call alone, and an import is paid for once.
What is printed is discarded. Calls are killed when heartbeat says so, at the latest when heartbeat has ended. What
cannot be noticed here, because a thread of the plug-in keeps the interpreter's lock, `guard.py` does.
"""

import importlib
import os
import resource
import select
import signal
import socket
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any, NoReturn

from heartbeat_cli.plugin_host import calls, contract, frames, guard, strangers

CONTROL = 3
_MEMORY = 536_870_912  # bytes of data that a plug-in may have
_PART, _ALL = 524_288, 67_108_864  # bytes of the reading of one of many components, and of all
_SLACK = 2.0  # seconds after its time at which a call ends by itself, should nobody be there to end it


def main() -> None:
    """Serve until heartbeat closes the socket."""
    control = socket.socket(fileno=CONTROL)
    control.set_inheritable(False)
    hello = frames.receive(control)
    if hello is None:
        return
    os.setsid()  # Ctrl-C at a terminal is heartbeat's alone
    guard.fork(control)
    _bound(hello["room"])
    sys.path[:] = hello["path"]
    module = _described(control, hello)
    if module is not None:
        _Server(control, module, hello["room"]).serve()
    os._exit(0)  # whatever threads and handlers the plug-in has


def _bound(room: str) -> None:
    """Set bounds. What an action starts inherits these, so that it has none."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if room == "actions":
        return
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = _MEMORY if hard == resource.RLIM_INFINITY else min(hard, _MEMORY)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")  # the kernel ends a plug-in before it ends what is watched


def _described(control: socket.socket, hello: dict[str, Any]) -> ModuleType | None:
    """The plug-in's module, once heartbeat knows what it has; None where it cannot be used."""
    module, said = None, dict[str, Any]()
    try:
        sys.meta_path.insert(0, strangers.Judge())
        module = importlib.import_module(hello["module"])
        said = {"gave": contract.description(hello["room"], module)}
    except contract.Breach as error:
        said = {"breach": str(error)}
    except BaseException as error:
        said = {"raised": calls.said(error)}
    with suppress(OSError):
        frames.send(control, said)
    return module if "gave" in said else None


class _Server:
    """Forks for each call, kills what it is told to, and reaps."""

    def __init__(self, control: socket.socket, module: ModuleType, room: str) -> None:
        self._control, self._module, self._room = control, module, room
        self._running: set[int] = set()

    def serve(self) -> None:
        wake, woken = os.pipe()
        os.set_blocking(woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        while True:
            ready, _, _ = select.select([self._control.fileno(), wake], [], [])
            if wake in ready:
                os.read(wake, 4_096)
                self._reap()
            if self._control.fileno() in ready and not self._order():
                break
        for pid in self._running:
            _kill(pid)

    def _order(self) -> bool:
        """Take one order: a socket is a call, a number the process of a call to be killed. False at the end."""
        data, links, _, _ = socket.recv_fds(self._control, 8, 1)
        if len(data) < 8:
            return False
        number = int.from_bytes(data, "big")
        if number in self._running:
            _kill(number)
        for link in links:
            self._fork(link)
        return True

    def _fork(self, link: int) -> None:
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError:  # no process is left: whoever called finds the socket closed
            os.close(link)
            return
        if pid == 0:
            self._call(link, server)
        with suppress(OSError):
            os.setpgid(pid, pid)  # here, too: it must have its group before it can be killed
        self._running.add(pid)
        os.close(link)

    def _call(self, number: int, server: int) -> NoReturn:
        try:
            guard.end_with(server)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            with suppress(OSError):
                os.setpgid(0, 0)
            os.close(CONTROL)
            with socket.socket(fileno=number) as link:
                link.set_inheritable(False)
                asked = frames.receive(link)
                signal.setitimer(signal.ITIMER_REAL, asked["timeout"] + _SLACK)
                frames.send(link, os.getpid())
                if "parts" in asked:
                    asked["pairs"] = [frames.receive(link) for _ in range(asked["parts"])]
                _answer(link, calls.answer(self._module, asked), asked)
        finally:
            os._exit(0)

    def _reap(self) -> None:
        for pid in list(self._running):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
                continue
            if self._room != "actions":  # what a step has started may be the very service that it restarts
                _kill(pid)
            os.waitpid(pid, 0)
            self._running.discard(pid)


def _answer(link: socket.socket, said: dict[str, Any], asked: dict[str, Any]) -> None:
    """Send an answer: that for many components in parts, so that one that is too long costs its own component."""
    if "parts" not in asked or "gave" not in said:
        link.sendall(_packed(said, frames.MOST))
        return
    frames.send(link, {"parts": len(said["gave"])})
    left = _ALL
    for part in said["gave"]:
        data = _packed(part, min(_PART, left))
        left = max(0, left - len(data))
        link.sendall(data)


def _packed(said: Any, most: int) -> bytes:
    try:
        return frames.packed(said, most)
    except (ValueError, TypeError) as error:
        return frames.packed({"raised": f"it gave what cannot be passed on: {error}"})


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
