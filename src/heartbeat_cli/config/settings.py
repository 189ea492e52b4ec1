"""Reads one TOML table into one typed, frozen settings class, and describes such a class to a person.

A settings class is a NamedTuple: annotations are the types, defaults are the defaults, the docstring's `key: text`
lines are the help. A field whose type is such a class is a table of its own. Problems are collected, not raised, so
that a user sees all at once.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from heartbeat_cli.config.references import UnresolvedReference, follow
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.redact import is_name, is_secret, redact, secret_parts, tokens, worth_hiding

_SHARED_CHARACTERS = 6  # characters in a row that a line and a secret must not have in common
_MAX_NAME = 255  # characters of a name at most: what is longer, or has several lines, was meant for something else
_MAX_LINE = 1_000
_MAX_NUMBER = 1e15  # beyond it neither arithmetic nor the stores are exact
_HELP_LINE = r"^\s*(\w+): (.*)$"
_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false", NoneType: "nothing"}


class Problems:
    """Collects `file: key: what is wrong` lines, and the secrets that were read (to be redacted everywhere).

    `lines` are mistakes in the file. `unresolved` are `env:` and `file:` references that give nothing at present: the
    file may be right all the same, so a caller can go on without what needs them.
    """

    def __init__(self, source: str, folder: Path | None = None) -> None:
        self.source = source
        self.folder = folder or Path.cwd()
        self.lines: list[str] = []
        self.unresolved: list[str] = []
        self.secrets: set[str] = set()
        self._given: dict[str, str] = {}  # what references gave, and the references

    def add(self, key: str, text: str) -> None:
        self.lines.append(self._line(key, text))

    def add_unresolved(self, key: str, text: str) -> None:
        self.unresolved.append(self._line(key, text))

    def add_secret(self, reference: str, value: str) -> None:
        """Note a value that `env:` or `file:` gave: no line ever shows a part of it."""
        self.secrets.add(value)
        self._given[value] = reference

    def _line(self, key: str, text: str) -> str:
        """One line, whatever the file contains, without values that `env:` or `file:` gave."""
        hidden = redact(text, worth_hiding(self.secrets))
        for value, reference in self._given.items():
            if _reveals_part(hidden, value):
                hidden = f"what {reference} gives cannot be used here"
        line = f"{self.source}: {key}: {hidden}" if key else f"{self.source}: {hidden}"
        return one_line(line, _MAX_LINE)


def _reveals_part(text: str, value: str) -> bool:
    """Whether a text contains a part of a value, in upper or lower case."""
    small, value = text.casefold(), value.casefold()
    return any(small[at : at + _SHARED_CHARACTERS] in value for at in range(len(small) - _SHARED_CHARACTERS + 1))


class Field(NamedTuple):
    """One key of a settings class, for a reader: `default` is None for a required key; `keys` are those of the table
    that stands there, or of each table of a list."""

    key: str
    expects: str
    default: str | None
    help: str
    keys: tuple["Field", ...] = ()


def build(cls: Any, table: Mapping[str, Any], where: str, problems: Problems, also: Iterable[str] = ()) -> Any:
    """`cls` filled from `table`, or None when something in it is wrong, which is added to `problems`. `also` are more
    keys that may be in the table, to be suggested for a mistyped one."""
    before = len(problems.lines)
    fields, required = _fields(cls), _required(cls)
    values = {}
    for key in table:
        if key not in fields:
            problems.add(f"{where}.{key}", f"unknown key{_suggest_key(key, fields, also)}")
    for key in [key for key in fields if key in table or key in required]:  # in the order of the class
        kind = cls.__annotations__[fields[key]]
        if key in table:
            values[fields[key]] = convert(table[key], kind, f"{where}.{key}", problems, is_name(key))
        else:
            problems.add(f"{where}.{key}", f"is required: {expects(kind)}")
    return cls(**values) if len(problems.lines) == before else None


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
    before = len(problems.unresolved)
    settings = build(module.Settings, table, where, problems, also)
    if len(problems.unresolved) == before:
        check_kind(module, settings, where, problems)
        if text := getattr(module, "unavailable", str)():
            problems.add_unresolved(where, text)
    return settings, problems.unresolved[before] if len(problems.unresolved) > before else None


def check_kind(module: Any, settings: Any, where: str, problems: Problems) -> None:
    """Have a kind check what types cannot: its optional `problems(settings)`."""
    find_problems: Callable[[Any], Iterable[tuple[str, str]]] | None = getattr(module, "problems", None)
    if settings is not None and find_problems is not None:
        for key, text in find_problems(settings):
            problems.add(f"{where}.{key}" if key else where, text)


def convert(value: Any, kind: Any, where: str, problems: Problems, name: bool = False) -> Any:
    """`value` as `kind`; on a mismatch a problem is added and None returned. `name`: what a reference in it, or in a
    list of them, gives is no secret."""
    if not isinstance(value, str):
        return _typed(value, kind, where, value, problems, name)
    found = resolve(value, where, problems, name)
    return value if found is None else _typed(found, kind, where, value, problems, name)


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
    if origin is Literal:
        if value in args:
            return value
        problems.add(
            where,
            f"expected one of {', '.join(map(str, args))}, got {format_value(written)}{suggestion(value, args, few=0)}",
        )
        return None
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(convert(item, args[0], f"{where}[{n}]", problems, name) for n, item in enumerate(value))
    if origin is dict and isinstance(value, Mapping):
        return {key: convert(item, args[1], f"{where}.{key}", problems) for key, item in value.items()}
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
    elif found is None and is_secret(where.rpartition(".")[2]):
        problems.secrets.add(value)
    if value in problems.secrets and "://" in value:
        problems.secrets |= tokens(value)
    problems.secrets |= secret_parts(value)
    return value


def _fitting(value: Any, kinds: list[Any]) -> Any:
    """The member of a union that this value is meant for; the first one is used for the error."""
    for kind in kinds:
        base = get_origin(kind) or kind
        if isinstance(base, type) and isinstance(value, list if base is tuple else base):
            return kind
    return kinds[0]


def _scalar(value: Any, kind: Any, where: str, written: Any, problems: Problems) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and kind in (int, float) and not -_MAX_NUMBER < value < _MAX_NUMBER:
        problems.add(where, f"expected an ordinary number, got {format_value(written)}")
    elif number and kind is float:
        return float(value)
    elif isinstance(value, str) and kind is str and "\0" in value:
        problems.add(where, "holds a NUL character, which nothing can use")
    elif isinstance(kind, type) and isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    else:
        problems.add(where, f"expected {expects(kind)}, got {format_value(written)}")
    return None


def format_value(value: Any) -> str:
    """A value of the file, for an error line."""
    return one_line(repr(value) if isinstance(value, float) else _toml(value), 60)


def suggestion(word: object, known: Iterable[object], few: int = 20) -> str:
    """`; did you mean …?` when a known word is close, else the known ones when they are few."""
    import difflib

    names = [str(name) for name in known]
    close = difflib.get_close_matches(word[:200], names, 1) if isinstance(word, str) else []
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= few else ""


def expects(kind: Any) -> str:
    """A type in words: `a number`, `one of a, b`, `a list of strings`."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(expects(arg) for arg in args if arg is not NoneType)
    if origin is Literal:
        return "one of " + ", ".join(map(str, args))
    if origin is tuple:
        return f"a list, {expects(args[0])} each"
    if origin is dict:
        return "a table" if args[1] is Any else f"a table, {expects(args[1])} each"
    return "a table" if hasattr(kind, "_fields") else _NAMES.get(kind, getattr(kind, "__name__", str(kind)))


def table_class(kind: Any) -> Any:
    """The settings class of the table, or of each table of the list, that a key of this type takes; else None."""
    classes = (table_class(arg) for arg in get_args(kind))
    return kind if hasattr(kind, "_fields") else next((one for one in classes if one), None)


def describe(cls: Any) -> list[Field]:
    """Every key of a settings class with its type, default and help, as `heartbeat kinds` shows them."""
    texts = help_texts(cls)
    found = []
    for key, kind in cls.__annotations__.items():
        default = cls._field_defaults.get(key)
        shown = None if key not in cls._field_defaults else "unset" if default is None else _toml(default)
        keys = describe(inner) if (inner := table_class(kind)) else ()
        found.append(Field(key_of(key), expects(kind), shown, texts.get(key_of(key), ""), tuple(keys)))
    return found


def help_texts(cls: Any) -> dict[str, str]:
    """The `key: text` lines of a settings class's docstring, continuation lines joined."""
    texts: dict[str, str] = {}
    keys = {key_of(field) for field in cls.__annotations__}
    last = ""
    for line in (cls.__doc__ or "").splitlines():
        if (match := re.match(_HELP_LINE, line)) and match[1] in keys:
            last = match[1]
            texts[last] = match[2].strip()
        elif last and line.strip():
            texts[last] += " " + line.strip()
        else:
            last = ""
    return texts


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)
