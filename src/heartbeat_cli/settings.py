"""Read one TOML table into one typed, frozen settings class, and describe such a class to a person.

A settings class is a NamedTuple: annotations are the types, defaults are the defaults, the docstring's
`key: text` lines are the help. Every problem is collected, none raised, so that a user sees all at once.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from heartbeat_cli.redact import secret_parts

_SECRET_KEY = re.compile(r"token|password|secret|authorization|api_?key", re.I)
_HELP_LINE = re.compile(r"^\s*(\w+): (.*)$")
_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    NoneType: "nothing",
}


class Problems:
    """Collects `file: key: what is wrong` lines, and the secrets met on the way (to be redacted everywhere)."""

    def __init__(self, source: str, folder: Path | None = None) -> None:
        self.source = source
        self.folder = folder or Path.cwd()
        self.lines: list[str] = []
        self.secrets: set[str] = set()

    def add(self, key: str, text: str) -> None:
        self.lines.append(f"{self.source}: {key}: {text}" if key else f"{self.source}: {text}")


class Field(NamedTuple):
    """One key of a settings class, for a reader: `default` is None for a required key."""

    key: str
    expects: str
    default: str | None
    help: str


def build(cls: Any, table: Mapping[str, Any], where: str, problems: Problems) -> Any:
    """`cls` filled from `table`, or None when something in it is wrong (then `problems` says what)."""
    before = len(problems.lines)
    fields = {key_of(field): field for field in cls.__annotations__}
    for key in table:
        if key not in fields:
            problems.add(f"{where}.{key}", f"unknown key{nearest(key, fields)}")
    values = {}
    for key, field in fields.items():
        kind = cls.__annotations__[field]
        if key in table:
            values[field] = convert(table[key], kind, f"{where}.{key}", problems)
        elif field not in cls._field_defaults:
            problems.add(f"{where}.{key}", f"is required: {expects(kind)}")
    return cls(**values) if len(problems.lines) == before else None


def key_of(field: str) -> str:
    """The key a field is written as: `from` is no Python name, so its field is `from_`."""
    return field.rstrip("_")


def check(module: Any, settings: Any, where: str, problems: Problems) -> None:
    """Let the plugin judge what types cannot: its optional `problems(settings)`."""
    judge: Callable[[Any], Iterable[tuple[str, str]]] | None = getattr(module, "problems", None)
    if settings is not None and judge is not None:
        for key, text in judge(settings):
            problems.add(f"{where}.{key}" if key else where, text)


def convert(value: Any, kind: Any, where: str, problems: Problems) -> Any:
    """`value` as `kind`; on a mismatch a problem is added and None returned."""
    if isinstance(value, str):
        value = resolve(value, where, problems)
        if value is None:
            return None
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        kinds = [arg for arg in args if arg is not NoneType]
        return convert(value, _fitting(value, kinds), where, problems)
    if origin is Literal:
        if value in args:
            return value
        problems.add(where, f"expected one of {', '.join(map(str, args))}; got {value!r}{nearest(value, args)}")
        return None
    if origin is tuple:
        return _sequence(value, args[0], where, problems)
    if origin is dict:
        return _table(value, args[1], where, problems)
    return _scalar(value, kind, where, problems)


def resolve(text: str, where: str, problems: Problems) -> str | None:
    """`env:NAME` and `file:PATH` replaced by what they point at; that is a secret from then on."""
    if text.startswith("env:"):
        found = os.environ.get(text[4:])
        if found is None:
            problems.add(where, f"environment variable {text[4:]} is not set (cron starts with almost none)")
            return None
    elif text.startswith("file:"):
        try:
            found = problems.folder.joinpath(text[5:]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            problems.add(where, f"cannot read {text[5:]}: {reason}")
            return None
    else:
        problems.secrets |= {text} if _SECRET_KEY.search(where.rpartition(".")[2]) else secret_parts(text)
        return text
    problems.secrets |= {found} | secret_parts(found)
    return found


def _fitting(value: Any, kinds: list[Any]) -> Any:
    """The member of a union that this value is meant for; the first one words the error."""
    for kind in kinds:
        base = get_origin(kind) or kind
        if isinstance(base, type) and isinstance(value, list if base is tuple else base):
            return kind
    return kinds[0]


def _scalar(value: Any, kind: Any, where: str, problems: Problems) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool):
        if isinstance(value, float) and not (-1e15 < value < 1e15):
            problems.add(where, f"expected an ordinary number, got {value}")
            return None
        return value
    problems.add(where, f"expected {_NAMES.get(kind, kind)}, got {_shown(value)}")
    return None


def _sequence(value: Any, kind: Any, where: str, problems: Problems) -> Any:
    if not isinstance(value, list | tuple):
        problems.add(where, f"expected a list ({_NAMES.get(kind, 'items')} each), got {_shown(value)}")
        return None
    return tuple(convert(item, kind, f"{where}[{n}]", problems) for n, item in enumerate(value))


def _table(value: Any, kind: Any, where: str, problems: Problems) -> Any:
    if not isinstance(value, Mapping):
        problems.add(where, f"expected a table, got {_shown(value)}")
        return None
    return {key: convert(item, kind, f"{where}.{key}", problems) for key, item in value.items()}


def _shown(value: Any) -> str:
    return f"{value!r}"[:60]


def nearest(word: object, known: Iterable[object]) -> str:
    """`; did you mean …?` when something known is close, else the known ones when they are few."""
    import difflib

    names = [str(name) for name in known]
    close = difflib.get_close_matches(str(word), names, 1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= 20 else ""


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
        return f"a table, {expects(args[1])} each"
    return _NAMES.get(kind, getattr(kind, "__name__", str(kind)))


def describe(cls: Any) -> list[Field]:
    """Every key of a settings class with its type, default and help, as `heartbeat kinds` shows them."""
    texts = help_texts(cls)
    found = []
    for key, kind in cls.__annotations__.items():
        default = cls._field_defaults.get(key)
        shown = None if key not in cls._field_defaults else "unset" if default is None else _toml(default)
        found.append(Field(key_of(key), expects(kind), shown, texts.get(key_of(key), "")))
    return found


def help_texts(cls: Any) -> dict[str, str]:
    """The `key: text` lines of a settings class's docstring, continuation lines joined."""
    texts: dict[str, str] = {}
    keys = {key_of(field) for field in cls.__annotations__}
    last = ""
    for line in (cls.__doc__ or "").splitlines():
        if (match := _HELP_LINE.match(line)) and match[1] in keys:
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
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)
