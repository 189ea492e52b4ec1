"""The module that a program could not load, by what it said when it ended. Pure."""

import re

_MISSING = re.compile(r"(?:no module named|cannot find module) ['\"]?([\w@./-]{1,60}\w)", re.I)


def of(said: str) -> str:
    """The name of the module, as Python and Node.js name it; "" where none is missing."""
    found = _MISSING.search(said)
    return found[1] if found else ""
