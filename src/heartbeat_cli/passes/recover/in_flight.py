"""The in-flight guard of recovery: is work running that a restart would lose, and one call that asks to finish it.

Asked by the recover pass just before a step. Only a clear yes counts as busy: what is hung, gone or speaks of something
else cannot be waited for, since it may well be the reason why it is to be restarted.
"""

from typing import TYPE_CHECKING, Any

from heartbeat_cli import plugins
from heartbeat_cli.domain.component import Guard
from heartbeat_cli.domain.kinds.health_body import parse
from heartbeat_cli.domain.kinds.json_path import MISSING
from heartbeat_cli.domain.plain import lines_of, one_line, own_fault
from heartbeat_cli.domain.recovery.outcome import Outcome
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import process

if TYPE_CHECKING:
    from heartbeat_cli.actions import http

_KEYS = ("busy", "running", "active", "in_flight", "jobs")
_BUSY = (409, 423)  # Conflict, Locked
_WORDS = 200  # characters of what a program says


def busy(guard: Guard, *, timeout: float) -> str | None:
    """One line with what is in flight (`3 running, says localhost`); None when nothing is, or when it is unknown.

    Never raises; ends within `timeout` seconds, and then nothing of it is left behind."""
    if guard.busy is None:
        return None
    ask = {"http": _over_http, "command": _by_command}[guard.busy.action]
    try:
        return ask(guard.busy.settings, timeout)
    except Exception:  # an agent must not stay in its fault because its guard is broken
        return None


def drain(guard: Guard, *, timeout: float) -> Outcome:
    """Ask it, in one call, to finish its work and to take no more. Never raises; `refused` where no call is given."""
    if guard.drain is None:
        return Outcome("refused", Text("no drain call is configured"))
    module = plugins.load("actions", guard.drain.action)
    try:
        outcome: Outcome = module.run(guard.drain.settings, timeout=timeout)
    except Exception as error:
        return Outcome("failed", own_fault(error))
    return outcome._replace(detail=one_line(outcome.detail))


def _over_http(settings: "http.Settings", timeout: float) -> str | None:
    from heartbeat_cli.actions import http
    from heartbeat_cli.http import call

    try:
        answer = call.make(http.call(settings), timeout)
    except call.NoAnswer:
        return None
    host = call.host(settings.url)
    if answer.status in _BUSY:
        return Text("busy: {host} answered {status}", host=str(host), status=answer.status)
    words = _said(answer.body) if 200 <= answer.status < 300 else None
    return None if words is None else Text("{words}, says {who}", words=words, who=str(host))


def _said(body: str) -> str | None:
    """What a good answer's body says is in flight: `3 running` where it counts, else `running`."""
    if body.strip().lower() == "busy":
        return "busy"
    value = parse(body)
    table = value if isinstance(value, dict) else {} if isinstance(value, list) else {"busy": value}
    counts = {key: _count(table.get(key, MISSING)) for key in _KEYS}
    found = [f"{one_line(str(count), 20)} {key}" for key, count in counts.items() if count]
    found += [key for key in _KEYS if table.get(key) is True]
    return found[0].replace("_", " ") if found else None


def _count(value: Any) -> float | None:
    """How many things a value stands for, None when it does not count, or counts none."""
    if isinstance(value, list):
        return len(value) or None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if number and value > 0 else None


def _by_command(settings: Any, timeout: float) -> str | None:
    """Exit code 0 is busy, as `pgrep` and `grep -q` say that something was found."""
    env = process.minimal_env(settings.env)
    try:
        finished = process.run(settings.command, timeout=timeout, env=env, cwd=settings.cwd)
    except (OSError, ValueError):
        return None
    if finished.code != 0:
        return None
    lines = lines_of(finished.stdout.strip()) or ["busy"]
    return Text(
        "{words}, says {who}",
        words=one_line(lines[0], _WORDS),
        who=one_line(settings.command[0].rpartition("/")[2], 60),
    )
