"""pycurl, imported at two thirds of its cost, for `wire.py` and its parts.

Its package also imports a helper for asyncio, which heartbeat has no use for, and with it the module `dataclasses`.
An empty module satisfies it.
"""

import sys
from types import ModuleType


class _NoHelper(ModuleType):
    AsyncCurlMulti = None


_HELPER = "pycurl.async_multi"

if "pycurl" in sys.modules:
    import pycurl
else:
    sys.modules[_HELPER] = _NoHelper(_HELPER)
    try:
        import pycurl
    finally:
        del sys.modules[_HELPER]

__all__ = ["pycurl"]
