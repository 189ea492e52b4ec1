"""Who uses what a host has too little of: evidence for `host.py`. Only a host in trouble pays for it."""

from collections.abc import Collection

from heartbeat_cli.domain.text import Text
from heartbeat_cli.system.portable import biggest

_LABELS = {
    "cpu": Text("biggest processes by cpu"),
    "memory": Text("biggest processes by memory"),
    "swap": Text("biggest processes by swap"),
}


def processes(short_of: Collection[str], seconds: float) -> dict[str, str]:
    """The biggest processes by each of `cpu`, `memory` and `swap` that is among these, within so many seconds."""
    wanted = [by for by in _LABELS if by in short_of]
    return {_LABELS[by]: biggest(by, seconds / len(wanted)) for by in wanted}
