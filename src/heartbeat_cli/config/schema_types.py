"""JSON Schema (draft 7) of a settings class: the type, the default and the help of each of its keys.

There are two forms of it. `exact` is what a table must be as it stands. `filled` is for tables in which placeholders
are filled first (a block with `each`, and `[defaults]`): a string with a placeholder may stand for any single value.

A choice between shapes is written as `if` and `else`, because a validator then reports what is wrong with the shape
that was meant; of an `anyOf` it only says that nothing fits. Completion and hover of Taplo, the usual TOML language
server, pass over `if`. So the same shapes stand beside it as a `hint`, which accepts everything.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from heartbeat_cli.config.describe import help_texts
from heartbeat_cli.config.settings import key_of
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import PATTERN as DURATION

Schema = dict[str, Any]
Limits = Mapping[str, tuple[float, float]]

_REFERENCE = "^(?:env|file):"
_PLACEHOLDER = r"\{"
_NAMES: Mapping[Any, str] = {str: "string", bool: "boolean", int: "integer", float: "number", date: "string"}


class Form(Record):
    """`exact`, or `filled`; `prefix` begins the names of its definitions."""

    filled: bool
    prefix: str

    def ref(self, name: str, key: str = "") -> Schema:
        """A reference to a definition of this form, or to one of the keys in it."""
        path = f"#/definitions/{self.prefix}{name}"
        return {"$ref": f"{path}/properties/{key}" if key else path}


EXACT = Form(False, "")
FILLED = Form(True, "each.")


def table(properties: Mapping[str, Any], required: Collection[str] = ()) -> Schema:
    """A table with these keys and no others."""
    found: Schema = {"type": "object", "additionalProperties": False, "properties": dict(properties)}
    return found | ({"required": list(required)} if required else {})


def hint(*shapes: Schema) -> Schema:
    """Shapes for completion and hover. It accepts everything: `true` comes first, so that no validator tries them."""
    return {"anyOf": [True, *shapes]}


def word(choices: Iterable[Any], form: Form, also: str = "", **about: Any) -> Schema:
    """One of these words, or a string that matches `also` (a regular expression)."""
    one: Schema = {"enum": list(choices)}
    others = [also] * bool(also) + [_PLACEHOLDER] * form.filled
    if not others:
        return {**about, **one}
    unless = {"type": "string", "pattern": "|".join(others)}
    return {**about, **hint({**about, **one}), "if": unless, "else": one}


def class_table(cls: Any, form: Form, limits: Limits = {}) -> Schema:  # noqa: B006 - never changed
    """The table of a settings class. `limits` bound its numbers."""
    return table(class_keys(cls, form, limits), required_keys(cls))


def inner_classes(kind: Any) -> Iterator[Any]:
    """The classes of the tables within a settings class, or within the type of a key, at any depth."""
    for one in kind.__annotations__.values() if hasattr(kind, "_fields") else get_args(kind):
        if hasattr(one, "_fields"):
            yield one
        yield from inner_classes(one)


def class_name(cls: Any) -> str:
    """The name of the definition of a table within a table."""
    return f"table.{cls.__module__.rpartition('.')[2].strip('_')}.{cls.__name__}"


def keys_of(cls: Any) -> list[str]:
    """The keys of a settings class."""
    return [key_of(field) for field in cls.__annotations__]


def required_keys(cls: Any) -> list[str]:
    """The keys of a settings class without a default."""
    return [key_of(field) for field in cls.__annotations__ if field not in cls._field_defaults]


def class_keys(cls: Any, form: Form, limits: Limits = {}, texts: bool = False) -> Schema:  # noqa: B006 - as above
    """A schema for each key of a settings class. `texts`: its texts must not be empty."""
    helps = help_texts(cls)
    found = {}
    for field, kind in cls.__annotations__.items():
        key = key_of(field)
        about = {} if form.filled else _about(helps.get(key, ""), cls._field_defaults.get(field))
        found[key] = {**about, **_of_type(kind, form, limits.get(key), about)}
        if texts and found[key].get("type") == "string":
            found[key]["minLength"] = 1
    return found


def _about(text: str, default: Any) -> Schema:
    found: Schema = {"description": text} if text else {}
    return found if default is None else found | {"default": _plain(default)}


def _plain(value: Any) -> Any:
    """A default as JSON has it: lists, and 30 for 30.0."""
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _of_type(kind: Any, form: Form, limits: tuple[float, float] | None, about: Schema) -> Schema:
    """What `config.settings` accepts for a type. It follows `env:` and `file:` for every string, and what they give
    stays one: so they stand where a text, a word or a duration does, and never for a number."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _union([arg for arg in args if arg is not NoneType], form, limits, about)
    if origin is Annotated:
        pattern = "|".join([_REFERENCE, f"^{DURATION}$", *[_PLACEHOLDER] * form.filled])
        return {"type": ["number", "string"], **_bounds(limits), "pattern": pattern}
    if origin is Literal:
        return word(args, form, _REFERENCE, **about)
    if origin is tuple:
        return {"type": "array", "items": _of_type(args[0], form, None, {})}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_type(args[1], form, None, {})}
    if hasattr(kind, "_fields"):
        return form.ref(class_name(kind))
    if kind is Any:
        return {}
    return _scalar([_NAMES[kind]], form, limits)


def _union(kinds: list[Any], form: Form, limits: tuple[float, float] | None, about: Schema) -> Schema:
    if len(kinds) == 1:
        return _of_type(kinds[0], form, limits, about)
    if all(kind in _NAMES for kind in kinds):
        return _scalar(list(dict.fromkeys(_NAMES[kind] for kind in kinds)), form, limits)
    return {"anyOf": [_of_type(kind, form, limits, {}) for kind in kinds]}


def _scalar(types: list[str], form: Form, limits: tuple[float, float] | None) -> Schema:
    number = {"integer", "number"} & set(types)
    one: Schema = {"type": types[0] if len(types) == 1 else types, **(_bounds(limits) if number else {})}
    if "string" in types or not form.filled:
        return one
    return {"if": {"type": "string", "pattern": _PLACEHOLDER}, "else": one}


def _bounds(limits: tuple[float, float] | None) -> Schema:
    return {} if limits is None else {"minimum": _plain(limits[0]), "maximum": _plain(limits[1])}
