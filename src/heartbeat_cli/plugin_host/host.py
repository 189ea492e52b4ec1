"""The process that a plug-in's kind runs in, as heartbeat sees it: begun once, described once, called many times.

Code of a plug-in never runs in heartbeat's own process. A thread of ours that hangs in foreign code could be given up,
but not ended: a regular expression or a C library that keeps the interpreter's lock would hold every other check, and
a crash, `os._exit` or a memory that is full would end the pass. `child.py` is the other side.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import Any

from heartbeat_cli.domain.plain import duration, one_line
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import PluginError, Unobservable
from heartbeat_cli.plugin_host import child, frames
from heartbeat_cli.plugin_host.installed import Plugin
from heartbeat_cli.system import process, roots, trusted

IMPORT = 3.0  # seconds a plug-in may take to be imported, Python's start included
_HANGS = 2.0  # seconds without a fork for a call, after which the process counts as hung
_END = 2.0  # seconds for the process to end
_KEPT = ("PYTHONPATH", "LD_LIBRARY_PATH")


def named(plugin: Plugin, said: str) -> str:
    """What is said of a plug-in, behind its name."""
    return one_line(Text("plug-in {kind} ({origin}): {said}", kind=plugin.kind, origin=plugin.origin, said=said), 600)


class Host:
    """The process of one plug-in, from now on; it ends when this one does. Thread-safe."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin
        self._until = time.monotonic() + IMPORT
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._pid = 0
        self._hung = False
        self._said: Any = None
        if why := trusted.why_not(plugin.place):
            self._said = {"breach": why}
            return
        try:
            self._begin()
        except OSError as error:
            self._said = {"breach": Text("its process cannot be started: {why}", why=error.strerror or str(error))}

    def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        argv = [sys.executable, "-P", "-m", child.__name__]
        nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
        handed = (os.POSIX_SPAWN_DUP2, theirs.fileno(), child.CONTROL)
        try:
            self._pid = os.posix_spawn(sys.executable, argv, _environment(), file_actions=[handed, *nothing])
        finally:
            theirs.close()
        self._control = ours
        frames.send(ours, {"room": self.plugin.room, "module": self.plugin.module, "path": sys.path})

    def description(self) -> dict[str, Any]:
        """What its module has (`contract.description`), as soon as it is imported. Raises PluginError."""
        with self._lock:
            if self._said is None and self._control is not None:
                self._said = self._awaited(self._control)
                if "gave" not in self._said:
                    self._close()
        match self._said:
            case {"gave": dict(found)}:
                return found
            case {"raised": str(what)}:
                raise PluginError(named(self.plugin, Text("it cannot be imported: {error}", error=what)))
            case {"breach": str(why)}:
                raise PluginError(named(self.plugin, Text("it cannot be used: {why}", why=why)))
        raise PluginError(named(self.plugin, Text("its process ended while it was imported")))

    def _awaited(self, control: socket.socket) -> Any:
        try:
            return frames.receive(control, self._until) or {}
        except TimeoutError:
            return {"breach": Text("its import did not end within {span}", span=duration(IMPORT))}
        except (OSError, ValueError):
            return {}

    def call(self, name: str, timeout: float, parts: Sequence[bytes] | None = None, **asked: Any) -> Any:
        """What a function of it gives, as data. Raises PluginError, or Unobservable as the plug-in raised it; what is
        not over in time is killed. `{"undelivered": …}` stands for its DeliveryError. Where it is asked about many
        components at once, `parts` are what is sent of each (`frames.packed`), and a list has what it gave of each, or
        `{"raised": …}`."""
        if parts is not None:
            asked["parts"] = len(parts)
        until = time.monotonic() + timeout
        ours, theirs = socket.socketpair()
        with ours:
            try:
                self._order(0, theirs)
                ours.settimeout(max(0.001, until - time.monotonic()))
                frames.send(ours, {"call": name, "timeout": timeout, **asked})
                for part in parts or ():
                    ours.sendall(part)
                said = self._answer(ours, until, timeout)
            except (OSError, ValueError, TypeError) as error:
                if self._hung:
                    text = Text("its process takes no calls any more, and was ended")
                    raise PluginError(named(self.plugin, text), unsure=True) from None
                text = Text("it gave no answer that can be read: {error}", error=f"{type(error).__name__}: {error}")
                raise PluginError(named(self.plugin, text), unsure=True) from None
        match said:
            case {"gave": found}:
                return found
            case {"undelivered": dict()}:
                return said
            case {"unobservable": str(why)}:
                raise Unobservable(one_line(why))
            case {"raised": str(what)}:
                raise PluginError(named(self.plugin, what))
        raise PluginError(named(self.plugin, Text("its process ended before it answered")), unsure=True)

    def _answer(self, link: socket.socket, until: float, timeout: float) -> Any:
        pid = None
        try:
            pid = frames.receive(link, until)
            said = None if pid is None else frames.receive(link, until)
            match said:
                case {"parts": int(number)}:
                    return {"gave": [frames.receive(link, until) for _ in range(number)]}
            return said
        except TimeoutError:
            if isinstance(pid, int):
                self._order(pid)
            elif timeout >= _HANGS:
                self._hung = True  # a thread of the plug-in keeps the interpreter's lock: no call would be begun
                self.close()
            text = Text("it did not end within {span} and was killed", span=duration(timeout))
            raise PluginError(named(self.plugin, text), unsure=True) from None

    def _order(self, number: int, link: socket.socket | None = None) -> None:
        """Have the process fork for a call, whose socket this is, or kill that of a call."""
        with self._lock:
            if self._control is None:
                raise OSError("its process has ended")
            self._control.settimeout(1.0)
            with link or nullcontext():
                handed = [link.fileno()] if link is not None else []
                try:
                    socket.send_fds(self._control, [number.to_bytes(8, "big")], handed)
                except TimeoutError:
                    self._hung = True
                    self._close()
                    raise

    def close(self) -> None:
        """End the process, and what it has begun."""
        if self._lock.acquire(timeout=_END):  # else it ends once this process has
            try:
                self._close()
            finally:
                self._lock.release()

    def hang_up(self) -> None:
        """Have the process end, without waiting for that."""
        if self._control is not None:
            with suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._control is None:
            return
        self._control.close()
        self._control, until = None, time.monotonic() + _END
        with suppress(OSError):
            while os.waitpid(self._pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > until:
                    os.kill(self._pid, signal.SIGKILL)
                    os.waitpid(self._pid, 0)
                    return
                time.sleep(0.002)


def _environment() -> dict[str, str]:
    """None of heartbeat's own variables, which may be secrets; heartbeat comes from where it is."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.pathsep.join(filter(None, (kept.get("PYTHONPATH"), root)))
    return process.minimal_env({**kept, **roots.for_programs(), "PYTHONPATH": path})
