"""A span of time in a configuration or a command: a number of seconds, or text such as 30s, 5m, 2h, 1d."""

import re
from typing import Annotated

_UNITS = {"d": 86_400, "h": 3_600, "min": 60, "m": 60, "s": 1, "ms": 0.001}
_PART = r"(?a)(\d+(?:\.\d+)?) ?(d|h|min|ms|m|s) ?"

# The same texts as a regular expression of JSON Schema (ECMA 262), which has no flag for upper and lower case:
# https://json-schema.org/draft-07/json-schema-validation#rfc.section.6.3.3
_UNIT = "(?:[dDhHsS]|[mM](?:[iI][nN]|[sS])?)"
PATTERN = rf"\s*(?:[0-9]+(?:\.[0-9]+)? ?{_UNIT} ?)+\s*"

Seconds = Annotated[float, "seconds"]  # the type of a key that takes one; its value is a number of seconds


def as_seconds(value: object) -> float:
    """`7200`, `"2h"`, `"1h 30min"`, `"2 d"` in seconds. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = value.strip().lower() if isinstance(value, str) else ""
    if not text or len(text) > 100 or re.sub(_PART, "", text):
        raise ValueError('expected a number of seconds, or text as in "30s", "5m", "2h", "1d"')
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text))
