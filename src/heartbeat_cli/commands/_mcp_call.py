"""One call of a tool of `heartbeat mcp`: the command in a process of its own, and its answer as JSON, bounded.

So each call reads the configuration and the store anew, a fault in one ends no other, and its answer is what the
command itself prints.
"""

import json
import os
import sys
from collections.abc import Sequence
from shlex import join
from typing import Any

from heartbeat_cli.domain.plain import json_text, one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.system import process
from heartbeat_cli.system.process import Finished

MOST = 262_144  # bytes of an answer
_PRINTED = 8 * MOST  # bytes of what a command may print, which is indented
_REMARKS, _LINE = 20, 500  # lines on standard error that are passed on, characters of each
_ENDED_WELL = (0, 1)  # 1: something that is watched is not well


class Answer(Record):
    """What a client gets: one line of JSON."""

    text: str
    is_error: bool


def call(words: Sequence[str], config: str | None, seconds: float) -> Answer:
    """Run a command of heartbeat, at most so long, and return its answer."""
    named = ["--config", config] if config is not None else []
    argv = [sys.executable, "-P", "-m", "heartbeat_cli", *named, *words]
    command = one_line(join(["heartbeat", *words]), _LINE)
    try:
        # What a recovery step has started in the background is to stay.
        done = process.run(argv, timeout=seconds, env=_environment(), max_output=_PRINTED, leave_children=True)
    except (OSError, ValueError) as error:
        return refused(command, f"cannot be started: {error}")
    return _answer(command, done, seconds)


def refused(command: str, why: str, **more: object) -> Answer:
    """An answer that says why there is none."""
    return Answer(json_text({"command": command, **more, "untrusted_error": one_line(why, _LINE)}), True)


def _answer(command: str, done: Finished, seconds: float) -> Answer:
    said = [one_line(line, _LINE) for line in done.stderr.splitlines() if line.strip()]
    if done.timed_out:
        return refused(command, f"no answer within {seconds:g} s")
    if done.code not in _ENDED_WELL:
        text = "; ".join(said[:_REMARKS]) or "it said nothing"
        return refused(command, text, exit_code=done.code)
    try:
        output = _output(done.stdout)
    except ValueError:
        return _too_large(command)
    answer: dict[str, Any] = {"command": command, "exit_code": done.code, "untrusted_output": output}
    if said:
        answer["untrusted_remarks"] = said[:_REMARKS]
    text = json_text(answer)
    return Answer(text, False) if len(text.encode()) <= MOST else _too_large(command)


def _output(text: str) -> Any:
    """The document that was printed, or the text. Raises ValueError when it was cut off."""
    if len(text.encode()) >= _PRINTED:
        raise ValueError
    return json.loads(text) if text[:1] in "[{" and text else text.strip()


def _too_large(command: str) -> Answer:
    return refused(command, f"the answer has more than {MOST} bytes: ask for fewer components or days, or a limit")


def _environment() -> dict[str, str]:
    """That of this process, with the folder that heartbeat comes from: `-P` keeps the current one out."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), root)))
    kept = {name: value for name, value in os.environ.items() if name != "HEARTBEAT_DEBUG"}
    return kept | {"PYTHONPATH": path, "NO_COLOR": "1"}
