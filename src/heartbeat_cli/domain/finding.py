"""One thing that `heartbeat doctor` has checked."""

from typing import Literal, NamedTuple

Level = Literal["ok", "warn", "bad"]


class Finding(NamedTuple):
    """`bad` must be mended, `warn` should be thought about; `advice` says what to do."""

    topic: str
    level: Level
    text: str
    advice: str = ""
