"""One `systemctl show` for many units, as `service.py` and `timer.py` ask it."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text
from heartbeat_cli.system import process

_MAX_OUTPUT = 2_000_000

Group = TypeVar("Group")
Result = TypeVar("Result")


class Answer(NamedTuple):
    """What one systemctl call said: the blocks, or why there are none for some units; `elapsed` in seconds."""

    blocks: Sequence[systemd.Properties]
    complaint: str
    elapsed: float


def show(systemctl: Sequence[str], user: bool, units: Iterable[str], properties: str, timeout: float) -> Answer:
    """Ask for the properties (names with commas between them) of the units. Times come in UTC where the program is not
    started elsewhere by a prefix."""
    words = ("show", f"--property={properties}", "--", *dict.fromkeys(units))
    started = time.monotonic()
    try:
        finished = process.run(
            systemd.command(systemctl, user, *words),
            timeout=timeout,
            env=process.minimal_env({**systemd.extra_env(os.environ, os.getuid()), "TZ": "UTC"}),
            max_output=_MAX_OUTPUT,
        )
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        text = Text("cannot run {command}: {why}", command=one_line(systemctl[0], 80), why=reason)
        return Answer((), text, 0.0)
    elapsed = time.monotonic() - started
    if finished.code == 0:
        return Answer(systemd.blocks(finished.stdout), Text("systemctl said nothing about it"), elapsed)
    # Only whole blocks count: the last one may have been cut where systemctl gave up.
    whole = finished.stdout.rpartition("\n\n")[0]
    return Answer(systemd.blocks(whole), systemd.complaint(finished.code, finished.stderr), elapsed)


def side_by_side(groups: Sequence[Group], ask: Callable[[Group], Result]) -> list[Result]:
    """Groups are asked side by side, so that a service manager that hangs takes no time from another."""
    if len(groups) <= 1:
        return [ask(group) for group in groups]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(groups)) as pool:
        return list(pool.map(ask, groups))
