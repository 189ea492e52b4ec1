"""One thing that `heartbeat doctor` has checked."""

from typing import Literal

from heartbeat_cli.domain.record import Record

Level = Literal["ok", "warn", "bad"]


class Finding(Record):
    """`bad` must be mended, `warn` should be thought about; `advice` says what to do."""

    topic: str
    level: Level
    text: str
    advice: str = ""
