"""What a search for what blocks with `match` stand for notes for those of later passes: how many components a block has
taken in today, and a program that could not be killed. A file of the configuration's folder."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from heartbeat_cli.domain.record import Record
from heartbeat_cli.system import files, hung, trusted

_FILE, _MAX_BYTES = "found.notes", 1_000_000


class Notes(Record):
    """`new`: of each block, the day (since the epoch) and how many components it has taken in on it; `left`: of each
    service manager, what `hung.kept` gives."""

    new: Mapping[str, tuple[int, int]] = {}
    left: Mapping[str, Mapping[str, Any]] = {}

    def taken(self, block: str, day: int) -> int:
        """How many components the block has taken in on that day."""
        at, number = self.new.get(block, (day, 0))
        return number if at == day else 0

    def hanging(self, manager: str) -> int | None:
        """The number of a program that an earlier pass has left, and that hangs still."""
        return hung.still([self.left.get(manager, {})])


def read(folder: Path) -> Notes:
    """What was noted; nothing where there is no file of ours, or it is damaged."""
    with suppress(OSError, ValueError, RecursionError, TypeError, AttributeError):
        found = json.loads(files.read_own(folder / _FILE, _MAX_BYTES))
        new = {str(block): (int(at), int(number)) for block, (at, number) in found["new"].items()}
        return Notes(new, {str(manager): dict(one) for manager, one in found["left"].items()})
    return Notes()


def keep(folder: Path, notes: Notes) -> None:
    """Note it; without a word where that cannot be done (a full disk): this pass says so by itself."""
    with suppress(OSError):
        trusted.make_folder(folder)
        files.write_own(folder / _FILE, json.dumps(notes._asdict()))
