"""`docker`: bring a container back over the Docker SDK. A rung of a recovery ladder.

`auto` does what the container needs: a paused one goes on, one that does not run is started, a running one is
restarted. A new StartedAt (or no longer paused) proves it; whether it is well again, the check tells.

    {action = "docker", container = "openclaw-gateway"}
"""

import os
import time
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from heartbeat_cli.domain import docker_host
from heartbeat_cli.domain.container import exit_words
from heartbeat_cli.domain.docker_host import AUTO, Engine, find
from heartbeat_cli.domain.outcome import Outcome
from heartbeat_cli.domain.plain import bounded, one_line

_PROOF_SECONDS = 2.0  # kept back for the look at what came of it
_LEAST_SECONDS = 0.2

Step = Literal["restart", "start", "unpause"]


class Settings(NamedTuple):
    """Which container, and how.

    container: name (or id) of the container
    do: auto (what its state calls for), restart, start or unpause
    stop_timeout: seconds it gets to stop by itself before it is killed; at most half of the action's time
    host: unix:///path or tcp://host:port; default "auto": $DOCKER_HOST, else unix:///var/run/docker.sock
    """

    container: str
    do: Literal["auto", "restart", "start", "unpause"] = "auto"
    stop_timeout: int = 10
    host: str = AUTO


def problems(settings: Settings) -> list[tuple[str, str]]:
    found = docker_host.problems(settings.container, settings.host)
    if settings.stop_timeout < 0:
        found.append(("stop_timeout", "expected 0 (kill at once) or more seconds"))
    return found


def run(settings: Settings, *, timeout: float) -> Outcome:
    wrong = problems(settings)
    if wrong:
        return Outcome("refused", wrong[0][1])
    import docker.errors
    import requests

    deadline = time.monotonic() + timeout
    try:
        engine = find(settings.host, os.environ)
        client = _connect(engine, deadline)
    except ValueError as error:
        return Outcome("refused", f"cannot reach Docker at {error}")
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        return _trouble(settings, error)
    try:
        return _act(settings, client, deadline)
    except docker.errors.NotFound as error:
        return Outcome("refused", f"there is no container named {settings.container}", bounded(str(error)))
    except (docker.errors.DockerException, requests.RequestException, OSError, ValueError) as error:
        return _trouble(settings, error)
    finally:
        client.close()


def _connect(engine: Engine, deadline: float) -> Any:
    """Typed Any: the SDK takes timeouts in fractions of a second, its published types do not."""
    from docker import APIClient
    from docker.tls import TLSConfig

    connect: Any = APIClient

    tls: TLSConfig | bool = False
    if engine.tls:
        pair = (engine.cert_file, engine.key_file) if engine.cert_file and engine.key_file else None
        tls = TLSConfig(client_cert=pair, ca_cert=engine.ca_file, verify=engine.verify_tls)
    return connect(base_url=engine.host, version="auto", timeout=_left(deadline), tls=tls)


def _act(settings: Settings, client: Any, deadline: float) -> Outcome:
    before = _state(client, settings.container, deadline)
    if before.get("Status") in ("dead", "removing"):
        return Outcome("refused", f"{settings.container} is {before['Status']}: it cannot be started again")
    step = _step(settings, before)
    timed_out = _do(settings, client, step, deadline)
    after = _state(client, settings.container, deadline)
    return _proof(settings.container, step, before, after, timed_out)


def _step(settings: Settings, state: Mapping[str, Any]) -> Step:
    if settings.do != "auto":
        return settings.do
    if state.get("Paused"):
        return "unpause"
    return "restart" if state.get("Running") else "start"


def _do(settings: Settings, client: Any, step: Step, deadline: float) -> bool:
    """Take the step; True when Docker was still at it when the time was over (it goes on by itself)."""
    import requests

    left = deadline - time.monotonic()
    budget = max(_LEAST_SECONDS, left - min(_PROOF_SECONDS, left / 4))
    try:
        if step == "restart":
            stop = min(settings.stop_timeout, int(budget / 2))
            # The SDK waits for its own timeout and the stop timeout together.
            client.timeout = max(_LEAST_SECONDS, budget - stop)
            client.restart(settings.container, timeout=stop)
        else:
            client.timeout = budget
            (client.start if step == "start" else client.unpause)(settings.container)
    except requests.Timeout:
        return True
    return False


def _state(client: Any, container: str, deadline: float) -> Mapping[str, Any]:
    client.timeout = _left(deadline)
    state = client.inspect_container(container).get("State")
    if not isinstance(state, Mapping):
        raise ValueError("Docker's answer says nothing about the state of the container")
    return state


def _left(deadline: float) -> float:
    return max(_LEAST_SECONDS, deadline - time.monotonic())


def _proof(container: str, step: Step, before: Mapping[str, Any], after: Mapping[str, Any], timed_out: bool) -> Outcome:
    status, started = after.get("Status"), after.get("StartedAt")
    if step == "unpause":
        if status == "running":
            return Outcome("done", f"{container} goes on (unpaused)")
        return Outcome("failed", f"{container} is {status} after unpause")
    if started != before.get("StartedAt"):
        if status in ("running", "restarting"):
            return Outcome("done", f"{_past(step)} {container}: started at {started}")
        return Outcome("failed", f"{_past(step)} {container}, but it ended at once: {exit_words(after)}")
    if timed_out:
        return Outcome("failed", f"{container} did not {step} in time; it is {status}")
    return Outcome("failed", f"{container} was not started anew; it is {status} since {started}")


def _past(step: Step) -> str:
    return "restarted" if step == "restart" else "started"


def _trouble(settings: Settings, error: Exception) -> Outcome:
    text = one_line(str(getattr(error, "explanation", None) or error))
    status = getattr(getattr(error, "response", None), "status_code", None)
    if "permission denied" in text.lower() or status in (401, 403):
        return Outcome(
            "denied",
            f"not allowed to use Docker: {text} (is the user in the group docker?)",
            bounded(str(error)),
        )
    if "timed out" in text.lower():
        return Outcome("failed", f"Docker did not answer in time: {text}", bounded(str(error)))
    return Outcome("failed", f"{settings.container} could not be brought back: {text}", bounded(str(error)))
