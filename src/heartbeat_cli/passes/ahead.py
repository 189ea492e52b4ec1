"""What a pass needs to tell of a fault and to heal it, made ready while it waits for an answer that does not come: then
it has nothing else to do, and the person who is to hear of it waits, too. Used by check.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

from heartbeat_cli.config import Config

_PATIENCE = 0.25  # seconds: who answers has answered by then, and nothing is made ready in vain


@contextmanager
def ready(config: Config, likely: bool) -> Iterator[None]:
    """While the looks are made; `likely`: one more that fails makes a fault."""
    if not likely:
        yield
        return
    over = threading.Event()
    threading.Thread(target=_make_ready, args=(config, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _make_ready(config: Config, over: threading.Event) -> None:
    if over.wait(_PATIENCE):
        return
    with suppress(Exception):  # what is wrong is said where it is needed
        import_module("heartbeat_cli.passes.recover")
        from heartbeat_cli.views import messages

        if not over.is_set():
            messages.prepare(config.heartbeat.locale, config.heartbeat.templates)
