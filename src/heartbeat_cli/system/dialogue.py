"""Talk to a program line by line over its standard input and output, under a deadline and bounded in bytes.

The program gets a process group of its own, and its standard input stays open until the end: one that reads its end as
an order to stop goes on until then. At the end it is asked to stop by closing that, then by SIGTERM, then killed with
all that it started. If this process is killed, the kernel closes the pipe, and such a program stops as well.
"""

import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from heartbeat_cli.system.process import reap, signal_group

_PIECE = 65_536
_KEPT_ERRORS = 8_192  # bytes of the end of standard error
_POLL = 0.02


class Ended(Exception):
    """The program has closed its standard output; `code` is its exit code, negative for a signal, None while it still
    runs."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class TooMuch(Exception):
    """The program has printed more than it may."""


class Dialogue:
    """A running program. Raises OSError when it cannot be started, ValueError for a NUL in its command.

    `most` is how many bytes of its standard output are taken in all."""

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str | None, most: int) -> None:
        import subprocess  # only where a program is talked to

        self._child = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            bufsize=0,
        )
        self._left = most
        self._rest, self._errors = b"", b""
        self._errors_cut = False  # whether their beginning was dropped
        self._lines: deque[bytes] = deque()
        self._selector = selectors.DefaultSelector()
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._selector.register(pipe, selectors.EVENT_READ)

    @property
    def errors(self) -> str:
        """The end of what it has printed on standard error, after a "…" if there was more."""
        return "…" * self._errors_cut + self._errors.decode("utf-8", "replace")

    def send(self, line: bytes, until: float) -> None:
        """Write a line to it by `until` (time.monotonic()). Raises TimeoutError when it does not take it, Ended when
        it has stopped reading."""
        pipe = self._child.stdin
        if pipe is None:
            raise Ended(self._code())
        os.set_blocking(pipe.fileno(), False)
        left = line + b"\n"
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_WRITE)
            while left:
                if not ready.select(max(0.0, until - time.monotonic())):
                    raise TimeoutError
                try:
                    left = left[os.write(pipe.fileno(), left) :]
                except BlockingIOError:
                    continue
                except OSError:
                    self._drain(time.monotonic() + _POLL)
                    raise Ended(self._code()) from None

    def line(self, until: float) -> bytes:
        """The next line that it prints, without its end. Raises TimeoutError when none has come by `until`
        (time.monotonic()), Ended or TooMuch when none will come."""
        while (left := until - time.monotonic()) > 0:
            if self._lines:
                return self._lines.popleft()
            self._turn(left)
        raise TimeoutError

    def _turn(self, wait: float) -> None:
        for key, _ in self._selector.select(wait):
            pipe = key.fileobj
            try:
                piece = os.read(key.fd, _PIECE)
            except BlockingIOError:
                continue
            if pipe is self._child.stderr:
                self._keep_errors(piece)
                if not piece:
                    self._selector.unregister(pipe)
            elif not piece:
                self._drain(time.monotonic() + _POLL)
                raise Ended(self._code())
            else:
                self._take(piece)

    def _keep_errors(self, piece: bytes) -> None:
        whole = self._errors + piece
        self._errors = whole[-_KEPT_ERRORS:]
        self._errors_cut = self._errors_cut or len(whole) > _KEPT_ERRORS

    def _take(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise TooMuch
        *lines, self._rest = (self._rest + piece).split(b"\n")
        self._lines += [line for line in lines if line.strip()]

    def _drain(self, until: float) -> None:
        """Take what it has printed on standard error before it ended."""
        pipe = self._child.stderr
        with suppress(OSError, KeyError, ValueError):
            while pipe is not None and time.monotonic() < until:
                if not (piece := self._piece(pipe, until)):
                    return
                self._keep_errors(piece)

    def _piece(self, pipe: IO[bytes], until: float) -> bytes:
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_READ)
            return os.read(pipe.fileno(), _PIECE) if ready.select(max(0.0, until - time.monotonic())) else b""

    def _code(self) -> int | None:
        """Its exit code, which may be known a moment after the end of its output."""
        for _ in range(5):
            if (found := self._ended()) is not None:
                return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
            time.sleep(_POLL)
        return None

    def _ended(self) -> os.waitid_result | None:
        """Without reaping it: as long as it is a zombie, nobody else can be given its group's number."""
        return os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)

    def close(self, until: float) -> None:
        """End it and all that it started, by `until` (time.monotonic()), and have nothing left of it."""
        try:
            if self._child.stdin is not None:
                with suppress(OSError):
                    self._child.stdin.close()
            if not self._gone((time.monotonic() + until) / 2):
                signal_group(self._child, signal.SIGTERM)
                self._gone(until)
        finally:
            signal_group(self._child, signal.SIGKILL)
            self._selector.close()
            reap(self._child)

    def _gone(self, until: float) -> bool:
        """Whether it has ended by `until`; what it prints meanwhile is thrown away, lest it waits for a reader."""
        while time.monotonic() < until:
            for key, _ in self._selector.select(_POLL):
                with suppress(OSError):
                    if not os.read(key.fd, _PIECE):
                        self._selector.unregister(key.fileobj)
            if self._ended() is not None:
                return True
            if not self._selector.get_map():
                time.sleep(_POLL)
        return False
