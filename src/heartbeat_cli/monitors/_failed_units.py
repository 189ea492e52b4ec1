"""Every failed unit of a service manager as one reading, for `service.py` with `failed = true`."""

from collections.abc import Sequence

from heartbeat_cli.domain.checking.result import Metric, Reading, unknown
from heartbeat_cli.domain.plain import lines_of, one_line
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.monitors._systemctl import Answer, Memories, call

_NAMED = 5  # units in the line; the evidence has more
_LISTED = 50


def ask(systemctl: Sequence[str], user: bool, timeout: float, memories: Memories) -> Answer:
    """The failed units, a block with its Id for each; a complaint where systemd does not say."""
    words = ("list-units", "--state=failed", "--all", "--plain", "--no-legend", "--full")
    said = call(systemctl, user, words, timeout, memories)
    if said.complaint:
        return Answer((), *said[1:])
    names = [one_line(line.split()[0], 120) for line in lines_of(said.stdout) if line.strip()]
    return Answer([{"Id": name} for name in names], *said[1:])


def reading(answer: Answer) -> Reading:
    """Healthy while no unit has failed; else unhealthy, with their names: a person decides what to do."""
    if answer.complaint:
        return unknown(Text("cannot ask systemd: {complaint}", complaint=answer.complaint), answer.hung)
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
