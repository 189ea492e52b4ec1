"""A plug-in's `Settings` class as data, and back: heartbeat checks a configuration against the class of a plug-in
without importing the plug-in.
"""

from collections import namedtuple
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from heartbeat_cli.domain.seconds import Seconds

_SCALARS: Mapping[str, Any] = {"str": str, "int": int, "float": float, "bool": bool, "any": Any, "seconds": Seconds}
_DEEPEST = 5  # tables in tables


def class_data(cls: Any, depth: int = 0) -> dict[str, Any]:
    """A settings class as plain data. Raises TypeError for what is no settings class, with the reason."""
    if not (isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_field_defaults")):
        raise TypeError("is no class that inherits from typing.NamedTuple")
    if depth > _DEEPEST:
        raise TypeError(f"has tables in tables, more than {_DEEPEST} deep")
    fields: tuple[str, ...] = cls._fields  # type: ignore[attr-defined]
    hints = get_type_hints(cls, include_extras=True)
    if missing := [one for one in fields if one not in hints]:
        raise TypeError(f"says no type for its key {missing[0]}")
    types = []
    for field in fields:
        try:
            types.append(_type_data(hints[field], depth))
        except TypeError as error:
            raise TypeError(f"has the key {field}, whose type {error}") from None
    defaults = {key: plain(value) for key, value in cls._field_defaults.items()}
    doc = cls.__doc__ or ""
    return {"name": cls.__name__, "doc": doc, "fields": list(fields), "types": types, "defaults": defaults}


def made_class(data: Mapping[str, Any]) -> Any:
    """The settings class that `class_data` described, made anew: the same keys, types, defaults and help."""
    types = {field: _made_type(one) for field, one in zip(data["fields"], data["types"], strict=True)}
    given = data["defaults"]
    defaults = [value_of(types[field], given[field]) for field in data["fields"] if field in given]
    make: Any = namedtuple
    cls = make(data["name"], data["fields"], defaults=defaults)
    cls.__annotations__ = types
    cls.__doc__ = data["doc"]
    return cls


def plain(value: Any) -> Any:
    """Settings, or a value in them, as JSON has it: a class is a table, a tuple a list."""
    if hasattr(value, "_asdict"):
        return {key: plain(one) for key, one in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"a default is a {type(value).__name__}, which a configuration cannot hold")


def value_of(kind: Any, data: Any) -> Any:
    """The value of this type that `plain` has made into data. Data that does not fit stays what it is."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return data if data is None else value_of(_fitting([one for one in args if one is not NoneType], data), data)
    if hasattr(kind, "_fields") and isinstance(data, Mapping):
        hints = get_type_hints(kind, include_extras=True)
        return kind(**{key: value_of(hints[key], one) for key, one in data.items()})
    if isinstance(data, list):
        return tuple(value_of(args[0] if origin is tuple else Any, one) for one in data)
    if origin is dict and isinstance(data, Mapping):
        return {key: value_of(args[1], one) for key, one in data.items()}
    return float(data) if kind is float and isinstance(data, int) and not isinstance(data, bool) else data


def _fitting(kinds: list[Any], data: Any) -> Any:
    for kind in kinds:
        base = get_origin(kind) or kind
        if (base is tuple and isinstance(data, list)) or (hasattr(kind, "_fields") and isinstance(data, Mapping)):
            return kind
        if isinstance(base, type) and base is not tuple and isinstance(data, base):
            return kind
    return kinds[0]


def _type_data(kind: Any, depth: int) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    for name, scalar in _SCALARS.items():
        if kind is scalar or kind == scalar:
            return name
    if origin is Annotated:
        return _type_data(args[0], depth)
    if origin in (Union, UnionType):
        return ["union", *(["none"] if one is NoneType else _type_data(one, depth) for one in args)]
    if origin is Literal and all(isinstance(one, str) for one in args):
        return ["literal", *args]
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return ["tuple", _type_data(args[0], depth)]
    if origin is dict and args[0] is str:
        return ["dict", _type_data(args[1], depth)]
    if hasattr(kind, "_fields"):
        return ["table", class_data(kind, depth + 1)]
    known = "str, int, float, bool, Seconds, Literal of texts, tuple[…, ...], dict[str, …], a NamedTuple, and | of them"
    raise TypeError(f"is {getattr(kind, '__name__', kind)}; it may be {known}")


def _made_type(data: Any) -> Any:
    if isinstance(data, str):
        return _SCALARS[data]
    name, *rest = data
    generic: Any = {"union": Union, "literal": Literal, "tuple": tuple, "dict": dict}.get(name)
    if name == "literal":
        return generic[tuple(rest)]
    if name == "table":
        return made_class(rest[0])
    made = tuple([NoneType if one == ["none"] else _made_type(one) for one in rest])
    return generic[made if name == "union" else (made[0], ...) if name == "tuple" else (str, made[0])]
