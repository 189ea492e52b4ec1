"""Ends a plug-in's process that does not end by itself. While a thread of a plug-in keeps the interpreter's lock, its
process notices nothing. So a process without foreign code waits beside it for the end of heartbeat, also by SIGKILL.
PR_SET_PDEATHSIG alone would not do: it is about the end of a thread, and leaves what a call has started.
"""

import os
import select
import signal
import socket
import time
from contextlib import suppress
from typing import NoReturn

_GRACE = 0.5  # seconds after heartbeat's end for the process to kill its calls, and end
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def fork(control: socket.socket) -> None:
    """Fork. Returns in the new process, which is the plug-in's. This one ends when that has ended, and ends it a grace
    after the other side of `control` was closed."""
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    guard = os.getpid()
    pid = os.fork()
    if pid:
        _watch(pid, control, wake)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.close(wake)
    os.close(woken)
    end_with(guard)


def end_with(parent: int) -> None:
    """Have the kernel kill this process when its `parent` has ended, where it can (Linux)."""
    with suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _watch(pid: int, control: socket.socket, wake: int) -> NoReturn:
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    poll.register(control, 0)  # its end alone: what comes is for the plug-in's process
    until: float | None = None
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        left = None if until is None else max(0.0, until - time.monotonic())
        if left == 0.0:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            break
        for number, _ in poll.poll(None if left is None else left * 1_000):
            if number == wake:
                os.read(wake, 4_096)
            else:
                poll.unregister(control)
                until = time.monotonic() + _GRACE
    os._exit(0)
