"""Asks a Docker Engine for lists: each answer bounded in bytes, values and time; what does not answer is None."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.kinds import docker_host

MOST_LISTED = (4_194_304, 200_000)  # bytes of a list of containers, and values in it


def name_of(listed: Mapping[str, Any]) -> str:
    """The name proper: a linked container also has those that others call it by."""
    names = [str(name).removeprefix("/") for name in listed_under(listed, "Names")]
    return next((name for name in names if "/" not in name and not docker_host.problems(name, "")), "")


def listed_under(table: Mapping[str, Any], key: str) -> list[Any]:
    """The list under a key; none where a server says something else."""
    found = table.get(key)
    return found if isinstance(found, list) else []


def ask(engine: docker_host.Engine, paths: Sequence[str], most: tuple[int, int], deadline: float) -> list[Any]:
    """The JSON that the Engine answers to each path, None where it does not, or with more than so many bytes or
    values."""
    if not paths:
        return []
    from heartbeat_cli.domain.checking.exchange import Response
    from heartbeat_cli.http import multi

    answers: dict[str, Any] = {}

    def done(exchange: multi.Exchange, response: Response) -> None:
        good = response.fault is None and response.status == 200 and foreign_json.values(response.body) <= most[1]
        if good and time.monotonic() < deadline:
            try:
                answers[exchange.key] = foreign_json.parse(response.body)
            except foreign_json.NotJson:
                return

    requests = [engine.request(path, most[0]) for path in paths]
    left = deadline - time.monotonic()
    multi.drive([multi.Exchange(one.url, one, left) for one in requests], deadline=deadline, done=done)
    return [answers.get(one.url) for one in requests]
