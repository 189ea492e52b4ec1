"""Arguments of the tools of `heartbeat mcp`: their JSON Schema, and whether what a client has sent fits it."""

import math
from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

_TEXT = 200  # characters of one text
_LIST = 50  # texts of one list
_NAME = 40  # characters of a name that is repeated in an error


def text(description: str, most: int = _TEXT) -> Schema:
    """A text without control characters."""
    return {"type": "string", "minLength": 1, "maxLength": most, "description": description}


def texts(description: str, least: int = 0) -> Schema:
    """A list of texts."""
    item = {"type": "string", "minLength": 1, "maxLength": _TEXT}
    return {"type": "array", "items": item, "minItems": least, "maxItems": _LIST, "description": description}


def number(description: str, least: float, most: float, *, whole: bool = False) -> Schema:
    """A number within limits."""
    kind = "integer" if whole else "number"
    return {"type": kind, "minimum": least, "maximum": most, "description": description}


def choice(description: str, *words: str) -> Schema:
    """One of some words."""
    return {"type": "string", "enum": list(words), "description": description}


def flag(description: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": description}


def schema(properties: Mapping[str, Schema], required: tuple[str, ...]) -> Schema:
    """The schema of all arguments of a tool."""
    found: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return found | ({"required": list(required)} if required else {})


def problem(arguments: Mapping[str, Any], properties: Mapping[str, Schema], required: tuple[str, ...]) -> str:
    """What is wrong with arguments, in a line; empty when they fit."""
    for name in arguments:
        if name not in properties:
            known = ", ".join(properties) or "none"
            return f"unknown argument {name[:_NAME]!r}; known: {known}"
    for name in required:
        if name not in arguments:
            return f"{name}: is missing"
    wrong = ((name, _wrong(value, properties[name])) for name, value in arguments.items())
    return next((f"{name}: {text}" for name, text in wrong if text), "")


def _wrong(value: Any, wanted: Schema) -> str:
    kind = wanted["type"]
    if kind == "boolean":
        return "" if isinstance(value, bool) else "expected true or false"
    if kind == "array":
        return _wrong_list(value, wanted)
    return _wrong_text(value, wanted) if kind == "string" else _wrong_number(value, wanted)


def _wrong_list(value: Any, wanted: Schema) -> str:
    least, most = wanted["minItems"], wanted["maxItems"]
    if not isinstance(value, list) or not least <= len(value) <= most:
        return f"expected a list of {least} to {most} texts"
    return next((text for one in value if (text := _wrong_text(one, wanted["items"]))), "")


def _wrong_text(value: Any, wanted: Schema) -> str:
    words = wanted.get("enum")
    if words is not None:
        return "" if value in words else f"expected one of {', '.join(words)}"
    # No NUL, which no command line can hold, and no half of a surrogate pair, which no encoding can.
    if isinstance(value, str) and 0 < len(value) <= wanted["maxLength"] and value.isprintable():
        return ""
    return f"expected a text of 1 to {wanted['maxLength']} characters, without control characters"


def _wrong_number(value: Any, wanted: Schema) -> str:
    kinds: tuple[type, ...] = (int,) if wanted["type"] == "integer" else (int, float)
    fits = isinstance(value, kinds) and not isinstance(value, bool)
    if (
        fits
        and (not isinstance(value, float) or math.isfinite(value))
        and wanted["minimum"] <= value <= wanted["maximum"]
    ):
        return ""
    named = "a whole number" if wanted["type"] == "integer" else "a number"
    return f"expected {named} from {wanted['minimum']:g} to {wanted['maximum']:g}"
