"""Components as they are written, in full: `[defaults]` filled in, and a block with `each` made into many.

A component's own keys go first, then those of `[defaults.<kind>]`, then those of `[defaults]`. In a block with `each`
the placeholders of its names stand in any string, the id included; a string that is nothing but a placeholder becomes
the value itself, so that `port = "{port}"` is a number where the value is one. There and in `[defaults]` `{id}` is the
component's id.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from itertools import product
from math import prod
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.config.problems import Problems, format_value, suggestion
from heartbeat_cli.domain.component import ID, ID_RULE, Common
from heartbeat_cli.domain.record import Record

_RANGE = r"([0-9]{1,9})\.\.([0-9]{1,9})"
_MOST = 10_000  # components of one block
_MAX_BYTES = 4_000_000  # bytes of a file that `each` is read from
_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
COMMON = frozenset(Common.__annotations__) | {"recovery"}  # keys that every kind takes, and [defaults] with it
_REFERENCES = ("env:", "file:")  # what is put together from values is none: only what is written is followed

Values = Mapping[str, Any]
Rows = Mapping[str, list[Values]]


class Expanded(Record):
    """The tables of all components by id; of those that a block with `each` made, the id of the block; and the blocks
    whose `each` is read from a file, with their kinds. `rows` are what the files hold, by block; `lost` says why
    components are there of which the file says nothing now, by id."""

    tables: dict[str, Any]
    blocks: dict[str, str]
    fleets: Mapping[str, Any]
    rows: Mapping[str, Any] = {}
    lost: Mapping[str, str] = {}


def components(
    tables: Mapping[str, Any], defaults: Any, problems: Problems, remembered: Callable[[], Rows] = dict
) -> Expanded:
    """The components in full. A file that `each` is read from stops only its own block: that is noted as unresolved,
    and what the file held last (`remembered`) stays as lost."""
    filled = _defaults(defaults, problems)
    if not filled and not any(isinstance(table, Mapping) and "each" in table for table in tables.values()):
        return Expanded(dict(tables), {}, {})
    found: dict[str, Any] = {}
    blocks: dict[str, str] = {}
    fleets = {block: table.get("kind") for block, table in tables.items() if _is_fleet(table)}
    rows, wrong = dict[str, Any](), dict[str, str]()
    for block, table in tables.items():
        noted = len(problems.unresolved)
        made = list(_made(block, table, filled, problems, rows))
        if len(problems.unresolved) > noted:
            wrong[block] = getattr(problems.unresolved[noted], "text", "")
            rows.pop(block, None)
        for id_, one in made:
            if id_ in found or (id_ != block and id_ in tables):
                other = blocks.get(id_, id_)
                yields, stays = (other, block) if other in fleets and block not in fleets else (block, other)
                note = problems.add_unresolved if yields in fleets else problems.add  # what is written goes first
                note(f"components.{yields}", f"makes a component {format_value(id_)}, as {format_value(stays)} does")
                if yields == block:
                    continue
            found[id_] = one
            blocks.pop(id_, None)
            if id_ != block:
                blocks[id_] = block
    return Expanded(found, blocks, fleets, rows, _lost(tables, filled, wrong, remembered, found, blocks))


def _lost(
    tables: Mapping[str, Any],
    defaults: Values,
    wrong: Mapping[str, str],
    remembered: Callable[[], Rows],
    found: dict[str, Any],
    blocks: dict[str, str],
) -> dict[str, str]:
    """Why components are lost whose file is `wrong`, by id; they are put into `found`. Where nothing of a block is
    known, one component stands for it: what cannot be seen is not left out as if it were well."""
    if not wrong:
        return {}
    from heartbeat_cli.config import fleets

    before, lost = remembered(), dict[str, str]()
    for block, why in wrong.items():
        table = {**_usual(defaults, tables[block].get("kind")), **tables[block]}
        rest = {key: value for key, value in table.items() if key != "each"}
        more = {str(_filled(block, row)): put(rest, row) for row in before.get(block, ())}
        more = {id_: put(one, {"id": id_}) for id_, one in more.items() if re.fullmatch(ID, id_)}
        more = {id_: one for id_, one in more.items() if id_ not in found and id_ not in tables}
        if not more and block not in blocks.values():
            more = fleets.stand_in(block, table, {**tables, **found})
        found |= more
        blocks |= dict.fromkeys(more, block)
        lost |= dict.fromkeys(more, why)
    return lost


def may_make(name: str, fleets: Mapping[str, Any]) -> bool:
    """Whether an id, a kind or a glob may name a component of these blocks, whatever the files hold."""
    first = re.split(r"[*?\[]", name)[0]
    for block, kind in fleets.items():
        parts = re.split(rf"\{{{_NAME}\}}", block)
        if name == kind or re.fullmatch(".+".join(map(re.escape, parts)), name):
            return True
        if first != name and (first.startswith(parts[0]) or parts[0].startswith(first) or fnmatchcase(block, name)):
            return True
    return False


def _made(
    block: str, table: Any, defaults: Values, problems: Problems, rows: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    """The components of one block: id and whole table; what a file holds goes into `rows`."""
    if not isinstance(table, Mapping):
        yield block, table
        return
    usual = _usual(defaults, table.get("kind"))
    if "match" in table:  # the components that it stands for fill in their own ids
        yield from (
            _each(block, {**usual, **table}, problems, rows) if "each" in table else ((block, {**usual, **table}),)
        )
        return
    if "each" not in table:
        yield block, {**put(usual, {"id": block}), **table}  # what its own strings hold stands for itself
        return
    for id_, one in _each(block, {**usual, **table}, problems, rows):
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


# --- each --------------------------------------------------------------------------------------------------------


def _is_fleet(table: Any) -> bool:
    """Whether a block has an `each` that is read from a file."""
    each = table.get("each") if isinstance(table, Mapping) else None
    return isinstance(each, Mapping) and each.keys() == {"from_file"} and isinstance(each["from_file"], str)


def _each(
    block: str, table: Mapping[str, Any], problems: Problems, rows: dict[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The components of a block with `each`: id, and table without it."""
    where, fleet = f"components.{block}.each", _is_fleet(table)
    note = problems.add_unresolved if fleet else problems.add  # as of a secret that is away: the others are watched
    try:
        many = _values(table["each"], problems)
    except OSError as error:
        note(where, f"from_file: {table['each']['from_file']} cannot be read: {error.strerror}")
        return
    except ValueError as wrong:
        note(where, str(wrong))
        return
    if fleet:
        rows[block] = many
    rest = {key: value for key, value in table.items() if key != "each"}
    seen = set()
    for values in many:
        id_ = str(_filled(block, values))
        if id_ in seen:
            note(where, f"makes two components {format_value(id_)}: put what tells them apart into the id")
            return
        seen.add(id_)
        if fleet and not re.fullmatch(ID, id_):
            note(where, f"makes a component {format_value(id_)}: {ID_RULE}")
            continue
        yield id_, put(rest, values)


def _values(each: Any, problems: Problems) -> list[Values]:
    """What the placeholders stand for, for each component. Raises ValueError, or OSError where a file cannot be
    read."""
    if isinstance(each, Mapping) and each.keys() == {"from_file"}:
        each = _from_file(each["from_file"], problems)
        if each == []:
            return []  # a fleet may be scaled to nothing
    rows = _product(each) if isinstance(each, Mapping) and each else each
    if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError(
            'expected a table, as in { n = "1..50" }, or a list of tables, as in [{ n = "a", port = 8000 }]'
        )
    if len(rows) > _MOST:
        raise ValueError(f"makes {len(rows):,} components; {_MOST:,} at most")
    for key, value in (pair for row in rows for pair in row.items()):
        if not re.fullmatch(_NAME, key) or key == "id":
            raise ValueError(f"{format_value(key)} cannot be a placeholder: letters, digits and _, and not id")
        if not isinstance(value, str | int | float):
            kind = "a list" if isinstance(value, list) else "null" if value is None else "a table"
            raise ValueError(f"{key}: expected texts and numbers, got {kind}")
    return rows


def _product(each: Mapping[str, Any]) -> list[Values]:
    """Every value of a name with every value of the others."""
    choices = [_choices(key, given) for key, given in each.items()]
    if (total := prod(map(len, choices))) > _MOST:
        raise ValueError(f"makes {total:,} components; {_MOST:,} at most")
    return [dict(zip(each, row, strict=True)) for row in product(*choices)]


def _choices(key: str, given: Any) -> list[Any]:
    if isinstance(given, list) and given:
        return given
    if isinstance(given, str) and (found := re.fullmatch(_RANGE, given)):
        first, last = int(found[1]), int(found[2])
        if not first <= last < first + _MOST:
            raise ValueError(f"{key}: expected a range of 1 to {_MOST:,} numbers, got {format_value(given)}")
        width = len(found[1]) if found[1].startswith("0") else 0  # 01..12 keeps its zeros
        return [f"{n:0{width}d}" if width else n for n in range(first, last + 1)]
    raise ValueError(f'{key}: expected a range as in "1..50", or a list, got {format_value(given)}')


def _from_file(path: Any, problems: Problems) -> Any:
    """What stands in a JSON file: a list of tables, or of texts that {name} stands for."""
    import os

    from heartbeat_cli.domain import foreign_json
    from heartbeat_cli.system import trusted

    if not isinstance(path, str) or not path:
        raise ValueError("from_file: expected the path of a JSON file")
    data = trusted.read(problems.folder / os.path.expanduser(path), _MAX_BYTES)
    if len(data) > _MAX_BYTES:
        raise ValueError(f"from_file: {path} is larger than {_MAX_BYTES // 1_000_000} MB")
    try:
        found = foreign_json.parse(data)
    except foreign_json.NotJson as error:
        raise ValueError(f"from_file: {path} {error}") from None
    if not isinstance(found, list):
        raise ValueError(f"from_file: {path}: expected a JSON list")
    rows = [one if isinstance(one, Mapping) else {"name": one} for one in found]
    for value in (value for row in rows for value in row.values()):
        if isinstance(value, str) and value.startswith(_REFERENCES):
            raise ValueError(f"from_file: {path}: {format_value(value)} is a reference: write it into the block")
    return rows


def put(value: Any, values: Values) -> Any:
    """A value with what the placeholders stand for, in every string of it."""
    if isinstance(value, str):
        return _filled(value, values) if "{" in value else value
    if isinstance(value, Mapping):
        return {key: put(one, values) for key, one in value.items()}
    return [put(one, values) for one in value] if isinstance(value, list) else value


def _filled(text: str, values: Values) -> Any:
    pattern = _pattern(tuple(values))
    if (whole := pattern.fullmatch(text)) and not isinstance(values[whole[1]], str):
        return values[whole[1]]
    filled = pattern.sub(lambda found: str(values[found[1]]), text)
    return text if filled.startswith(_REFERENCES) and not text.startswith(_REFERENCES) else filled


@cache
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("\\{(" + "|".join(names) + ")\\}")
