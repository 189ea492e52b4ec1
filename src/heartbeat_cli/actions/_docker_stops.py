"""Whether somebody stopped a container, by the Engine's event log and its own note. Asked by `docker` before a step."""

import time
from collections.abc import Mapping
from typing import Any

from heartbeat_cli.actions import _engine
from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.kinds import container_past as past
from heartbeat_cli.domain.kinds.container import ended_at, exit_words
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import trusted

_PATH = 4_096  # characters: PATH_MAX
_NOTE = 1_048_576  # bytes of the Engine's note of a container


def stopped(container: str, client: _engine.Client, inspected: Mapping[str, Any], before: str) -> str | None:
    """That somebody stopped it, or that nobody can tell. The log is asked only about an end that could have been
    somebody's wish, and only until it has said so: on a busy Engine it forgets within minutes."""
    state = inspected["State"]
    end = ended_at(state)
    if end is None or not past.may_be_stopped(state):
        return None
    from shlex import join  # few steps come to this

    stopped = past.STOPPED.with_values(
        container=container,
        at=str(state.get("FinishedAt")),
        how=exit_words(state),
        command=join(["docker", "start", container]),
    )
    if str(state["FinishedAt"]) in before:
        return stopped
    try:
        log = client.log(str(inspected.get("Id")), end - past.AFTER_END, min(time.time(), end + past.AFTER_END))
    except _engine.NoLog as error:
        return Text(
            "{container} has ended, {how}; nobody can tell whether somebody stopped it: Docker's event log cannot be"
            " read ({why})",
            container=container,
            how=exit_words(state),
            why=str(error),
        )
    here = str(client.sdk.base_url).startswith("http+docker:")  # as the SDK names a Unix socket
    marked = _manually_stopped(inspected) if here and past.is_forgotten(inspected, log) else None
    told = past.stopped_on_purpose(inspected, log, marked)
    if told is None:
        return Text(
            "{container} has ended, {how}; nobody can tell whether somebody stopped it: Docker's event log no longer"
            " reaches back to its end",
            container=container,
            how=exit_words(state),
        )
    return stopped if told else None


def _manually_stopped(inspected: Mapping[str, Any]) -> bool | None:
    """Whether the Engine notes that somebody has stopped or killed a container since it was started last; None where
    that cannot be read: it is root's. The note is `HasBeenManuallyStopped` in the container's config.v2.json (moby,
    container/container.go), beside the file that inspect names."""
    path = str(inspected.get("HostnamePath") or "")
    folder, _, name = path.rpartition("/")
    if len(path) > _PATH or name != "hostname" or not folder.endswith(f"/{inspected.get('Id')}"):
        return None
    try:
        note = foreign_json.parse(trusted.read(f"{folder}/config.v2.json", _NOTE).decode())
    except (OSError, ValueError, RecursionError):
        return None
    noted = note.get("HasBeenManuallyStopped") if isinstance(note, dict) else None
    return noted if isinstance(noted, bool) else None
