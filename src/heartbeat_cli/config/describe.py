"""Describes a settings class to a person: its keys, what they expect, their defaults and help."""

import re
from typing import Any, get_args

from heartbeat_cli.config.problems import expects, toml_value
from heartbeat_cli.config.settings import key_of
from heartbeat_cli.domain.record import Record

_HELP_LINE = r"^\s*(\w+): (.*)$"


class Field(Record):
    """One key of a settings class, for a reader: `default` is None for a required key; `keys` are those of the table
    that stands there, or of each table of a list."""

    key: str
    expects: str
    default: str | None
    help: str
    keys: tuple["Field", ...] = ()


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
        shown = None if key not in cls._field_defaults else "unset" if default is None else toml_value(default)
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
