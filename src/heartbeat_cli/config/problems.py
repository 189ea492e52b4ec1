"""What is wrong with a configuration: collected, not raised, so that a user sees all at once, and put into words."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.redact import SENT, is_secret, keys_of, redact, worth_hiding

_SHARED_CHARACTERS = 6  # characters in a row that a line and a secret must not have in common
_MAX_LINE = 1_000
_TYPES = {str: "a string", int: "a number", float: "a number", bool: "true or false", list: "a list", dict: "a table"}
_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false", NoneType: "nothing"}


class Problem(str):
    """One line of what is wrong: `source: key: text`. The key is that of the effective configuration."""

    source: str
    key: str
    text: str

    @classmethod
    def of(cls, source: str, key: str, text: str) -> "Problem":
        line = cls(one_line(f"{source}: {key}: {text}" if key else f"{source}: {text}", _MAX_LINE))
        line.source, line.key, line.text = source, key, one_line(text, _MAX_LINE)
        return line


class Problems:
    """Collects `file: key: what is wrong` lines, and the secrets that were read (to be redacted everywhere).

    `lines` are mistakes in the file. `unresolved` are `env:` and `file:` references that give nothing at present, and
    what is wrong in a file that `each` is read from: the configuration may be right all the same, so a caller can go on
    without what needs them.
    """

    def __init__(self, source: str, folder: Path | None = None, lines: Iterable[str] = ()) -> None:
        self.source = source
        self.folder = folder or Path.cwd()
        self.lines: list[str] = list(lines)
        self.unresolved: list[str] = []
        self.secrets: set[str] = set()
        self._given: dict[str, str] = {}  # what references gave, and the references

    def add(self, key: str, text: str) -> None:
        self.lines.append(self.line(key, text))

    def add_unresolved(self, key: str, text: str) -> None:
        self.unresolved.append(self.line(key, text))

    def demote(self, since: int) -> str | None:
        """Count what was noted since `len(lines)` was that as unresolved; the first of it, None where there is none."""
        moved = self.lines[since:]
        del self.lines[since:]
        self.unresolved += moved
        return moved[0] if moved else None

    def keep(self, since: int, where: str, keys: Collection[str]) -> None:
        """Take back what was noted since `len(lines)` was that, but for what is about these keys of a table: what was
        found in settings of which others are wrong may be wrong for their sake."""
        names = tuple(f"{where}.{key}" for key in keys)
        about = tuple(name + end for name in names for end in (".", "["))
        self.lines[since:] = [
            one
            for one in self.lines[since:]
            if isinstance(one, Problem) and (one.key in names or one.key.startswith(about))
        ]

    def add_secret(self, reference: str, value: str) -> None:
        """Note a value that `env:` or `file:` gave: no line ever shows a part of it."""
        self.secrets.add(value)
        self._given[value] = reference

    def line(self, key: str, text: str) -> Problem:
        """One line, whatever the file contains, without values that `env:` or `file:` gave."""
        hidden = redact(text, worth_hiding(self.secrets))
        for value, reference in self._given.items():
            if _reveals_part(hidden, value):
                hidden = f"what {reference} gives cannot be used here"
        return Problem.of(self.source, key, hidden)


def _reveals_part(text: str, value: str) -> bool:
    """Whether a text contains a part of a value, in upper or lower case."""
    small, value = text.casefold(), value.casefold()
    return any(small[at : at + _SHARED_CHARACTERS] in value for at in range(len(small) - _SHARED_CHARACTERS + 1))


def format_value(value: Any, where: str = "") -> str:
    """A value of the file, for an error line; its type alone where it stands under a key (`where`) whose values may be
    secrets. What looks like a secret is hidden before the text is cut: half a password would look like a word."""
    if where and _may_be_secret(where):
        return _TYPES.get(type(value), "another type")
    text = repr(value) if isinstance(value, float) else toml_value(value)
    return one_line(redact(text), 60)


def _may_be_secret(where: str) -> bool:
    keys = keys_of(where)
    return not SENT.isdisjoint(keys) or any(map(is_secret, keys))


def suggestion(word: object, known: Iterable[object], few: int = 20) -> str:
    """`; did you mean …?` when a known word is close, else the known ones when they are few."""
    import difflib

    names = [str(name) for name in known]
    close = difflib.get_close_matches(word[:200], names, 1) if isinstance(word, str) else []
    if close:
        return Text("; did you mean {close}?", close=close[0])
    return Text("; known: {names}", names=listed(names)) if 0 < len(names) <= few else ""


def expects(kind: Any) -> str:
    """A type in words: `a number`, `one of a, b`, `a list of strings`."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(expects(arg) for arg in args if arg is not NoneType)
    if origin is Annotated:
        return "a duration"
    if origin is Literal:
        return "one of " + ", ".join(map(str, args))
    if origin is tuple:
        return f"a list, {expects(args[0])} each"
    if origin is dict:
        return "a table" if args[1] is Any else f"a table, {expects(args[1])} each"
    return "a table" if hasattr(kind, "_fields") else _NAMES.get(kind, getattr(kind, "__name__", str(kind)))


def toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)
