"""Reads one TOML table into one typed, frozen settings class.

A settings class is a NamedTuple: annotations are the types, defaults are the defaults, the docstring's `key: text`
lines are the help. A field whose type is such a class is a table of its own. Problems are collected, not raised, so
that a user sees all at once.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from heartbeat_cli.config.problems import Problems, expects, format_value, suggestion
from heartbeat_cli.config.references import UnresolvedReference, follow
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import as_seconds
from heartbeat_cli.errors import PluginError
from heartbeat_cli.redact import is_name, is_secret, secret_parts, words_of

_MAX_NAME = 255  # characters of a name at most: what is longer, or has several lines, was meant for something else
_BLANKS: Mapping[Any, Any] = {str: "", int: 0, float: 0.0, Annotated: 0.0, bool: False, tuple: (), dict: {}}
_NONE: frozenset[str] = frozenset()
_MAX_NUMBER = 1e15  # beyond it neither arithmetic nor the stores are exact


def build(cls: Any, table: Mapping[str, Any], where: str, problems: Problems, also: Iterable[str] = ()) -> Any:
    """`cls` filled from `table`, or None when something in it is wrong, which is added to `problems`. `also` are more
    keys that may be in the table, to be suggested for a mistyped one."""
    found = build_partly(cls, table, where, problems, also)
    return None if found.wrong else found.settings


class Partly(Record):
    """Settings as far as they are right: a key of `wrong` (which may be unknown, or missing) has its default, or
    something of its type. None where there is no such thing. `right` are the keys that were given and are right."""

    settings: Any
    wrong: frozenset[str]
    right: frozenset[str]


def build_partly(
    cls: Any, table: Mapping[str, Any], where: str, problems: Problems, also: Iterable[str] = ()
) -> Partly:
    """`cls` filled from what is right in `table`, so that the rest can be checked in the same round."""
    fields, required = _fields(cls), _required(cls)
    values: dict[str, Any] = {}
    wrong = {key for key in table if key not in fields}
    for key in table if wrong else ():
        if key in wrong:
            problems.add(f"{where}.{key}", f"unknown key{_suggest_key(key, fields, also)}")
    for key in _in_order(cls, table, required):
        field = fields[key]
        kind, before = cls.__annotations__[field], len(problems.lines)
        if key not in table:
            problems.add(f"{where}.{key}", f"is required: {expects(kind)}")
        else:
            values[field] = convert(table[key], kind, f"{where}.{key}", problems, is_name(key))
        if len(problems.lines) > before:
            wrong.add(key)
            values.pop(field, None)
            if key in required and (blank := _BLANKS.get(get_origin(kind) or kind)) is not None:
                values[field] = blank
    if not wrong:
        return Partly(cls(**values), _NONE, frozenset(table))
    complete = all(fields[key] in values for key in required)
    return Partly(cls(**values) if complete else None, frozenset(wrong), frozenset(table) - wrong)


def _in_order(cls: Any, table: Mapping[str, Any], required: frozenset[str]) -> Iterable[str]:
    """The keys of a class that are in the table, or have to be, in the order of the class."""
    if len(table) == 1 and required <= table.keys() <= _fields(cls).keys():  # as of most components
        return table
    return [key for key in _fields(cls) if key in table or key in required]


def _suggest_key(key: str, own: Iterable[str], also: Iterable[str]) -> str:
    if close := suggestion(key, [*own, *sorted(also)], few=0):
        return close
    listed = suggestion(key, own)
    return f"{listed}, and those of `heartbeat kinds common`" if also and listed else listed


@cache  # a thousand components have the same few classes; likewise below
def _fields(cls: Any) -> Mapping[str, str]:
    """Every key of a settings class, and the field it is."""
    return {key_of(field): field for field in cls.__annotations__}


@cache
def _required(cls: Any) -> frozenset[str]:
    return frozenset(key for key, field in _fields(cls).items() if field not in cls._field_defaults)


@cache
def _shape(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(kind), get_args(kind)


def key_of(field: str) -> str:
    """The key a field is written as: `from` is no Python name, so its field is `from_`."""
    return field.rstrip("_")


def build_kind(
    module: Any, table: Mapping[str, Any], where: str, problems: Problems, also: Iterable[str] = ()
) -> tuple[Any, str | None]:
    """The settings of a kind, checked by its module too (None when something is wrong), and why they cannot be used at
    present: a reference in them is unresolved, or the module's optional `unavailable()` names what is missing."""
    if why := vars(module).get("BROKEN"):
        return None, _unchecked(why, table, where, problems)
    before = len(problems.unresolved)
    found = build_partly(module.Settings, table, where, problems, also)
    if len(problems.unresolved) == before:
        noted = len(problems.lines)
        try:
            check_kind(module, found.settings, where, problems)
        except PluginError as error:
            problems.add_unresolved(where, error.args[0])
        if found.wrong:
            problems.keep(noted, where, found.right)
        if (find := vars(module).get("unavailable")) is not None and (text := find()):
            problems.add_unresolved(where, text)
    reason = problems.unresolved[before] if len(problems.unresolved) > before else None
    return None if found.wrong else found.settings, reason


def _unchecked(why: str, table: Mapping[str, Any], where: str, problems: Problems) -> str:
    """Note that the kind of a table, a plug-in, cannot be used; its keys cannot be checked, but their secrets are known
    from then on. Returns why."""
    before = len(problems.unresolved)
    for key, value in table.items():
        convert(value, Any, f"{where}.{key}", problems, is_name(key))
    del problems.unresolved[before:]
    problems.add_unresolved(where, why)
    return problems.unresolved[before]


def check_kind(module: Any, settings: Any, where: str, problems: Problems) -> None:
    """Have a kind check what types cannot: its optional `problems(settings)`."""
    find_problems: Callable[[Any], Iterable[tuple[str, str]]] | None = vars(module).get("problems")
    if settings is not None and find_problems is not None:
        for key, text in find_problems(settings):
            problems.add(f"{where}.{key}" if key else where, text)


def convert(value: Any, kind: Any, where: str, problems: Problems, name: bool = False) -> Any:
    """`value` as `kind`; on a mismatch a problem is added and None returned. `name`: what a reference in it, or in a
    list of them, gives is no secret."""
    if not isinstance(value, str):
        return _typed(value, kind, where, value, problems, name)
    found = resolve(value, where, problems, name)
    if found is None:
        return value
    if kind is str and "\0" not in found:  # as nearly all
        return found
    return _typed(found, kind, where, value, problems, name)


def _typed(value: Any, kind: Any, where: str, written: Any, problems: Problems, name: bool) -> Any:
    """`written` is the value as the file has it: errors show the reference, never what it gave."""
    if kind is Any:  # somebody else's table: its texts may be references all the same
        if not isinstance(value, Mapping | list):
            return value
        kind = dict[str, Any] if isinstance(value, Mapping) else tuple[Any, ...]
    origin, args = _shape(kind)
    if origin in (Union, UnionType):
        fitting = _fitting(value, [arg for arg in args if arg is not NoneType])
        return _typed(value, fitting, where, written, problems, name)
    if origin is Annotated:
        return _seconds(value, where, written, problems)
    if origin is Literal:
        if value in args:
            return value
        wanted, got = ", ".join(map(str, args)), format_value(written, where)
        problems.add(where, f"expected one of {wanted}, got {got}{suggestion(value, args, few=0)}")
        return None
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(convert(item, args[0], f"{where}[{n}]", problems, name) for n, item in enumerate(value))
    if origin is dict and isinstance(value, Mapping):
        return {key: convert(item, args[1], f"{where}.{key}", problems, name) for key, item in value.items()}
    if hasattr(kind, "_fields") and isinstance(value, Mapping):
        return build(kind, value, where, problems)
    return _scalar(value, kind, where, written, problems)


def resolve(text: str, where: str, problems: Problems, name: bool = False) -> str | None:
    """`env:NAME` and `file:PATH` replaced by what they point at, which is a secret from then on, unless it is a `name`;
    None when they give nothing, which is noted as unresolved."""
    try:
        found = follow(text, problems.folder)
    except UnresolvedReference as nowhere:
        problems.add_unresolved(where, str(nowhere))
        return None
    value = text if found is None else found
    if found is not None and not (name and len(found) <= _MAX_NAME and "\n" not in found):
        problems.add_secret(text, found)
    elif found is None and not name and is_secret(where.rpartition(".")[2]):
        problems.secrets.add(value)
    if value in problems.secrets:
        problems.secrets |= words_of(value, where)
    if parts := secret_parts(value):
        problems.secrets |= parts
    return value


def _fitting(value: Any, kinds: list[Any]) -> Any:
    """The member of a union that this value is meant for; the first one is used for the error."""
    for kind in kinds:
        base = get_origin(kind) or kind
        if isinstance(base, type) and isinstance(value, list if base is tuple else base):
            return kind
    return kinds[0]


def _seconds(value: Any, where: str, written: Any, problems: Problems) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _scalar(value, float, where, written, problems)
    try:
        seconds = as_seconds(value)
    except ValueError as wrong:
        problems.add(where, f"{wrong}; got {format_value(written, where)}")
        return None
    return _scalar(seconds, float, where, written, problems)


def _scalar(value: Any, kind: Any, where: str, written: Any, problems: Problems) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and kind in (int, float) and not -_MAX_NUMBER < value < _MAX_NUMBER:
        problems.add(where, f"expected an ordinary number, got {format_value(written, where)}")
    elif number and kind is float:
        return float(value)
    elif isinstance(value, str) and kind is str and "\0" in value:
        problems.add(where, "holds a NUL character, which nothing can use")
    elif isinstance(kind, type) and isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    else:
        problems.add(where, f"expected {expects(kind)}, got {format_value(written, where)}")
    return None
