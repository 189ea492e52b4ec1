"""Import a package without a part of it that heartbeat has no use for, or plainly where that does not work."""

import sys
from importlib import import_module
from types import ModuleType


def without(name: str, stub: ModuleType) -> ModuleType:
    """The package `name`, imported while `stub` stands in for the module of its name. Where that fails in any way (the
    package needs the part after all, in another version), the package is imported anew as it is; what that raises is
    the package's own."""
    before = set(sys.modules)
    sys.modules[stub.__name__] = stub
    try:
        return import_module(name)
    except Exception:
        for loaded in set(sys.modules) - before:
            if loaded == name or loaded.startswith(f"{name}."):
                del sys.modules[loaded]
    finally:
        if sys.modules.get(stub.__name__) is stub:
            del sys.modules[stub.__name__]
    return import_module(name)
