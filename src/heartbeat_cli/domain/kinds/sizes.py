"""Sizes as settings give them: a number of bytes, or a text such as "512MB"."""

import re

Size = float | str  # a key's type: float stands first, because a number in the file is meant for it

_UNITS = {"": 1, "k": 1_000, "m": 1_000**2, "g": 1_000**3, "t": 1_000**4}
_UNITS |= {"ki": 1_024, "mi": 1_024**2, "gi": 1_024**3, "ti": 1_024**4}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?(k|m|g|t|ki|mi|gi|ti|)b", re.IGNORECASE | re.ASCII)

EXPECTED = 'expected bytes, as 500000000 or "500MB" ("500MiB" counts in 1,024)'


def size_in_bytes(value: Size | None) -> float | None:
    """The bytes that a setting stands for: decimal for kB, MB, GB and TB, as all sizes are shown, binary for KiB, MiB,
    GiB and TiB. None for one that is unset, and for a text that is no size."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip())
    return float(match[1]) * _UNITS[match[2].lower()] if match else None


def size_problems(settings: object, keys: tuple[str, ...]) -> list[tuple[str, str]]:
    """What is wrong with the sizes under these keys, as (key, text)."""
    found = []
    for key in keys:
        value = getattr(settings, key)
        size = size_in_bytes(value)
        if value is not None and (size is None or size < 0):
            found.append((key, f"{EXPECTED}, got {value!r}"))
    return found
