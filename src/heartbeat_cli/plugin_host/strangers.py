"""Judges each file that a plug-in's process imports: the module itself, the packages around it, and what they import.

What another user owns or may write is not imported: it would run with our rights. Python's own library is taken for
good, as the interpreter is, and so is heartbeat.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from heartbeat_cli.plugin_host.contract import Breach
from heartbeat_cli.system import trusted

_OWN = __name__.partition(".")[0]
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_PACKAGES = (os.path.join(_LIBRARY, "site-packages") + os.sep, os.path.join(_LIBRARY, "dist-packages") + os.sep)


class Stranger(Breach, ImportError):
    """A module that another user could have written; the text says which file, and how to mend it."""


class Judge:
    """The first finder of `sys.meta_path`: what the others find is judged before it is run."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the other finders say. Raises Stranger."""
        for finder in sys.meta_path:
            found = finder.find_spec(name, path, target) if finder is not self else None
            if found is not None:
                if name.partition(".")[0] != _OWN:
                    _judge(found)
                return found
        return None


def _judge(spec: ModuleSpec) -> None:
    for place in _places(spec):
        known = place.startswith(_LIBRARY) and not place.startswith(_PACKAGES)
        if os.path.isabs(place) and not known and (why := trusted.why_not(place)):
            raise Stranger(why)


def _places(spec: ModuleSpec) -> Iterator[str]:
    """The files and folders that a module is read from."""
    yield from spec.submodule_search_locations or ()
    origin = getattr(spec.loader, "archive", None) or spec.origin
    if origin and spec.has_location:
        yield origin
    if spec.cached and os.path.lexists(spec.cached):  # read in place of the source
        yield spec.cached
