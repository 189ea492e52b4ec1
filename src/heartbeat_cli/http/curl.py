"""pycurl, imported at two thirds of its cost, for `multi.py` and its parts.

Its package also imports a helper for asyncio, which heartbeat has no use for, and with it the module `dataclasses`.
An empty module satisfies it; where it does not, pycurl is imported as it is.
"""

import sys
from types import ModuleType
from typing import Any

from heartbeat_cli.system import lean_import


class _NoHelper(ModuleType):
    AsyncCurlMulti = None


def _load() -> Any:
    if "pycurl" in sys.modules:
        return sys.modules["pycurl"]
    return lean_import.without("pycurl", _NoHelper("pycurl.async_multi"))


pycurl: Any = _load()

__all__ = ["pycurl"]
