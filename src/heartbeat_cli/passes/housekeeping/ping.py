"""The ping of a run to who watches the watcher: a dead-man's switch elsewhere, which notifies people when none comes.

`run` says when it begins and how it ended, as Healthchecks and what is compatible with it take it
(https://healthchecks.io/docs/http_api/): `URL/start`, then `URL` for success or `URL/<exit code>`; the same `?rid=` in
both pairs them, and the body of the second is kept and shown. A killed run says only its start.
A ping never breaks a run and hardly delays it: the first goes off in a thread, the last is given a bounded time.
"""

import os
import threading
import time
from pathlib import Path

from heartbeat_cli.domain.strategy import is_due
from heartbeat_cli.redact import pieces, redact
from heartbeat_cli.system.files import open_own

_TIMEOUT = 10.0  # seconds for the first ping, beside the pass
_ORDER = 0.5  # seconds that the last ping waits for the first one, which is to arrive before it
_BOUND = 2.0  # seconds that a run takes longer when nobody answers


class Ping:
    """The two pings of one run. Without a `url` there are none; with `every` seconds, runs that go well ping only that
    often: `folder` keeps when that was. A run that fails always says so, and so does the one after it."""

    def __init__(self, url: str | None, every: float | None, folder: Path) -> None:
        self._url, self._every, self._stamp = url, every, folder / "pinged"
        self._rid = _rid()
        self._begun = time.time()
        self._due = False
        self._first: threading.Thread | None = None

    def begin(self) -> None:
        """The run has begun: say so without waiting for an answer."""
        self._due = self._url is not None and self._is_due()
        if self._due:
            self._first = threading.Thread(target=self._send, args=("/start", "", _TIMEOUT), daemon=True)
            self._first.start()

    def end(self, code: int, body: str) -> str | None:
        """How the run ended, with its exit code and a few words. Returns why that was not taken, for a person."""
        if self._url is None or (code == 0 and not self._due):
            return None
        until = time.monotonic() + _BOUND
        if self._first is not None:
            self._first.join(_ORDER)
        trouble = self._send(f"/{code}" if code else "", body, until - time.monotonic())
        self._remember(trouble is None and code == 0)
        return trouble

    def _send(self, path: str, body: str, timeout: float) -> str | None:
        """One ping; None when it was taken, else one line that shows nothing of the URL but its host."""
        try:
            return self._ask(path, body, timeout)
        except Exception as error:  # the pass goes on, whatever it is
            return f"heartbeat's own fault: {type(error).__name__}"

    def _ask(self, path: str, body: str, timeout: float) -> str | None:
        from heartbeat_cli.domain.checking.exchange import Request, Response
        from heartbeat_cli.http import multi

        answers: list[Response] = []

        def done(_: multi.Exchange, response: Response) -> None:
            answers.append(response)

        base, _, query = (self._url or "").partition("#")[0].partition("?")
        url = f"{base.rstrip('/')}{path}?{query}{'&' if query else ''}rid={self._rid}"
        headers = (("Content-Type", "text/plain; charset=utf-8"),)
        request = Request(url, "POST", headers, body.encode(errors="replace"), max_body=1_000)
        multi.drive([multi.Exchange("ping", request, timeout)], deadline=time.monotonic() + timeout, done=done)
        fault, status = answers[0].fault, answers[0].status
        if fault is None and 200 <= status < 300:
            return None
        return redact(fault.text if fault else f"answered {status}", pieces(base.partition("://")[2].partition("/")[2]))

    def _is_due(self) -> bool:
        try:
            return self._every is None or is_due(self._stamp.stat().st_mtime, self._begun, self._every)
        except OSError:
            return True

    def _remember(self, well: bool) -> None:
        """When this run began; what cannot be remembered costs a ping more than there need be."""
        try:
            if well and self._every is not None:
                os.close(open_own(self._stamp, os.O_WRONLY | os.O_CREAT))
                os.utime(self._stamp, (self._begun, self._begun))
            elif not well:
                self._stamp.unlink(missing_ok=True)
        except OSError:
            return


def _rid() -> str:
    """A random UUID; the module `uuid` would cost every run 9 ms."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"
