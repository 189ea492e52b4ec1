"""The lines that a client of `heartbeat mcp` sends on standard input, bounded in bytes and in how many wait."""

import asyncio
import threading
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import BinaryIO

MOST = 65_536  # bytes of a line; tools take short arguments
_WAITING = 16  # lines that are read ahead
_TASKS = 128  # tasks of the loop above which no line is given out: more than the calls that may be under way
_AGAIN = 0.02  # seconds until they are counted again
_TOO_LONG = '"longer than a message may be"'  # no message: the client gets an error for it


class Lines:
    """An asynchronous iterator of lines, read by a thread of its own, which ends with the process.

    The SDK makes a task of each message, which holds it until its answer is written. So a client that sends and does
    not read would fill the memory: while there are too many tasks it gets nothing taken from it either.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._loop = stream, asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(_WAITING)
        threading.Thread(target=self._read, daemon=True).start()

    def __aiter__(self) -> "Lines":
        return self

    async def __anext__(self) -> str:
        while len(asyncio.all_tasks(self._loop)) > _TASKS:
            await asyncio.sleep(_AGAIN)
        line = await self._queue.get()
        if line is None:
            raise StopAsyncIteration
        return line

    def _read(self) -> None:
        # RuntimeError: the loop has ended.
        with suppress(OSError, ValueError, RuntimeError, CancelledError):
            while line := self._stream.readline(MOST):
                if len(line) < MOST or line.endswith(b"\n"):
                    self._put(line.decode("utf-8", "replace"))
                else:
                    self._skip()
                    self._put(_TOO_LONG)
        with suppress(RuntimeError, CancelledError):
            self._put(None)

    def _skip(self) -> None:
        """Read on to the end of the line."""
        while (more := self._stream.readline(MOST)) and not more.endswith(b"\n"):
            pass

    def _put(self, line: str | None) -> None:
        asyncio.run_coroutine_threadsafe(self._queue.put(line), self._loop).result()
