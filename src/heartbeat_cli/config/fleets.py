"""What stood last in the files that `each` is read from. While one cannot be read, the components that it made stay,
and cannot be checked: what is not seen is not well. A file of the configuration's folder, which `discovery.fleets`
writes.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.domain.blocks import Block
from heartbeat_cli.domain.component import ID, Common
from heartbeat_cli.system import files

_COMMON = frozenset(Common.__annotations__) | {"recovery"}
FILE, MAX_BYTES = "fleets.json", 16_000_000

Row = Mapping[str, Any]  # what the placeholders stand for in one component


def remembered(folder: Path) -> Mapping[str, list[Row]]:
    """The rows of each block as they were last read; nothing where that is not known."""
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(files.read_own(folder / FILE, MAX_BYTES))
        if isinstance(found, dict):
            return {block: list(_sound(rows)) for block, rows in found.items() if isinstance(rows, list)}
    return {}


def _sound(rows: list[Any]) -> Iterator[Row]:
    for row in rows:
        if isinstance(row, dict) and all(isinstance(value, str | int | float) for value in row.values()):
            yield row


class StandIn(dict[str, Any]):
    """The table of the one component that stands for the block `stands_for`."""

    def __init__(self, table: Mapping[str, Any], stands_for: Block) -> None:
        super().__init__(table)
        self.stands_for = stands_for


def _usual_id(block: str) -> str:
    id_ = re.sub(r"\{[^{}]*\}", "_", block)
    return (id_ if re.fullmatch(ID, id_) else "fleet-" + re.sub(r"[^A-Za-z0-9_.-]", "_", id_))[:64]


def stand_in(block: str, written: Mapping[str, Any], taken: Collection[str]) -> dict[str, StandIn]:
    """The table of the one component that stands for a block of which nothing is known, by its id, which is none of
    those that are `taken`. It keeps the common keys of the block, without what depends on a placeholder."""
    kind = written.get("kind")
    own = {key: one for key, one in written.items() if key in _COMMON and "{" not in repr(one)}
    id_ = _usual_id(block)
    id_ = next(one for one in (id_, *(f"{id_[:50]}_{n}" for n in range(2, len(taken) + 3))) if one not in taken)
    known = isinstance(kind, str) and kind in plugins.kinds("monitors")
    table = {**own, "kind": kind if known else "file", "name": block}
    return {id_: StandIn(table, Block(block, "match" in written))}
