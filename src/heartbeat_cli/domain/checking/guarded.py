"""What a monitor gives, whatever it does: a bug of one costs its own component an `unknown`, and never the pass."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heartbeat_cli.domain.checking.result import CheckContext, Reading, unknown
from heartbeat_cli.domain.plain import one_line, own_fault
from heartbeat_cli.errors import Unobservable

if TYPE_CHECKING:
    from heartbeat_cli.domain.checking.exchange import FollowUp, Response


def guarded(context: CheckContext, call: Callable[..., Reading], *values: Any) -> Reading:
    """The reading that a monitor's function gives for these values."""
    try:
        return a_reading(call(*values))
    except Exception as error:
        return not_checked(context, error)


def answered(
    context: CheckContext, read: "Callable[..., Reading | FollowUp]", settings: Any, response: "Response"
) -> "Reading | FollowUp":
    """What a monitor's `read` makes of a response: a reading, or the follow-up to an answer that is complete."""
    from heartbeat_cli.domain.checking.exchange import FollowUp

    try:
        found = read(settings, response, context)
        return found if isinstance(found, FollowUp) and response.fault is None else a_reading(found)
    except Exception as error:
        return not_checked(context, error)


def a_reading(value: Any) -> Reading:
    """The value, which has to be a reading. Raises TypeError for anything else."""
    if isinstance(value, Reading):
        return value
    raise TypeError(f"the monitor gave {type(value).__name__} instead of a Reading")


def not_checked(context: CheckContext, error: Exception) -> Reading:
    """Not being able to check is `unknown`, and so is a fault of our own: one monitor's bug must not stop the pass."""
    if isinstance(error, Unobservable):
        return unknown(one_line(str(error)), context.memory)
    return unknown(own_fault(error), context.memory)
