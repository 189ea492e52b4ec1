"""One systemctl call for many units, as `service.py`, `timer.py` and `process.py` ask it."""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.plain import one_line, system_words
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import hung, process

_MAX_OUTPUT = 2_000_000
_NOTHING: Mapping[str, Any] = {}

Key = TypeVar("Key")
Group = TypeVar("Group")
Result = TypeVar("Result")
Memories = Iterable[Mapping[str, Any]]


class Said(Record):
    """What one call of systemctl printed; `complaint`: why it is not all, "" where it is. `elapsed` in seconds; `hung`:
    what the next check has to remember of a systemctl that could not be killed."""

    stdout: str = ""
    complaint: str = ""
    elapsed: float = 0.0
    hung: Mapping[str, Any] = _NOTHING


class Answer(Record):
    """What one systemctl call said: the blocks, or why there are none for some units; the rest as of `Said`."""

    blocks: Sequence[systemd.Properties] = ()
    complaint: str = ""
    elapsed: float = 0.0
    hung: Mapping[str, Any] = _NOTHING


LATE = Answer(complaint=Text("systemctl did not answer in time"))


def call(systemctl: Sequence[str], user: bool, words: Sequence[str], timeout: float, memories: Memories = ()) -> Said:
    """Call systemctl, within `timeout` seconds even where it cannot be killed; not while one that an earlier check has
    left hangs still, by the `memories` of the components."""
    if (pid := hung.still(memories)) is not None:
        text = Text("systemctl of an earlier check still hangs (process {pid})", pid=pid)
        return Said(complaint=text, hung=hung.kept(pid))
    started = time.monotonic()
    try:
        finished = process.run(
            systemd.command(systemctl, user, *words),
            timeout=timeout - hung.reserve(timeout),
            env=process.minimal_env({**systemd.extra_env(os.environ, os.getuid()), "TZ": "UTC"}),
            max_output=_MAX_OUTPUT,
            reap_seconds=hung.reap(timeout),
        )
    except (OSError, ValueError) as error:
        reason = system_words((error.strerror if isinstance(error, OSError) else None) or str(error))
        return Said(complaint=Text("cannot run {command}: {why}", command=one_line(systemctl[0], 80), why=reason))
    complaint = "" if finished.code == 0 else systemd.complaint(finished.code, finished.stderr)
    return Said(finished.stdout, complaint, time.monotonic() - started, hung.kept(finished.left))


def show(
    systemctl: Sequence[str],
    user: bool,
    units: Iterable[str],
    properties: str,
    timeout: float,
    memories: Memories = (),
) -> Answer:
    """Ask for the properties (names with commas between them) of the units. Times come in UTC where the program is not
    started elsewhere by a prefix."""
    words = ("show", f"--property={properties}", "--", *dict.fromkeys(units))
    said = call(systemctl, user, words, timeout, memories)
    if not said.complaint:
        nothing = Text("systemctl said nothing about it")
        return Answer(systemd.blocks(said.stdout), nothing, said.elapsed, said.hung)
    # Only whole blocks count: the last one may have been cut where systemctl gave up.
    return Answer(systemd.blocks(said.stdout.rpartition("\n\n")[0]), said.complaint, said.elapsed, said.hung)


def side_by_side(
    groups: Mapping[Key, Group], ask: Callable[[Group], Result], timeout: float
) -> dict[Key, Result | Exception]:
    """What each group was answered, or the exception that asking it raised; one whose answer takes longer than
    `timeout` seconds is left out. They are asked at the same time, so that a service manager that hangs takes no time
    from another."""
    if len(groups) > 1:
        from heartbeat_cli.system import in_threads

        calls = {key: partial(ask, group) for key, group in groups.items()}
        return in_threads.results(calls, time.monotonic() + timeout)
    found: dict[Key, Result | Exception] = {}
    for key, group in groups.items():
        try:
            found[key] = ask(group)
        except Exception as error:
            found[key] = error
    return found


def given(answers: Mapping[Key, Result | Exception], key: Key, late: Result) -> Result:
    """The answer to one group, `late` where there is none. Raises the exception that asking it raised."""
    answer = answers.get(key, late)
    if isinstance(answer, Exception):
        raise answer
    return answer
