"""Steps of this host whose process was killed: found by the number of the process, which is a step's output while
it is being taken.
"""

from heartbeat_cli import plugins
from heartbeat_cli.domain.component import Step
from heartbeat_cli.domain.incident import Attempt
from heartbeat_cli.domain.plain import whole
from heartbeat_cli.system import offspring, process

_BY = "process "


def by_process(pid: int) -> str:
    """What stands as the output of a step that is being taken."""
    return f"{_BY}{pid}"


def is_killed(attempt: Attempt) -> bool:
    """Whether a step has not ended, and its process is gone."""
    pid = _process_of(attempt)
    return pid is not None and process.is_gone(pid)


def may_be_at_work(attempt: Attempt, until: float) -> bool:
    """Whether something of a step whose process was killed may still run: its script, or what that started. True where
    that is not known by `until` (time.monotonic())."""
    pid = _process_of(attempt)
    return pid is None or not process.is_gone(pid) or offspring.left_by(pid, until)


def runs_here(step: Step) -> bool:
    """Whether programs of this host do all that a step does: what a hook has set going elsewhere cannot be seen."""
    return hasattr(plugins.load("actions", step.action), "left_behind")


def _process_of(attempt: Attempt) -> int | None:
    if attempt.outcome != "running" or not attempt.output.startswith(_BY):
        return None
    return whole(attempt.output.removeprefix(_BY))
