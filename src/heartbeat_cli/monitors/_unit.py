"""What systemd knows of the unit behind a program that refuses connections: shared by `agent.py` and `openclaw.py`."""

from typing import TYPE_CHECKING

from heartbeat_cli.domain.text import joined

if TYPE_CHECKING:
    from heartbeat_cli.domain.checking.result import CheckContext, Reading


def explained(unit: str, user: bool, reading: "Reading", context: "CheckContext") -> "Reading":
    """The reading with what kind `service` says of the unit: its error, its category (an exit status that forbids a
    restart is one of configuration) and its journal. Unchanged where the unit runs, or nothing is known of it."""
    from heartbeat_cli.monitors import service  # only a failure needs it

    found = service.of_unit(unit, user, context)
    if found is None or found.failure is None or found.error is None:
        return reading
    return reading._replace(
        error=joined([reading.error, found.error]) if reading.error else found.error,
        evidence={**reading.evidence, **found.evidence},
        category=found.category or reading.category,
    )
