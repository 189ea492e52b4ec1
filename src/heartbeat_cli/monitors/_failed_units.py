"""Every failed unit of a service manager as one reading, for `service.py` with `failed = true`."""

import os
import time
from collections.abc import Sequence

from heartbeat_cli.domain.checking.result import Metric, Reading, unknown
from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.monitors._systemctl import Answer
from heartbeat_cli.system import process

_MAX_OUTPUT = 500_000
_NAMED = 5  # units in the line; the evidence has more
_LISTED = 50


def ask(systemctl: Sequence[str], user: bool, timeout: float) -> Answer:
    """The failed units, a block with its Id for each; a complaint where systemd does not say."""
    words = ("list-units", "--state=failed", "--all", "--plain", "--no-legend", "--full")
    started = time.monotonic()
    try:
        finished = process.run(
            systemd.command(systemctl, user, *words),
            timeout=timeout,
            env=process.minimal_env(systemd.extra_env(os.environ, os.getuid())),
            max_output=_MAX_OUTPUT,
        )
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return Answer((), Text("cannot run {command}: {why}", command=one_line(systemctl[0], 80), why=why), 0.0)
    elapsed = time.monotonic() - started
    if finished.code != 0:
        return Answer((), systemd.complaint(finished.code, finished.stderr), elapsed)
    names = [one_line(line.split()[0], 120) for line in finished.stdout.splitlines() if line.strip()]
    return Answer([{"Id": name} for name in names], "", elapsed)


def reading(answer: Answer) -> Reading:
    """Healthy while no unit has failed; else unhealthy, with their names: a person decides what to do."""
    if answer.complaint:
        return unknown(Text("cannot ask systemd: {complaint}", complaint=answer.complaint))
    failed = [block["Id"] for block in answer.blocks]
    metrics = (Metric("failed_units", len(failed)),)
    if not failed:
        return Reading("healthy", answer.elapsed, metrics=metrics)
    named = listed(failed[:_NAMED])
    if len(failed) > _NAMED:
        named = Text("{names} and {n} more", names=named, n=len(failed) - _NAMED)
    line = Text.counted(len(failed), "{n} unit has failed: {names}", "{n} units have failed: {names}", names=named)
    evidence = {"systemd": "\n".join(failed[:_LISTED])}
    return Reading("unhealthy", answer.elapsed, line, metrics, evidence, category="dependency", remedy="person")
