"""Components as they are written, in full: `[defaults]` filled in, and a block with `each` made into many.

A component's own keys go first, then those of `[defaults.<kind>]`, then those of `[defaults]`. In a block with `each`
the placeholders of its names stand in any string, the id included; a string that is nothing but a placeholder becomes
the value itself, so that `port = "{port}"` is a number where the value is one. There and in `[defaults]` `{id}` is the
component's id.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.config import each
from heartbeat_cli.config.each import FromFiles, Values, fill, is_from_file, put
from heartbeat_cli.config.problems import Problems, format_value, suggestion
from heartbeat_cli.domain.component import ID, Common
from heartbeat_cli.domain.record import Record

COMMON = frozenset(Common.__annotations__) | {"recovery"}  # keys that every kind takes, and [defaults] with it

Rows = Mapping[str, list[Values]]


class Expanded(Record):
    """The tables of all components by id; of those that a block with `each` made, the id of the block; and the blocks
    whose `each` is read from a file, with their kinds. `rows` are what the files hold, by block; `lost` says why
    components cannot be checked of which the file says nothing now, or not enough, by id; `partly` are the blocks of
    whose file not every entry makes a component."""

    tables: dict[str, Any]
    blocks: dict[str, str]
    fleets: Mapping[str, Any]
    rows: Mapping[str, Any] = {}
    lost: Mapping[str, str] = {}
    partly: frozenset[str] = frozenset()


def components(
    tables: Mapping[str, Any], defaults: Any, problems: Problems, remembered: Callable[[], Rows] = dict
) -> Expanded:
    """The components in full. A file that `each` is read from stops only its own block: that is noted as unresolved,
    and what the file held last (`remembered`) stays as lost. An entry of it that is wrong stops only itself."""
    filled = _defaults(defaults, problems)
    if not filled and not any(isinstance(table, Mapping) and "each" in table for table in tables.values()):
        return Expanded(dict(tables), {}, {})
    found: dict[str, Any] = {}
    blocks: dict[str, str] = {}
    fleets = {block: table.get("kind") for block, table in tables.items() if is_from_file(table)}
    files = FromFiles({}, {}, {}, {})
    for block, table in tables.items():
        for id_, one in list(_made(block, table, filled, problems, files)):
            if id_ in found or (id_ != block and id_ in tables):
                other = blocks.get(id_, id_)
                yields, stays = (other, block) if other in fleets and block not in fleets else (block, other)
                note = problems.add_unresolved if yields in fleets else problems.add  # what is written goes first
                note(f"components.{yields}", f"makes a component {format_value(id_)}, as {format_value(stays)} does")
                if yields in fleets:
                    files.left_out.setdefault(yields, getattr(problems.unresolved[-1], "text", ""))
                if yields == block:
                    continue
            found[id_] = one
            blocks.pop(id_, None)
            if id_ != block:
                blocks[id_] = block
    lost = _lost(tables, filled, files, remembered, found, blocks)
    return Expanded(found, blocks, fleets, files.rows, lost, frozenset(files.left_out))


def _lost(
    tables: Mapping[str, Any],
    defaults: Values,
    files: FromFiles,
    remembered: Callable[[], Rows],
    found: dict[str, Any],
    blocks: dict[str, str],
) -> dict[str, str]:
    """Why components cannot be checked of which a file says nothing, or not enough, by id; those that are not there
    yet are put into `found`. One component stands for a block of which nothing is known, and for the entries that are
    left out: what cannot be seen is not left out as if it were well."""
    lost = {id_: why for id_, why in files.lost.items() if blocks.get(id_, id_) in files.rows}
    if not files.wrong and not files.left_out:
        return lost
    from heartbeat_cli.config import fleets

    before = remembered() if files.wrong else {}
    for block, why in {**files.left_out, **files.wrong}.items():
        table = {**_usual(defaults, tables[block].get("kind")), **tables[block]}
        rest = {key: value for key, value in table.items() if key != "each"}
        rows = before.get(block, ()) if block in files.wrong else ()
        more = {str(fill(block, row)): put(rest, row) for row in rows}
        more = {id_: put(one, {"id": id_}) for id_, one in more.items() if re.fullmatch(ID, id_)}
        more = {id_: one for id_, one in more.items() if id_ not in found and id_ not in tables}
        more = more or fleets.stand_in(block, table, {**tables, **found})
        found |= more
        blocks |= dict.fromkeys(more, block)
        lost |= dict.fromkeys(more, why)
    return lost


def may_make(name: str, fleets: Mapping[str, Any]) -> bool:
    """Whether an id, a kind or a glob may name a component of these blocks, whatever the files hold."""
    first = re.split(r"[*?\[]", name)[0]
    for block, kind in fleets.items():
        parts = re.split(rf"\{{{each.NAME}\}}", block)
        if name == kind or re.fullmatch(".+".join(map(re.escape, parts)), name):
            return True
        if first != name and (first.startswith(parts[0]) or parts[0].startswith(first) or fnmatchcase(block, name)):
            return True
    return False


def _made(block: str, table: Any, defaults: Values, problems: Problems, files: FromFiles) -> Iterator[tuple[str, Any]]:
    """The components of one block: id and whole table; what a file says goes into `files`."""
    if not isinstance(table, Mapping):
        yield block, table
        return
    usual = _usual(defaults, table.get("kind"))
    if "match" in table:  # the components that it stands for fill in their own ids
        yield from (
            each.components(block, {**usual, **table}, problems, files)
            if "each" in table
            else ((block, {**usual, **table}),)
        )
        return
    if "each" not in table:
        yield block, {**put(usual, {"id": block}), **table}  # what its own strings hold stands for itself
        return
    for id_, one in each.components(block, {**usual, **table}, problems, files):
        yield id_, put(one, {"id": id_})


def origin(key: str, block: Any, defaults: Any) -> str | None:
    """Where a key of a component comes from, if it is not its own table: `defaults.<kind>` or `defaults`."""
    if not isinstance(block, Mapping) or key in block or not isinstance(defaults, Mapping):
        return None
    kind = block.get("kind")
    of_kind = defaults.get(kind) if isinstance(kind, str) else None
    if isinstance(of_kind, Mapping) and key in of_kind:
        return f"defaults.{kind}"
    return "defaults" if key in defaults and key in COMMON else None


def _defaults(defaults: Any, problems: Problems) -> Mapping[str, Any]:
    """`[defaults]` without what it cannot hold, which is noted."""
    if not isinstance(defaults, Mapping):
        problems.add("defaults", "expected a section, as in [defaults]")
        return {}
    found: dict[str, Any] = {}
    for key, value in defaults.items():
        is_kind = key not in COMMON and plugins.is_kind("monitors", key)
        if key in COMMON or (is_kind and isinstance(value, Mapping) and not value.keys() & {"kind", "each"}):
            found[key] = value
        elif is_kind:
            problems.add(f"defaults.{key}", "expected a table of keys, without kind and each")
        else:
            close = suggestion(key, [*COMMON, *plugins.known("monitors")], few=0)
            problems.add(f"defaults.{key}", f"unknown: neither a key of every component nor a kind{close}")
    return found


def _usual(defaults: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    common = {key: value for key, value in defaults.items() if key in COMMON}
    own = defaults.get(kind) if isinstance(kind, str) and kind not in COMMON else None
    return {**common, **(own or {})}
