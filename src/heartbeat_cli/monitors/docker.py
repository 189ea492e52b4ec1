"""A container, or the Docker daemon itself.

healthy    running, and its health check (if it has one) passes or is in its start period; a container that
           ended with exit code 0 where `exited_ok` is set; for `daemon`: it describes itself
unhealthy  stopped, paused, dead, restarting, failing its health check, restarted by Docker since the last
           check (a crash loop), or no container of that name; for `daemon`: it answers with an error
error      for `daemon` only: nothing answers
unknown    Docker does not answer, hangs, forbids or sends nonsense: that is the daemon, not this container;
           or the health check could not be run, or has not reported since the container was unhealthy

Watch the daemon as a component of its own and let the containers depend on it. `$DOCKER_HOST`,
`$DOCKER_TLS_VERIFY` and `$DOCKER_CERT_PATH` are read at each check, as the docker command does. Of a container that is
not well the last ten lines of its log are evidence; they are read once for each way it stands.

    [components.gateway]
    kind = "docker"
    container = "openclaw-gateway"
"""

import os
import re
from binascii import crc32
from collections.abc import Mapping
from typing import Any

from heartbeat_cli.domain import foreign_json, plain
from heartbeat_cli.domain.checking.exchange import Fault, FollowUp, Request, Response
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading
from heartbeat_cli.domain.kinds import docker_host
from heartbeat_cli.domain.kinds.container import Verdict, health_log, judge, started_at, summary
from heartbeat_cli.domain.kinds.docker_host import AUTO, find
from heartbeat_cli.domain.plain import one_line, system_words
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.system import trusted

# Labels, environment and five health outputs of 4 kB each stand in an inspect; 256 of them may come at once.
_NEVER = "0001-01-01"  # what Docker says of a moment that has not come
_MAX_BODY = 524_288
_COUNTS = ("Containers", "ContainersRunning", "ContainersPaused", "ContainersStopped", "Images")

IDENTITY = frozenset({"id"})  # a checksum: the id is the Engine's text

LADDER: tuple[Mapping[str, str], ...] = (
    {"action": "docker", "container": "{container}", "host": "{host}"},
    {"action": "script", "name": "restart_{id}.sh", "preferred": "restart_{container}.sh"},
)


class Settings(Record):
    """Either `container` or `daemon`.

    container: name (or id) of the container to watch
    daemon: true: the Docker daemon itself is the component
    host: unix:///path or tcp://host:port; default "auto": $DOCKER_HOST, else unix:///var/run/docker.sock
    restart_limit: automatic restarts since the last check that count as a crash loop; 0: never
    exited_ok: true: a container that has ended with exit code 0 is healthy (a job that runs and goes)
    """

    container: str | None = None
    daemon: bool = False
    host: str = AUTO
    restart_limit: int = 1
    exited_ok: bool = False


def problems(settings: Settings) -> list[tuple[str, str]]:
    # For a daemon only the host is to be judged; any good name stands in for the container's.
    found = docker_host.problems(settings.container or "none", settings.host)
    if bool(settings.container) == settings.daemon:
        found.append(("container", "expected exactly one of container = NAME and daemon = true"))
    if settings.restart_limit < 0:
        found.append(("restart_limit", "expected 0 (never) or more"))
    return found


def request(settings: Settings, context: CheckContext) -> Request:
    try:
        engine = find(settings.host, os.environ, trusted.why_not)
    except ValueError as error:
        raise Unobservable(Text("cannot reach Docker at {where}", where=str(error))) from None
    path = "/info" if settings.daemon else f"/containers/{_quoted(settings.container or '')}/json"
    return engine.request(path, _MAX_BODY)


def _quoted(name: str) -> str:
    """A name as one part of an address; `problems` has refused all that must be changed for that."""
    if plain.is_word(name, "_.-"):
        return name
    from urllib.parse import quote

    return quote(name, safe="")


def read(settings: Settings, response: Response, context: CheckContext) -> Reading | FollowUp:
    return _read_daemon(response, context) if settings.daemon else _read_container(settings, response, context)


def _read_container(settings: Settings, response: Response, context: CheckContext) -> Reading | FollowUp:
    """Whatever keeps Docker from answering is not the container's fault, so nothing of it may restart it."""
    if response.fault:
        raise Unobservable(_fault_words(response.fault))
    answer = _json(response)
    if response.status == 404 and "no such container" in _message(answer).lower():
        # There is none of that name: an outage for its users, or a typo that must be reported.
        error = Text("no container named {container}", container=settings.container or "")
        return Reading("unhealthy", response.elapsed, error, memory=context.memory)
    if response.status != 200:
        raise Unobservable(
            Text(
                "Docker answered {status}: {said}",
                status=response.status,
                said=_message(answer) or Text("no reason given"),
            )
        )
    state = answer.get("State")
    if not isinstance(state, Mapping):
        raise Unobservable(Text("Docker's answer says nothing about the state of the container"))
    reading = _judge(settings, answer, state, response.elapsed, context)
    if reading.status != "unhealthy":
        return reading
    from heartbeat_cli.monitors import _container_log  # most containers are well, and every pass pays for imports

    return _container_log.added(reading, answer, state, find(settings.host, os.environ, trusted.why_not), context)


def _judge(
    settings: Settings, answer: Mapping[str, Any], state: Mapping[str, Any], elapsed: float, context: CheckContext
) -> Reading:
    restarts = _whole(answer.get("RestartCount"))
    verdict = judge(state, exited_ok=settings.exited_ok, ailing=context.memory.get("ailing") is True)
    id_ = str(answer.get("Id"))
    since = _restarts_since(id_, restarts, context.memory)
    if 0 < settings.restart_limit <= since and verdict.status != "unhealthy":
        line = Text.counted(
            since, "crash loop: {n} restart since the last check", "crash loop: {n} restarts since the last check"
        )
        verdict = Verdict("unhealthy", line, verdict.ailing)
    evidence: dict[str, str] = {Text("container"): _summary(state, restarts)}
    if log := health_log(state):
        evidence[Text("health log")] = log
    return Reading(
        verdict.status,
        elapsed,
        verdict.error,
        _metrics(state, restarts, context.now),
        evidence,
        {"id": _checksum(id_), "restarts": restarts, "ailing": verdict.ailing},
        certain=verdict.status == "unhealthy" and state.get("Status") in ("exited", "dead"),
    )


def _checksum(id_: str) -> str:
    return f"{crc32(id_.encode(errors='replace')):08x}"


def _restarts_since(id_: str, restarts: int, memory: Mapping[str, Any]) -> int:
    """A start by hand sets the count back to zero: a figure below the last one is what came after that. Of a new
    container of the same name nothing is known. Earlier versions remembered the id itself."""
    before = memory.get("restarts")
    if memory.get("id") not in (_checksum(id_), id_) or isinstance(before, bool) or not isinstance(before, int):
        return 0
    return restarts - before if restarts >= before else restarts


def _metrics(state: Mapping[str, Any], restarts: int, now: float) -> tuple[Metric, ...]:
    found = [Metric("restart_count", restarts, "counter")]
    started = started_at(state)
    if state.get("Status") == "running":
        if started is not None and now >= started:
            found.append(Metric("uptime_seconds", now - started))
    else:
        found.append(Metric("exit_code", _whole(state.get("ExitCode"))))
    health = state.get("Health")
    if isinstance(health, Mapping):
        found.append(Metric("health_failing_streak", _whole(health.get("FailingStreak"))))
    return tuple(found)


def _summary(state: Mapping[str, Any], restarts: int) -> str:
    keys = ("Status", "ExitCode", "OOMKilled", "Error", "StartedAt", "FinishedAt")
    known = [(key, str(state[key])) for key in keys if state.get(key) not in (None, "")]
    shown = {key: one_line(value) for key, value in known if not value.startswith(_NEVER)}
    return summary(shown | {"RestartCount": f"{restarts}"})


def _read_daemon(response: Response, context: CheckContext) -> Reading:
    if response.fault:
        if response.fault.kind in ("forbidden", "other"):
            raise Unobservable(_fault_words(response.fault))
        return Reading("error", None, _fault_words(response.fault))
    if 401 <= response.status <= 403:
        raise Unobservable(
            Text("Docker answered {status}: {said}", status=response.status, said=_message(_json(response)))
        )
    if response.status != 200:
        text = one_line(response.body.decode("utf-8", "replace"), 200)
        return Reading(
            "unhealthy",
            response.elapsed,
            Text("the Docker daemon answered {status}: {text}", status=response.status, text=text),
        )
    answer = _json(response)
    if "ServerVersion" not in answer and "Containers" not in answer:
        raise Unobservable(Text("what answers there is not a Docker daemon"))
    counts = tuple(
        Metric(re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower(), _whole(answer[name]))
        for name in _COUNTS
        if name in answer
    )
    version = {"docker": one_line(f"version {answer.get('ServerVersion')}, {answer.get('OperatingSystem')}")}
    return Reading("healthy", response.elapsed, metrics=counts, evidence=version)


def _fault_words(fault: Fault) -> str:
    if fault.kind == "forbidden":
        return docker_host.FORBIDDEN.with_values(text=one_line(fault.text))
    if fault.kind == "timeout":
        return docker_host.IN_TIME.with_values(text=one_line(fault.text))
    return Text("Docker cannot be reached: {text}", text=system_words(one_line(fault.text)))


def _json(response: Response) -> Mapping[str, Any]:
    if response.truncated:
        raise Unobservable(Text("Docker's answer is longer than {max_body} bytes", max_body=_MAX_BODY))
    if foreign_json.values(response.body) > docker_host.MOST_VALUES:
        raise Unobservable(Text("Docker's answer holds more than {most} values", most=docker_host.MOST_VALUES))
    try:
        answer = foreign_json.parse(response.body)
    except foreign_json.NotJson:
        text = one_line(response.body[:200].decode("utf-8", "replace"), 80)
        raise Unobservable(
            Text("Docker answered {status} with something that is not JSON: {text}", status=response.status, text=text)
        ) from None
    if not isinstance(answer, Mapping):
        raise Unobservable(
            Text("Docker answered {status} with something that is not an object", status=response.status)
        )
    return answer


def _message(answer: Mapping[str, Any]) -> str:
    return one_line(str(answer.get("message") or ""))


def _whole(value: object) -> int:
    return value if isinstance(value, int) and abs(value) < 2**63 else 0  # what JSON has may be no number of any store
