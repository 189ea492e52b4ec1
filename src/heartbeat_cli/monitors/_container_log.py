"""What a container that is not well wrote last, as evidence for `docker.py`: one follow-up for each way it stands."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from heartbeat_cli.domain.checking.exchange import FollowUp, Response
from heartbeat_cli.domain.checking.result import CheckContext, Reading
from heartbeat_cli.domain.kinds import container_log
from heartbeat_cli.domain.kinds.docker_host import Engine
from heartbeat_cli.domain.text import Text

_MEMORY = "log"
_WROTE = frozenset({"exited", "dead", "restarting", "running"})
_MAX_BODY = 262_144  # eleven entries of a log: the Engine splits what is longer than 16 kB


def added(
    reading: Reading, answer: Mapping[str, Any], state: Mapping[str, Any], engine: Engine, context: CheckContext
) -> Reading | FollowUp:
    """The reading with the log that is remembered for the way the container stands, else the follow-up that asks."""
    if state.get("Status") not in _WROTE:
        return reading
    key, known = _standing(reading, answer, state), context.memory.get(_MEMORY)
    if isinstance(known, list) and len(known) == 2 and known[0] == key:
        return _with_log(reading, key, str(known[1]))
    path = f"/containers/{quote(str(answer.get('Id')), safe='')}/logs?stdout=1&stderr=1&tail={container_log.ASKED}"
    config = answer.get("Config")
    terminal = isinstance(config, Mapping) and config.get("Tty") is True
    return FollowUp(engine.request(path, _MAX_BODY), partial(_read, reading, key, terminal))


def _standing(reading: Reading, answer: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """The way it stands, in a word that changes with it. In a crash loop it stays the same over the restarts: the log
    would otherwise be read at every check."""
    status = state.get("Status")
    if status in ("exited", "dead"):
        how: tuple[object, ...] = (status, state.get("ExitCode"), state.get("FinishedAt"))
    elif status == "running" and reading.memory.get("ailing") is True:
        how = ("unhealthy", state.get("StartedAt"))
    else:
        how = ("crash loop",)
    return " ".join(str(one)[:64] for one in (answer.get("Id"), *how))


def _read(reading: Reading, key: str, terminal: bool, response: Response) -> Reading:
    """The log is only evidence: the reading stands whatever comes back. A read that had no time is tried again; one
    that failed (a log driver that cannot be read, an Engine that hangs) is not."""
    if response.fault is not None and response.fault.kind == "other":
        return reading
    told = response.fault is None and response.status == 200
    return _with_log(reading, key, container_log.tail(response.body, terminal) if told else "")


def _with_log(reading: Reading, key: str, text: str) -> Reading:
    """The log comes before the past health checks, unless one of these is what fails."""
    pieces = list(reading.evidence.items())
    if text:
        place = len(pieces) if reading.memory.get("ailing") is True else 1
        pieces.insert(place, (Text("container log"), text))
    return reading._replace(evidence=dict(pieces), memory={**reading.memory, _MEMORY: [key, text]})
