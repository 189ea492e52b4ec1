"""What one recovery action came to."""

from typing import Literal, NamedTuple

Result = Literal["done", "failed", "denied", "refused"]


class Outcome(NamedTuple):
    """`done`: the action took place (healing is proven by the check, not by this). `failed`: tried, did not work.
    `denied`: the rights to do it are missing. `refused`: it must not or cannot be done here (masked unit, no
    such script). `detail` is one line; `output` what the action printed, bounded."""

    result: Result
    detail: str
    output: str = ""
