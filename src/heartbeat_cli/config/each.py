"""Blocks with `each`: what makes many components out of one.

A mistake in the configuration stops the block. A mistake in a file that `each` is read from is noted as unresolved: a
file that cannot be used costs the components of its block, an entry that is wrong costs itself alone.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from math import prod
from typing import Any

from heartbeat_cli.config.problems import Problems, format_value
from heartbeat_cli.domain.component import ID, ID_RULE
from heartbeat_cli.domain.record import Record

_RANGE = r"([0-9]{1,9})\.\.([0-9]{1,9})"
_MOST = 10_000  # components of one block
_MAX_BYTES = 4_000_000  # bytes of a file that `each` is read from
_NOTED = 3  # entries of a file that are named; more are counted
NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
_REFERENCES = ("env:", "file:")  # what is put together from values is none: only what is written is followed

Values = Mapping[str, Any]


class FromFiles(Record):
    """What the files say that `each` is read from: `rows`, the values of each component, by block; why a file cannot be
    used (`wrong`), and why an entry of it makes no component (`left_out`), by block; why a component cannot be checked
    of which an entry says too little (`lost`), by id."""

    rows: dict[str, list[Values]]
    wrong: dict[str, str]
    left_out: dict[str, str]
    lost: dict[str, str]


def is_from_file(table: Any) -> bool:
    """Whether a block has an `each` that is read from a file."""
    each = table.get("each") if isinstance(table, Mapping) else None
    return isinstance(each, Mapping) and each.keys() == {"from_file"} and isinstance(each["from_file"], str)


def components(
    block: str, table: Mapping[str, Any], problems: Problems, files: FromFiles
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The components of a block with `each`: id, and table without it. What a file says of them goes into `files`."""
    rest = {key: value for key, value in table.items() if key != "each"}
    where = f"components.{block}.each"
    if is_from_file(table):
        yield from _of_file(block, table["each"]["from_file"], rest, problems, files)
        return
    try:
        many = _values(table["each"], problems)
    except (OSError, ValueError) as wrong:
        problems.add(where, str(wrong))
        return
    seen = set()
    for values in many:
        id_ = str(fill(block, values))
        if id_ in seen:
            problems.add(where, _twice(id_))
            return
        seen.add(id_)
        yield id_, put(rest, values)


def _twice(id_: str) -> str:
    return f"makes two components {format_value(id_)}: put what tells them apart into the id"


# --- a file ------------------------------------------------------------------------------------------------------


def _of_file(
    block: str, path: str, rest: Values, problems: Problems, files: FromFiles
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The components that a file makes. An entry that makes none is left out, and noted; of one with wrong values there
    is a component as far as the others go, which is lost."""
    where = f"components.{block}.each"
    try:
        entries = _entries(path, problems)
    except (OSError, ValueError) as error:
        text = str(error)
        if isinstance(error, OSError):
            text = f"from_file: {path} cannot be read: {error.strerror}"
        problems.add_unresolved(where, text)
        files.wrong[block] = getattr(problems.unresolved[-1], "text", "")
        return
    good, seen, mistakes = list[Values](), set[str](), list[str]()
    for entry in entries:
        values, why = _sound(entry, path)
        id_ = str(fill(block, values))
        fits = id_ not in seen and re.fullmatch(ID, id_)
        if not fits:
            why = why or (_twice(id_) if id_ in seen else f"makes a component {format_value(id_)}: {ID_RULE}")
        if why:
            mistakes.append(why)
            line = problems.line(where, why)
            if len(mistakes) <= _NOTED:
                problems.unresolved.append(line)
            (files.lost if fits else files.left_out).setdefault(id_ if fits else block, line.text)
        if fits:
            seen.add(id_)
            good.append(values)
            yield id_, put(rest, values)
    if len(mistakes) > _NOTED:
        problems.add_unresolved(where, f"{len(mistakes) - _NOTED:,} more entries of the file are wrong")
    files.rows[block] = good


def _sound(entry: Any, path: str) -> tuple[Values, str]:
    """What the placeholders stand for in one component, and what is wrong with the rest of the entry."""
    if isinstance(entry, list) or entry is None:
        return {}, f"from_file: {path}: expected a text or a table, got {_kind_of(entry)}"
    values: dict[str, Any] = {}
    why = ""
    for key, value in entry.items() if isinstance(entry, Mapping) else (("name", entry),):
        wrong = _value_problem(key, value)
        if not wrong and isinstance(value, str) and value.startswith(_REFERENCES):
            wrong = f"from_file: {path}: {format_value(value)} is a reference: write it into the block"
        if wrong:
            why = why or wrong
        else:
            values[key] = value
    return values, why


def _entries(path: str, problems: Problems) -> list[Any]:
    """What stands in a JSON file: a list of tables, or of texts that {name} stands for. Raises ValueError, or OSError
    where it cannot be read."""
    import os

    from heartbeat_cli.domain import foreign_json
    from heartbeat_cli.system import trusted

    if not path:
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
    if len(found) > _MOST:
        raise ValueError(f"makes {len(found):,} components; {_MOST:,} at most")
    return found


# --- what is written ---------------------------------------------------------------------------------------------


def _values(each: Any, problems: Problems) -> list[Values]:
    """What the placeholders stand for, for each component. Raises ValueError."""
    if isinstance(each, Mapping) and each.keys() == {"from_file"}:
        raise ValueError("from_file: expected the path of a JSON file")
    rows = _product(each) if isinstance(each, Mapping) and each else each
    if not isinstance(rows, list) or not rows or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError(
            'expected a table, as in { n = "1..50" }, or a list of tables, as in [{ n = "a", port = 8000 }]'
        )
    if len(rows) > _MOST:
        raise ValueError(f"makes {len(rows):,} components; {_MOST:,} at most")
    for key, value in (pair for row in rows for pair in row.items()):
        if wrong := _value_problem(key, value):
            raise ValueError(wrong)
    return rows


def _value_problem(key: str, value: Any) -> str:
    if not re.fullmatch(NAME, key) or key == "id":
        return f"{format_value(key)} cannot be a placeholder: letters, digits and _, and not id"
    if not isinstance(value, str | int | float):
        return f"{key}: expected texts and numbers, got {_kind_of(value)}"
    return ""


def _kind_of(value: Any) -> str:
    return "a list" if isinstance(value, list) else "null" if value is None else "a table"


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


def put(value: Any, values: Values) -> Any:
    """A value with what the placeholders stand for, in every string of it."""
    if isinstance(value, str):
        return fill(value, values) if "{" in value else value
    if isinstance(value, Mapping):
        return {key: put(one, values) for key, one in value.items()}
    return [put(one, values) for one in value] if isinstance(value, list) else value


def fill(text: str, values: Values) -> Any:
    """A text with its placeholders filled in; a text that is nothing but one gives the value itself."""
    if not values:
        return text
    pattern = _pattern(tuple(values))
    if (whole := pattern.fullmatch(text)) and not isinstance(values[whole[1]], str):
        return values[whole[1]]
    filled = pattern.sub(lambda found: str(values[found[1]]), text)
    return text if filled.startswith(_REFERENCES) and not text.startswith(_REFERENCES) else filled


@cache
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("\\{(" + "|".join(names) + ")\\}")
