"""What a monitor can find out besides about a component where nothing runs any more, by its optional `explain`: what
kind of failure that is may stand elsewhere, as in the unit of a program that refuses connections."""

import time
from collections.abc import Iterable
from functools import partial
from itertools import islice

from heartbeat_cli import plugins
from heartbeat_cli.domain.checking.guarded import guarded
from heartbeat_cli.domain.checking.result import CheckContext, Explain, Reading
from heartbeat_cli.domain.component import Component
from heartbeat_cli.system import in_threads

_SECONDS, _SLACK = 2.0, 0.25
_MOST = 32  # components in one pass: each has a thread, and may start a process


def explained(ended: Iterable[tuple[Component, CheckContext, Reading]], deadline: float) -> dict[str, Reading]:
    """Readings by component id, of those that are explained by `deadline` (monotonic); the others stand as they are."""
    asked = ((*one, explain) for one in ended if (explain := _question(one[0])) is not None)
    calls = {
        component.id: partial(_ask, context, reading, explain)
        for component, context, reading, explain in islice(asked, _MOST)
    }
    found = in_threads.results(calls, min(deadline, time.monotonic() + _SECONDS + _SLACK))
    return {id_: one for id_, one in found.items() if isinstance(one, Reading)}


def _question(component: Component) -> Explain | None:
    module = plugins.load("monitors", component.kind)
    return module.explain(component.settings) if hasattr(module, "explain") else None


def _ask(context: CheckContext, reading: Reading, explain: Explain) -> Reading:
    context = context._replace(timeout=min(_SECONDS, context.timeout))
    found = guarded(context, explain, reading, context)
    return found if found.status == reading.status else reading  # a bug of the monitor gives unknown
