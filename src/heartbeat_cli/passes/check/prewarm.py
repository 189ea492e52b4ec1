"""Makes ready what a pass needs to report and heal a fault while it waits for an answer that does not come: then it has
nothing else to do, and the person who is to be notified waits, too. The caller says what that is.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

_PATIENCE = 0.25  # seconds: who answers has answered by then, and nothing is made ready in vain


@contextmanager
def ready(prepare: Sequence[Callable[[], object]], likely: bool) -> Iterator[None]:
    """While the checks are made; `likely`: one more that fails makes a fault. What `prepare` holds is called one by one
    until the checks are done."""
    if not likely or not prepare:
        yield
        return
    over = threading.Event()
    threading.Thread(target=_prepare, args=(prepare, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _prepare(prepare: Sequence[Callable[[], object]], over: threading.Event) -> None:
    if over.wait(_PATIENCE):
        return
    with suppress(Exception):  # what is wrong is said where it is needed
        for one in prepare:
            if not over.is_set():
                one()
