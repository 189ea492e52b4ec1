"""What a plug-in's module must have, as its process describes it to heartbeat."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, get_args

from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.component import Common, Severity
from heartbeat_cli.plugin_host import shapes

SHAPES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "monitors": (("probe",), ("probe_all",), ("request", "read")),
    "actions": (("run",),),
    "channels": (("send",),),
}
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "monitors": ("problems", "host_of", "grace"),
    "actions": ("problems", "hold", "happened", "begun", "left_behind", "rights"),
    "channels": ("problems",),
}
TAKEN: Mapping[str, frozenset[str]] = {
    "monitors": frozenset({*Common.__annotations__, "kind", "recovery", "each", "match"}),
    "actions": frozenset({"action", "tries", "mends"}),  # and the keys of every step
    "channels": frozenset({*ChannelCommon.__annotations__, "kind"}),
}


_SAID, _MOST = 500, 10  # characters of a line of advice, and lines


class Breach(Exception):
    """A module that is not what the contract says; the text says what is wrong with it."""


def description(room: str, module: ModuleType) -> dict[str, Any]:
    """The module as data. Raises Breach."""
    settings = getattr(module, "Settings", None)
    if settings is None:
        raise Breach("the module has no Settings")
    try:
        data = shapes.class_data(settings)
    except TypeError as error:
        raise Breach(f"Settings {error}") from None
    except Exception as error:  # its annotations are evaluated, whatever they say
        raise Breach(f"Settings: {type(error).__name__}: {error}") from None
    keys = [key.rstrip("_") for key in data["fields"]]
    if clash := [key for key in keys if key in TAKEN[room]]:
        raise Breach(f"Settings has the key {clash[0]}, which every {room[:-1].replace('monitor', 'component')} has")
    present = [shape for shape in SHAPES[room] if all(callable(getattr(module, one, None)) for one in shape)]
    if len(present) != 1:
        wanted = " or ".join(" and ".join(shape) for shape in SHAPES[room])
        raise Breach(f"the module has {'several' if present else 'none'} of its functions; expected {wanted}")
    severity = getattr(module, "SEVERITY", "high")
    if severity not in get_args(Severity):
        raise Breach(f"SEVERITY is {str(severity)[:60]!r}; expected one of {', '.join(get_args(Severity))}")
    description, advice = getattr(module, "DESCRIPTION", ""), getattr(module, "ADVICE", ())
    if not (isinstance(description, str) and isinstance(advice, tuple) and all(isinstance(one, str) for one in advice)):
        raise Breach("DESCRIPTION must be a text, ADVICE a tuple of texts")
    words = {"description": description[:_SAID], "advice": [one[:_SAID] for one in advice[:_MOST]]}
    functions = [*present[0], *(one for one in OPTIONAL[room] if callable(getattr(module, one, None)))]
    doc = str(module.__doc__ or "")[:20_000]
    return {"settings": data, "functions": functions, "severity": severity, "doc": doc, **words}
