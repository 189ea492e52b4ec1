"""What the templates call that are written as Python, and which these are.

A message is the same, byte for byte, as Jinja renders it; Jinja takes 0.1 s of CPU to be imported and to compile one.
"""

from collections.abc import Callable, Mapping
from typing import Any

Values = Mapping[str, Any]
MODULES = {"alert.j2": "alert", "alert.over.j2": "alert_over", "alert.digest.j2": "alert_digest"}
Write = Callable[[str], object]


def shown(value: object) -> str:
    """A value as it stands in the message: escaped, unless it says that it is HTML."""
    if hasattr(value, "__html__"):
        return str(value.__html__())
    text = str(value).replace("&", "&amp;").replace(">", "&gt;").replace("<", "&lt;")
    return text.replace("'", "&#39;").replace('"', "&#34;")


def part(value: Any, name: str) -> Any:
    """`value.name` of a template: an attribute, or else a key. Raises LookupError where it has neither."""
    try:
        return getattr(value, name)
    except AttributeError:
        return value[name]
