"""Import a package without parts of it that heartbeat has no use for, or plainly where that does not work."""

import sys
from importlib import import_module
from types import ModuleType


def without(name: str, *stubs: ModuleType) -> ModuleType:
    """The package `name`, imported while `stubs` stand in for the modules of their names, as far as those are not
    imported yet. Where that fails in any way (the package needs a part after all, in another version), the package is
    imported anew as it is; what that raises is the package's own."""
    before = set(sys.modules)
    stand_ins = {stub.__name__: stub for stub in stubs if stub.__name__ not in before}
    sys.modules.update(stand_ins)
    try:
        return import_module(name)
    except Exception:
        for loaded in set(sys.modules) - before:
            if loaded == name or loaded.startswith(f"{name}."):
                del sys.modules[loaded]
    finally:
        for part, stub in stand_ins.items():
            if sys.modules.get(part) is stub:
                del sys.modules[part]
    return import_module(name)
