"""Whether a document is what a JSON Schema says: the few words of draft 2020-12 that our schemas use, and no other."""

import re
from datetime import date, datetime
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": bool,
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_FORMATS = {"date-time": datetime.fromisoformat, "date": date.fromisoformat}
_SAID = {"$schema", "title", "$defs", "type", "properties", "required", "additionalProperties", "items"}
_SAID |= {"$ref", "enum", "const", "pattern", "format"}


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any] | None = None, at: str = "$") -> list[str]:
    """What is wrong, each with its place; a word that is not known here is wrong, too."""
    root = root or schema
    if "$ref" in schema:
        return faults(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, at)
    found = [f"{at}: unknown word {word}" for word in schema.keys() - _SAID]
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(
        isinstance(value, _TYPES[one]) and isinstance(value, bool) == (one == "boolean") for one in types
    ):
        return [*found, f"{at}: {value!r} is not {' or '.join(types)}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is not one of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{at}: {value!r} is not {schema['const']!r}")
    if isinstance(value, str):
        found += _text(value, schema, at)
    if isinstance(value, dict):
        found += _object(value, schema, root, at)
    if isinstance(value, list):
        found += [one for n, item in enumerate(value) for one in faults(item, schema["items"], root, f"{at}[{n}]")]
    return found


def _text(value: str, schema: dict[str, Any], at: str) -> list[str]:
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return [f"{at}: {value!r} does not match {schema['pattern']}"]
    try:
        _FORMATS.get(schema.get("format", ""), str)(value)
    except ValueError:
        return [f"{at}: {value!r} is no {schema['format']}"]
    return []


def _object(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str) -> list[str]:
    known = schema.get("properties", {})
    found = [f"{at}: {key} is missing" for key in schema.get("required", ()) if key not in value]
    rest = schema.get("additionalProperties", {})
    if rest is False:
        found += [f"{at}: {key} is not in the schema" for key in value if key not in known]
    elif isinstance(rest, dict):
        known = {key: known.get(key, rest) for key in value}
    return found + [one for key in value.keys() & known for one in faults(value[key], known[key], root, f"{at}.{key}")]
