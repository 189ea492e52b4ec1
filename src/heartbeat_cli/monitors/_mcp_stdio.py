"""MCP over standard input and output, for `mcp.py`: the server is a program, and each message one line.

https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain import plain
from heartbeat_cli.domain.kinds import json_rpc, mcp
from heartbeat_cli.domain.kinds.json_rpc import Reply
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._mcp_steps import StepFailed, too_large
from heartbeat_cli.system import process
from heartbeat_cli.system.dialogue import Dialogue, Ended, TooMuch

MOST_OUTPUT = 4_194_304  # bytes that a program may print during a check
_CANNOT_RUN = (126, 127)  # what a shell or env(1) in between says for "not executable" and "not found"


class StdioLink:
    """The messages of one check to one start of the program. Raises Unobservable when it cannot be started."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], cwd: str | None) -> None:
        self._name = plain.one_line(command[0].rpartition("/")[2], 60)  # arguments may hold a password
        self._number = 0
        self._noise = False
        try:
            self._program = Dialogue(command, env=process.minimal_env(env), cwd=cwd, most=MOST_OUTPUT)
        except (OSError, ValueError) as error:
            # The whole path: a part of what `env:` or `file:` gave would not be known as a secret.
            name, why = plain.one_line(command[0], 200), _reason(error, command[0])
            raise Unobservable(Text("cannot run {command}: {why}", command=name, why=why)) from None

    @property
    def errors(self) -> str:
        """The end of what the program printed on standard error."""
        return self._program.errors

    def opened(self, result: Mapping[str, Any]) -> None:
        """Nothing: what a session needs over HTTP is the program itself here."""

    def ask(self, message: mcp.Message, until: float) -> Reply:
        self._number += 1
        began = time.monotonic()
        try:
            self._program.send(json_rpc.encode(message.method, message.params, self._number), until)
            while (reply := self._reply(self._program.line(until))) is None:
                pass
        except (TimeoutError, Ended, TooMuch) as error:
            raise self._failed(message.method, error, until - began) from None
        return reply

    def _reply(self, line: bytes) -> Reply | None:
        """The reply to the last request, if that is what the line holds."""
        if not line.lstrip().startswith((b"{", b"[")):
            self._noise = True
            return None
        return json_rpc.reply_to(self._number, [line])

    def tell(self, message: mcp.Message, until: float) -> None:
        began = time.monotonic()
        try:
            self._program.send(json_rpc.encode(message.method, message.params), until)
        except (TimeoutError, Ended) as error:
            raise self._failed(message.method, error, until - began) from None

    def close(self, until: float) -> None:
        """End the program by `until` (time.monotonic()) and have nothing left of it."""
        self._program.close(until)

    def _failed(self, step: str, error: Exception, waited: float) -> StepFailed:
        """What it is when no reply came. Raises Unobservable where that says nothing about the server."""
        if isinstance(error, TooMuch):
            raise too_large(step, MOST_OUTPUT)
        code = error.code if isinstance(error, Ended) else None
        if code in _CANNOT_RUN:
            errors = self.errors.strip().splitlines()
            why = plain.one_line(errors[-1]) if errors else Text("exit code {code} without a word", code=str(code))
            raise Unobservable(Text("cannot run {command}: {why}", command=self._name, why=why))
        if self._noise and step in ("initialize", "server/discover"):
            text = Text("at {step}: {program} prints something else than JSON-RPC", step=step, program=self._name)
            return StepFailed("unhealthy", text, "configuration", silent=True, other_era=step == "server/discover")
        if isinstance(error, TimeoutError):
            text = Text("at {step}: no answer within {limit:.1f} s", step=step, limit=max(0.0, waited))
            return StepFailed("error", text, "process", silent=True)
        if code is None:
            text = Text("at {step}: {program} closed its output without an answer", step=step, program=self._name)
        elif code < 0:
            text = Text("at {step}: {program} was ended by signal {n}", step=step, program=self._name, n=-code)
        else:
            text = Text("at {step}: {program} ended with exit code {code}", step=step, program=self._name, code=code)
        return StepFailed("error", text, "process", other_era=step == "server/discover")


def _reason(error: OSError | ValueError, command: str) -> str:
    if isinstance(error, ValueError):
        return Text("the command or its environment holds a NUL character")
    other = error.filename not in (None, command)  # the folder it should run in
    why = plain.system_words(str(error.strerror or error))
    return Text("{line} ({how})", line=why, how=str(error.filename)) if other else why
