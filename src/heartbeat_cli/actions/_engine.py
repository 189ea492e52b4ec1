"""The Docker Engine as the docker action talks to it: over the SDK, every call within what is left of one deadline, and
every answer bounded."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from heartbeat_cli.actions import _engine_errors
from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.kinds import docker_host
from heartbeat_cli.domain.kinds.container_past import NOTED, Event, events
from heartbeat_cli.domain.plain import bounded, one_line
from heartbeat_cli.domain.recovery.outcome import Outcome
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import trusted

_LEAST_SECONDS = 0.2
_LOG_SECONDS = 2.0  # the log is answered at once, unless the Engine's clock is behind ours: then it would wait
_LIST_SECONDS = 5.0
_MOST = 4_194_304  # bytes of one answer: a list of a thousand containers


class Trouble(Exception):
    """Carries the outcome of a call that could not be made or was refused."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class NoLog(ValueError):
    """The Engine's event log cannot be read; why, in one line."""


class Client:
    """One Engine and one container of it. Raises Trouble, and nothing else, for whatever goes wrong. `acting` is set
    once a change was requested: whether it took place is open when its answer is lost."""

    def __init__(self, sdk: Any, container: str, deadline: float) -> None:
        self.sdk, self.container, self.deadline = sdk, container, deadline
        self.acting = False

    def left(self) -> float:
        return max(_LEAST_SECONDS, self.deadline - time.monotonic())

    def inspect(self, container: str = "") -> Mapping[str, Any]:
        self.sdk.timeout = self.left()
        found = self.sdk.inspect_container(container or self.container)
        if not isinstance(found, Mapping) or not isinstance(found.get("State"), Mapping):
            raise ValueError("Docker's answer says nothing about the state of the container")
        return found

    def listed(self) -> list[Any]:
        """The running containers, as Docker lists them."""
        self.sdk.timeout = min(_LIST_SECONDS, self.left() / 2)
        return [one for one in self.sdk.containers() if isinstance(one, Mapping)]

    def log(self, id_: str, since: float, until: float) -> list[Event]:
        """The container's events (by its full id). Raises NoLog. The SDK's own call would wait for an answer without
        any limit."""
        import requests

        wanted = {"type": ["container"], "container": [id_], "event": list(NOTED)}
        try:
            answer = self.sdk.get(
                f"{self.sdk.base_url}/v{self.sdk.api_version}/events",
                params={"since": f"{since:.3f}", "until": f"{until:.3f}", "filters": json.dumps(wanted)},
                timeout=min(_LOG_SECONDS, self.left()),
            )
            answer.raise_for_status()
            return events([foreign_json.parse(line) for line in answer.content.splitlines() if line.strip()], id_)
        except (requests.RequestException, OSError, ValueError, RecursionError) as error:
            raise NoLog(_engine_errors.why(error)) from None


@contextmanager
def connected(host: str, container: str, timeout: float) -> Iterator[Client]:
    """A client of the engine that `host` means, for `timeout` seconds. Raises Trouble, also for what the calls in the
    block raise."""
    import docker.errors
    import requests

    deadline, sdk, client = time.monotonic() + timeout, None, None
    try:
        sdk = _connect(docker_host.find(host, os.environ, trusted.why_not), timeout, deadline)
        client = Client(sdk, container, deadline)
        yield client
    except (RecursionError, KeyError, TypeError, AttributeError):  # the SDK takes most answers apart itself, unchecked
        outcome = _outcome(container, ValueError("Docker's answer cannot be understood"))
        raise Trouble(_unsure(outcome) if client is not None and client.acting else outcome) from None
    except (docker.errors.DockerException, requests.RequestException, OSError, ValueError) as error:
        outcome, answered = _outcome(container, error), getattr(error, "response", None) is not None
        raise Trouble(_unsure(outcome) if client is not None and client.acting and not answered else outcome) from None
    finally:
        if sdk is not None:
            sdk.close()


def _unsure(outcome: Outcome) -> Outcome:
    return outcome._replace(result="unsure") if outcome.result == "failed" else outcome


def _connect(engine: docker_host.Engine, timeout: float, deadline: float) -> Any:
    """Typed Any: the SDK takes timeouts in fractions of a second, its published types do not."""
    from docker.tls import TLSConfig

    from heartbeat_cli.actions import _engine_api

    connect: Any = _engine_api.Api

    tls: TLSConfig | bool = False
    if engine.tls:
        pair = (engine.cert_file, engine.key_file) if engine.cert_file and engine.key_file else None
        tls = TLSConfig(client_cert=pair, ca_cert=engine.ca_file, verify=engine.verify_tls)
    guard = _engine_api.Guard(deadline + _LEAST_SECONDS, _MOST, engine.socket)
    return connect(guard, base_url=engine.host, version="auto", timeout=max(_LEAST_SECONDS, timeout), tls=tls)


def _outcome(container: str, error: Exception) -> Outcome:
    if _engine_errors.is_no_container(error):
        return Outcome(
            "refused", Text("there is no container named {container}", container=container), bounded(str(error))
        )
    text = one_line(str(getattr(error, "explanation", None) or error))
    status = getattr(getattr(error, "response", None), "status_code", None)
    if "permission denied" in text.lower() or status in (401, 403):
        remedy = docker_host.REMEDY
        return Outcome(
            "denied",
            Text("the right to use Docker is missing: {remedy} ({text})", remedy=remedy, text=text),
            bounded(str(error)),
        )
    if "timed out" in text.lower():
        return Outcome("failed", Text("Docker did not answer in time: {text}", text=text), bounded(str(error)))
    return Outcome(
        "failed",
        Text("{container} could not be brought back: {text}", container=container, text=_engine_errors.why(error)),
        bounded(str(error)),
    )
