"""What Docker says about one container (the `State` of an inspect), judged: a status and one plain line."""

import signal
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from heartbeat_cli.domain.checking.result import Status
from heartbeat_cli.domain.plain import EVIDENCE, bounded, one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, listed, stacked

_TOLD = 3  # health checks that are evidence
_PIECE = Text("{key} {value}")
_COULD_NOT_RUN = -1  # the exit code Docker notes when a health check gave none of its own
_RESTING = {
    "paused": Text("paused: its processes are frozen (docker unpause lets them go on)"),
    "created": Text("was created but never started"),
    "dead": Text("dead: Docker could not remove it completely"),
    "removing": Text("is being removed"),
}


class Verdict(Record):
    """`ailing`: the container's own health check says unhealthy, which only that check can take back."""

    status: Status
    error: str | None = None
    ailing: bool = False


def judge(state: Mapping[str, Any], *, exited_ok: bool, ailing: bool) -> Verdict:
    """The verdict on a container's state; `ailing` is what its health check said last time."""
    status = state.get("Status")
    if status == "running":
        health = state.get("Health")
        return _health(health if isinstance(health, Mapping) else {}, ailing)
    if status == "restarting":
        return Verdict(
            "unhealthy", Text("crash loop: Docker is restarting it, {exit_words}", exit_words=exit_words(state)), ailing
        )
    if status == "exited":
        if exited_ok and state.get("ExitCode") == 0 and not state.get("Error"):
            return Verdict("healthy")
        return Verdict("unhealthy", Text("not running: {how}", how=exit_words(state)), ailing)
    if isinstance(status, str) and status in _RESTING:
        return Verdict("unhealthy", _RESTING[status], ailing)
    return Verdict(
        "unknown",
        Text("Docker reports a state that heartbeat does not know: {status}", status=one_line(str(status), 60)),
    )


def _health(health: Mapping[str, Any], ailing: bool) -> Verdict:
    """A running container is as well as its health check says.

    `starting` counts as healthy: nothing speaks against the container yet, and calling a slow starter ill
    would get it restarted again and again. Only after `unhealthy` is it no proof of healing: then nothing is
    known until the check has spoken, so that a restart is neither called a success nor repeated too early.
    """
    word = health.get("Status")
    if word == "starting" and ailing:
        return Verdict("unknown", Text("started again; its health check has not passed yet"), True)
    if word != "unhealthy":
        return Verdict("healthy")
    last = _last(health)
    output = one_line(_output(last), 200)
    if last.get("ExitCode") == _COULD_NOT_RUN and "exceeded timeout" not in output:
        return Verdict("unknown", Text("its health check could not be run: {output}", output=output), ailing)
    streak = health.get("FailingStreak")
    line = Text("health check failed")
    if isinstance(streak, int) and streak > 1:
        line = Text("health check failed {n} times in a row", n=streak)
    if output:
        line = Text("{line}: {said}", line=line, said=output)
    elif last:
        line = Text("{line}, exit {code}", line=line, code=str(last.get("ExitCode")))
    return Verdict("unhealthy", line, True)


def _last(health: Mapping[str, Any]) -> Mapping[str, Any]:
    log = health.get("Log")
    last = log[-1] if isinstance(log, list) and log else {}
    return last if isinstance(last, Mapping) else {}


def _output(entry: Mapping[str, Any]) -> str:
    """What a health check wrote, without colours."""
    text = str(entry.get("Output") or "")
    if "\x1b" not in text:
        return text
    from heartbeat_cli.domain.kinds.container_log import without_escapes  # few write any

    return without_escapes(text)


def health_log(state: Mapping[str, Any]) -> str:
    """The last health checks as evidence, the newest first; empty when there are none."""
    health = state.get("Health")
    log = health.get("Log") if isinstance(health, Mapping) else None
    entries = [one for one in log[-_TOLD:] if isinstance(one, Mapping) and one] if isinstance(log, list) else []
    return stacked(reversed(list(dict.fromkeys(map(_health_check, entries)))), EVIDENCE)


def _health_check(entry: Mapping[str, Any]) -> str:
    """One of them: how it ended, and what it wrote."""
    line = Text("exit {code} at {at}", code=str(entry.get("ExitCode")), at=one_line(str(entry.get("End"))))
    output = bounded(_output(entry)).strip()
    return stacked([line, output]) if output else line


def exit_words(state: Mapping[str, Any]) -> str:
    """How the main process ended, as a person would say it."""
    code, trouble = state.get("ExitCode"), one_line(str(state.get("Error") or ""), 200)
    words = _code_words(code, bool(state.get("OOMKilled")))
    return Text("{line}: {said}", line=words, said=trouble) if trouble else words


def _code_words(code: object, out_of_memory: bool) -> str:
    if out_of_memory:
        return Text("killed by the kernel for want of memory (exit {code})", code=str(code))
    if code == 126:
        return Text("its command could not be executed (exit 126)")
    if code == 127:
        return Text("its command was not found (exit 127)")
    if isinstance(code, int) and 128 < code <= 128 + signal.NSIG:
        try:
            return Text("ended by {signal} (exit {code})", signal=signal.Signals(code - 128).name, code=code)
        except ValueError:
            pass
    return Text("exit {code}", code=str(code))


def started_at(state: Mapping[str, Any]) -> float | None:
    """Seconds since the epoch of the last start; None when it never started or the text is no time."""
    return _moment(state.get("StartedAt"))


def ended_at(state: Mapping[str, Any]) -> float | None:
    """Seconds since the epoch of the last end; None when it never ended or the text is no time."""
    return _moment(state.get("FinishedAt"))


def summary(pieces: Mapping[str, str]) -> str:
    """What the Engine says of a container, as one line of evidence."""
    return listed(_PIECE.with_values(key=key, value=value) for key, value in pieces.items())


def ended_by(summary: object) -> float | None:
    """When a container that does not run ended (epoch seconds), by a `summary`; None where that does not say so."""
    found = pieces(summary)
    return _moment(found.get("FinishedAt")) if found.get("Status") in ("exited", "dead") else None


def pieces(summary: object) -> Mapping[str, str]:
    """What a `summary` says, by its keys; empty for what is none."""
    return dict(_pieces(summary))


def _pieces(text: object) -> Iterator[tuple[str, str]]:
    if not isinstance(text, Text):
        return
    if text.template == _PIECE.template:
        yield str(text.values.get("key")), str(text.values.get("value"))
        return
    for value in text.values.values():
        yield from _pieces(value)


def _moment(text: object) -> float | None:
    try:
        moment = datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return None
    return moment if moment > 0 else None
