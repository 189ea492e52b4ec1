"""What a plug-in needs of heartbeat. These names are stable: nothing here goes away or changes its meaning within a
major version; fields are added at the end, with a default.

A plug-in is a module with `Settings`, a `typing.NamedTuple` whose docstring explains its keys, and one of

    probe(settings, context: CheckContext) -> Reading                          entry point heartbeat_cli.monitors
    probe_all(pairs: list[tuple[Settings, CheckContext]]) -> list[Reading]     as above, for all of the kind at once
    request(settings, context) -> Request, read(settings, response: Response, context) -> Reading | FollowUp
    run(settings, *, timeout: float) -> Outcome                                entry point heartbeat_cli.actions
    send(settings, message: Message, *, timeout: float) -> str | None          entry point heartbeat_cli.channels

Times are in seconds, moments in seconds since the epoch. `docs/reference/plugin-api.md` has the whole contract, with
what a module may have besides.
"""

from heartbeat_cli.domain.alerting.message import Message
from heartbeat_cli.domain.category import Category, Remedy
from heartbeat_cli.domain.checking.exchange import Fault, FollowUp, Request, Response
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading, Status
from heartbeat_cli.domain.component import Severity
from heartbeat_cli.domain.recovery.outcome import Outcome, Result, Right
from heartbeat_cli.domain.seconds import Seconds
from heartbeat_cli.errors import DeliveryError, Unobservable

__all__ = [
    "Category",
    "CheckContext",
    "DeliveryError",
    "Fault",
    "FollowUp",
    "Message",
    "Metric",
    "Outcome",
    "Reading",
    "Remedy",
    "Request",
    "Response",
    "Result",
    "Right",
    "Seconds",
    "Severity",
    "Status",
    "Unobservable",
]
