"""What was done to one container lately, from its inspect and the Engine's event log: stopped by a person, restarted
since, being restarted right now. Used by the docker action; the log is asked there.

Facts, seen on Docker 20.10: every `docker stop` (and `restart`) logs `kill`, `die`, `stop`, in this order and within
milliseconds of FinishedAt, whatever the restart policy and also when it had to be killed in the end; `docker kill`,
a crash and an OOM kill log no `stop`. The log keeps the last 256 events of the whole Engine and none over its restart.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain.kinds.container import ended_at, started_at
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

NOTED = ("kill", "die", "stop", "start", "unpause")
AFTER_END = 10.0  # seconds after FinishedAt within which its `stop` is logged, even by a busy Engine
STOPPED = Text("a person or a tool stopped {container} at {at} (as `docker stop` does), {how}; to start it: {command}")
_LATEST = 2**63  # nanoseconds since the epoch, as Docker counts them
_BEFORE_END = 1.0
_BETWEEN = 5.0  # seconds from `die` to `start` in a restart, on a busy Engine
_ASKED_TO_END = (0, 143)  # ended well, or by the SIGTERM of a `docker stop`


class Event(Record):
    """One event of one container, `at` in seconds since the epoch."""

    action: str
    at: float


def events(lines: Sequence[Any], container: str) -> list[Event]:
    """The container's (by its full id) events that are noted here, oldest first; what is no event is passed over."""
    found = []
    for line in lines:
        actor = line.get("Actor") if isinstance(line, Mapping) else None
        if not isinstance(actor, Mapping) or actor.get("ID") != container or line.get("Action") not in NOTED:
            continue
        nanos = line.get("timeNano")
        if isinstance(nanos, int) and 0 <= nanos < _LATEST:
            found.append(Event(str(line["Action"]), nanos / 1e9))
    return sorted(found, key=lambda event: event.at)


def may_be_stopped(state: Mapping[str, Any]) -> bool:
    """Whether its end could have been somebody's wish at all: not running, not for want of memory, not for a start
    that failed (`Error`, as after a restart that could not start it again)."""
    return state.get("Status") == "exited" and not state.get("OOMKilled") and not state.get("Error")


def stopped_on_purpose(inspected: Mapping[str, Any], log: Sequence[Event], marked: bool | None = None) -> bool | None:
    """Whether somebody stopped it: a `stop` at its end. Where the log no longer reaches back to that end, its exit
    code tells whether it was asked to end (0, or 143 for SIGTERM); `marked`, whether the Engine notes that somebody
    stopped or killed it; and its restart policy: Docker itself would have started it again after any end that nobody
    wished for, except for `on-failure`, which may have given up on a 143. None: nobody can tell."""
    state = inspected.get("State") or {}
    end = ended_at(state)
    if end is None or not may_be_stopped(state):
        return False
    if (told := _logged(log, end)) is not None:
        return told
    code, policy = state.get("ExitCode"), _policy(inspected)
    if marked is False or code not in _ASKED_TO_END or (code and policy == "on-failure"):
        return False
    return True if marked or policy in ("always", "unless-stopped") else None


def _logged(log: Sequence[Event], end: float) -> bool | None:
    """Whether the log says that this end was a stop; None where it does not reach back to it."""
    started = max((event.at for event in log if event.action == "start"), default=0.0)
    since = max(started, end - _BEFORE_END)  # what came before that start belongs to an earlier end
    around = [event.action for event in log if since < event.at <= end + AFTER_END]
    return "stop" in around if "die" in around or "stop" in around else None


def is_forgotten(inspected: Mapping[str, Any], log: Sequence[Event]) -> bool:
    """Whether the log no longer reaches back to its end."""
    end = ended_at(inspected.get("State") or {})
    return end is not None and _logged(log, end) is None


def _policy(inspected: Mapping[str, Any]) -> str:
    policy = (inspected.get("HostConfig") or {}).get("RestartPolicy") or {}
    return str(policy.get("Name") or "no")


def started_since(state: Mapping[str, Any], since: float) -> bool:
    """Whether its last start was at or after `since`, seconds since the epoch."""
    moment = started_at(state)
    return moment is not None and moment >= since


def begun(inspected: Mapping[str, Any]) -> float | None:
    """When a running container was started by somebody; None for one that Docker itself started again after a crash
    (RestartCount goes back to 0 when somebody does)."""
    state = inspected.get("State") or {}
    if state.get("Status") != "running" or inspected.get("RestartCount"):
        return None
    return started_at(state)


def ended_just_now(log: Sequence[Event], since: float, now: float) -> bool:
    """Whether it ended since, without a start after that, so lately that a restart may still be going on."""
    last = next((event for event in reversed(log) if event.at >= since and event.action in ("die", "start")), None)
    return last is not None and last.action == "die" and now - last.at < _BETWEEN


def touched_since(log: Sequence[Event], since: float) -> bool:
    """Whether it was let go on since, or is being stopped: told to end (`kill`), and that has not happened yet."""
    actions = [event.action for event in log if event.at >= since]
    return "unpause" in actions or ("kill" in actions and "die" not in actions)


def shares_network_of(mode: object) -> str | None:
    """The id or name of the container whose network a HostConfig.NetworkMode shares."""
    kind, _, name = str(mode or "").partition(":")
    return name if kind == "container" and name else None


def dependents(listed: Sequence[Any], inspected: Mapping[str, Any]) -> list[str]:
    """Names of the running containers that share the network of the inspected one, from the Engine's list of all."""
    own = {str(inspected.get("Id")), str(inspected.get("Id"))[:12], str(inspected.get("Name") or "").lstrip("/")}
    found = []
    for one in listed:
        shared = shares_network_of((one.get("HostConfig") or {}).get("NetworkMode"))
        names = [str(name).lstrip("/") for name in one.get("Names") or ()]
        if shared in own and names and one.get("State") in ("running", "restarting"):
            found.append(min(names, key=lambda name: name.count("/")))
    return sorted(found)
