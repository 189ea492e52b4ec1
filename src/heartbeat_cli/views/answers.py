"""The commands with which a person answers the message of a fault, ready to be pasted into a shell."""

from collections.abc import Iterable, Sequence
from shlex import quote

from heartbeat_cli.domain.alerting.alert import Alert, is_about_fault
from heartbeat_cli.domain.plain import one_line

SILENCE = 60  # minutes
_MOST = 5  # faults of a digest whose commands it shows: the list would push out what was seen


def shell_word(name: str) -> str:
    """A name in a command that a person will paste into a shell: another host may have made it up."""
    return quote(one_line(name, 100))


def commands(alerts: Iterable[Alert]) -> dict[str, Sequence[str]]:
    """`ack` and `silence`: the commands for those of these alerts that are about a fault, none if these are many."""
    names = list(dict.fromkeys(shell_word(one.component) for one in alerts if is_about_fault(one)))
    if not 0 < len(names) <= _MOST:
        return {"ack": [], "silence": []}
    return {
        "ack": [f"heartbeat ack {' '.join(names)}"],
        "silence": [f"heartbeat silence {name} --for {SILENCE}" for name in names],
    }
