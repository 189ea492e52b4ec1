"""Start, restart or unpause a container.

`do = "auto"` does what the container needs: it unpauses a paused one, starts a stopped one and restarts a running one.
A new StartedAt (or no longer paused) proves that it happened; the check decides whether it helped. Running containers
that share its network (`network_mode: "service:…"` in Compose) are restarted after it, since they have lost theirs.
A container that somebody stopped (`docker stop`, `docker compose stop`) is left alone, unless `stopped_on_purpose`
says otherwise; one that was killed or crashed is not.

    [components.gateway.recovery]
    ladder = [{ action = "docker", container = "openclaw-gateway" }]
"""

import time
from collections.abc import Mapping
from typing import Any, Literal

from heartbeat_cli.actions import _docker_stops, _engine, _engine_errors
from heartbeat_cli.domain.kinds import container_past as past
from heartbeat_cli.domain.kinds import docker_host
from heartbeat_cli.domain.kinds.container import exit_words
from heartbeat_cli.domain.kinds.docker_host import AUTO
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.recovery.outcome import Outcome, Right
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.domain.text import Text, joined

_PROOF_SECONDS = 2.0  # kept back for the check of what came of it
_LEAST_SECONDS = 0.2
_STOP_SECONDS = 10  # what Docker gives a container that says nothing else

Step = Literal["restart", "start", "unpause"]


class Settings(Record):
    """Which container, and how.

    container: name (or id) of the container
    do: auto (what its state calls for), restart, start or unpause
    stop_timeout: seconds it gets to stop by itself before it is killed; default: the container's own (10 where it has
        none); at most half of the action's time
    stopped_on_purpose: leave or start a container that somebody has stopped
    host: unix:///path or tcp://host:port; default "auto": $DOCKER_HOST, else unix:///var/run/docker.sock
    """

    container: str
    do: Literal["auto", "restart", "start", "unpause"] = "auto"
    stop_timeout: Seconds | None = None
    stopped_on_purpose: Literal["leave", "start"] = "leave"
    host: str = AUTO


def problems(settings: Settings) -> list[tuple[str, str]]:
    found = docker_host.problems(settings.container, settings.host)
    if settings.stop_timeout is not None and settings.stop_timeout < 0:
        found.append(("stop_timeout", "expected 0 (kill at once) or more seconds"))
    return found


def run(settings: Settings, *, timeout: float) -> Outcome:
    wrong = problems(settings)
    if wrong:
        return Outcome("refused", wrong[0][1])
    try:
        with _engine.connected(settings.host, settings.container, timeout) as client:
            return _act(settings, client)
    except _engine.Trouble as trouble:
        return trouble.outcome


def hold(settings: Settings, *, timeout: float, before: str = "") -> str | None:
    if problems(settings):
        return None
    try:
        with _engine.connected(settings.host, settings.container, timeout) as client:
            inspected = client.inspect()
            state = inspected["State"]
            if state.get("Status") == "removing":
                return Text("{container} is being removed", container=settings.container)
            if settings.stopped_on_purpose == "leave":
                return _docker_stops.stopped(settings.container, client, inspected, before)
    except _engine.Trouble:
        return None  # the step itself will meet the same trouble and name it
    return None


def happened(settings: Settings, since: float, *, timeout: float) -> bool | None:
    """By StartedAt, which is exact; and by the log where the Engine is still stopping it, or it only had to go on."""
    if problems(settings):
        return None
    try:
        with _engine.connected(settings.host, settings.container, timeout) as client:
            inspected = client.inspect()
            if past.started_since(inspected["State"], since):
                return True
            running = inspected["State"].get("Status") == "running"
            if running and settings.do == "unpause":
                return True
            now = time.time()
            log = client.log(str(inspected.get("Id")), since, now)
            if not running and past.ended_just_now(log, since, now):
                return None  # the Engine may be about to start it
            return running and past.touched_since(log, since)
    except _engine.Trouble:
        return None


def begun(settings: Settings, *, timeout: float) -> float | None:
    if problems(settings):
        return None
    try:
        with _engine.connected(settings.host, settings.container, timeout) as client:
            return past.begun(client.inspect())
    except _engine.Trouble:
        return None


def rights(settings: Settings, *, timeout: float) -> Right:
    """An Engine that answers may be used for everything: it knows no lesser right."""
    try:
        with _engine.connected(settings.host, settings.container, timeout) as client:
            client.inspect()
    except _engine.Trouble as trouble:
        if trouble.outcome.result == "refused":
            return Right(
                "warn",
                Text("Docker may be used, but {detail}", detail=trouble.outcome.detail),
                Text("mend `container` of this step"),
            )
        denied = trouble.outcome.result == "denied"
        advice = docker_host.REMEDY if denied else Text("is Docker running, and is `host` right?")
        return Right("bad", trouble.outcome.detail, advice)
    return Right("ok", Text("Docker may be used, and {container} is there", container=settings.container))


def _unusable(container: str, state: Mapping[str, Any]) -> str | None:
    status = state.get("Status")
    return (
        Text("{container} is {status}: it cannot be started again", container=container, status=status)
        if status in ("dead", "removing")
        else None
    )


def _act(settings: Settings, client: _engine.Client) -> Outcome:
    inspected = client.inspect()
    before = inspected["State"]
    if reason := _unusable(settings.container, before):
        return Outcome("refused", reason)
    step = _step(settings, before)
    others = _sharers(client, inspected) if step != "unpause" else []
    timed_out = _do(settings, client, step, inspected, len(others))
    outcome = _proof(settings.container, step, before, client.inspect()["State"], timed_out)
    if outcome.result != "done" or not others:
        return outcome
    return outcome._replace(detail=joined([outcome.detail, _restart_others(settings, client, others)]))


def _sharers(client: _engine.Client, inspected: Mapping[str, Any]) -> list[str]:
    """The containers to restart after it; none where Docker cannot list them: that must not stop the step itself."""
    import docker.errors
    import requests

    if past.shares_network_of((inspected.get("HostConfig") or {}).get("NetworkMode")):
        return []
    try:
        return past.dependents(client.listed(), inspected)
    except (docker.errors.DockerException, requests.RequestException, OSError, ValueError):
        return []


def _step(settings: Settings, state: Mapping[str, Any]) -> Step:
    if settings.do != "auto":
        return settings.do
    if state.get("Paused"):
        return "unpause"
    return "restart" if state.get("Running") else "start"


def _do(settings: Settings, client: _engine.Client, step: Step, inspected: Mapping[str, Any], others: int) -> bool:
    """Take the step; True when Docker was still at it when the time was over (it goes on by itself)."""
    import requests

    left = client.left()
    budget = max(_LEAST_SECONDS, left - min(_PROOF_SECONDS, left / 4))
    client.acting = True
    try:
        if step == "restart":
            stop = min(_stop_timeout(settings, inspected), int(budget / (2 + others)))
            _restart(client, settings.container, stop, budget)
        else:
            client.sdk.timeout = budget
            (client.sdk.start if step == "start" else client.sdk.unpause)(settings.container)
    except requests.Timeout:
        return True
    return False


def _restart(client: _engine.Client, container: str, stop: int, budget: float) -> None:
    client.sdk.timeout = max(_LEAST_SECONDS, budget - stop)  # the SDK waits for this and the stop timeout together
    client.sdk.restart(container, timeout=stop)


def _stop_timeout(settings: Settings, inspected: Mapping[str, Any]) -> int:
    """A container's own -1 means that it must never be killed; the action's time bounds that too."""
    if settings.stop_timeout is not None:
        return int(settings.stop_timeout)
    own = (inspected.get("Config") or {}).get("StopTimeout")
    if not isinstance(own, int):
        return _STOP_SECONDS
    return own if own >= 0 else 2**31


def _restart_others(settings: Settings, client: _engine.Client, names: list[str]) -> str:
    """Restart those that share its network, in the time that is left; what came of each, in words."""
    import docker.errors
    import requests

    restarted, trouble = [], []
    for number, name in enumerate(names):
        budget = client.deadline - time.monotonic()
        if budget <= _LEAST_SECONDS:
            trouble.append(Text("{name}: no time left", name=name))
            continue
        try:
            stop = min(_stop_timeout(settings, client.inspect(name)), int(budget / (2 + len(names) - number)))
            _restart(client, name, stop, budget)
            restarted.append(name)
        except requests.Timeout:
            trouble.append(Text("{name}: Docker is still at it", name=name))
        except (docker.errors.DockerException, requests.RequestException, OSError, ValueError) as error:
            trouble.append(Text("{name}: {why}", name=name, why=_engine_errors.why(error)))
    parts = [Text("with it {restarted}, sharing its network", restarted=", ".join(restarted))] if restarted else []
    return joined([*parts, *(Text("not restarted, though it shares its network: {why}", why=one) for one in trouble)])


def _proof(container: str, step: Step, before: Mapping[str, Any], after: Mapping[str, Any], timed_out: bool) -> Outcome:
    status, started = str(after.get("Status")), str(after.get("StartedAt"))
    if step == "unpause" and status == "running":
        return Outcome("done", Text("{container} goes on (unpaused)", container=container))
    if step != "unpause" and started != str(before.get("StartedAt")):
        if status in ("running", "restarting"):
            if step == "restart":
                return Outcome("done", Text("restarted {unit}: started at {at}", unit=container, at=started))
            return Outcome("done", Text("started {unit}: started at {at}", unit=container, at=started))
        how = exit_words(after)
        if step == "restart":
            return Outcome("failed", Text("restarted {unit}, but it ended at once: {how}", unit=container, how=how))
        return Outcome("failed", Text("started {unit}, but it ended at once: {how}", unit=container, how=how))
    if timed_out:
        return Outcome(
            "working",
            Text(
                "Docker is still at the {step} of {container}; it is {status}",
                step=step,
                container=container,
                status=status,
            ),
        )
    if step == "unpause":
        return Outcome("failed", Text("{container} is {status} after unpause", container=container, status=status))
    return Outcome(
        "failed",
        Text(
            "{container} was not started anew; it is {status} since {started}",
            container=container,
            status=status,
            started=started,
        ),
    )
