"""What one recovery action came to, and whether this user may take it at all."""

from typing import Literal

from heartbeat_cli.domain.record import Record

Result = Literal["done", "failed", "denied", "refused", "working", "lost", "unsure"]


class Outcome(Record):
    """`done`: the action took place (healing is verified by the check, not by this). `working`: it was accepted and
    still went on when its time was over; nobody stops it. `failed`: tried, did not work. `denied`: the rights to do
    it are missing; `detail` names the remedy. `refused`: it must not or cannot be done here (masked unit, no such
    script). `lost`: it never began. `unsure`: it was begun, and the answer was lost or cut: whoever took the step has
    to find out whether it took place. `detail` is one line; `output` what the action printed, bounded."""

    result: Result
    detail: str
    output: str = ""


class Right(Record):
    """Whether this user may take a step, found out without taking it. `ok`: yes. `warn`: unknown, or there is
    nothing to take it on. `bad`: no. `advice` says what to do, in one line."""

    level: Literal["ok", "warn", "bad"]
    text: str
    advice: str = ""
