"""JSON Schema (draft 7) of the whole configuration file, for editors, made from the settings classes.

https://json-schema.org/draft-07/json-schema-release-notes: unknown keys are refused, in every table, for each kind.
What `heartbeat config check` accepts is accepted here, but for a wrong value in `[defaults]` that no component takes.
What no type can say, only `config check` refuses.
"""

import json
from collections.abc import Iterator, Sequence
from typing import get_args

from heartbeat_cli import plugins
from heartbeat_cli.config import groups, ladders
from heartbeat_cli.config.components import COMMON_LIMITS
from heartbeat_cli.config.maintenance import Maintenance
from heartbeat_cli.config.schema_types import (
    EXACT,
    FILLED,
    Form,
    Schema,
    class_keys,
    class_name,
    class_table,
    hint,
    inner_classes,
    keys_of,
    required_keys,
    table,
    word,
)
from heartbeat_cli.config.sections import CHANNEL_LIMITS, SECTION_LIMITS, SECTIONS
from heartbeat_cli.domain.alerting.channel import ChannelCommon
from heartbeat_cli.domain.alerting.windows import LONGEST
from heartbeat_cli.domain.component import Common, Mode

_ID = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_BLOCK_ID = "^[A-Za-z0-9{][A-Za-z0-9_.{}-]*$"  # with the placeholders of `each` in it
_SUPPLIED = {"script": ("folder",)}  # required keys of an action that [recovery] may give
_SCALARS = ["string", "number", "boolean"]
_EACH: Schema = {
    "description": "one component for each value of the placeholders, which stand in any string of the block: a range"
    ' ({ n = "1..50" }), lists, a list of tables, or { from_file = "fleet.json" }',
    "type": ["object", "array"],
    "minProperties": 1,
    "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$", "not": {"const": "id"}},
    "properties": {
        "from_file": {
            "description": "a JSON file: a list of tables, or of texts that {name} stands for",
            "minLength": 1,
        }
    },
    "additionalProperties": {
        "type": ["string", "array"],
        "pattern": r"^[0-9]{1,9}\.\.[0-9]{1,9}$",
        "minItems": 1,
        "items": {"type": _SCALARS},
    },
    "minItems": 1,
    "items": {"type": "object", "additionalProperties": {"type": _SCALARS}},
}
_COMMON = dict.fromkeys((*Common._fields, "recovery"), True)


def text() -> str:
    """The document as it is printed and shipped."""
    return json.dumps(build(), indent=1, ensure_ascii=False)


def build() -> Schema:
    """The whole document. The order is that of the classes, and of the kinds by name."""
    sections = {name: table(class_keys(cls, EXACT, SECTION_LIMITS[name], True)) for name, cls in SECTIONS.items()}
    by_id = {
        "components": (_BLOCK_ID, EXACT.ref("component"), "what is watched"),
        "channels": (_ID, EXACT.ref("channel"), "who is notified, and how"),
        "maintenance": (_ID, class_table(Maintenance, EXACT, {"duration": (60, LONGEST)}), "when nobody is notified"),
    }
    tables = {
        name: {
            "description": f"{about}, by id",
            "type": "object",
            "propertyNames": {"pattern": pattern},
            "additionalProperties": one,
        }
        for name, (pattern, one, about) in by_id.items()
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "heartbeat configuration",
        **table({**sections, "defaults": _defaults(), **tables}),
        "definitions": dict(_definitions()),
    }


def _definitions() -> Iterator[tuple[str, Schema]]:
    monitors, channels = plugins.known("monitors"), plugins.known("channels")
    yield "component", _any_component(monitors)
    yield "channel", _chosen("channel", "kind", channels, "how people are notified", EXACT)
    for kind in channels:
        yield f"channel.{kind}", _channel(kind)
    yield "each", _EACH
    for form in (EXACT, FILLED):
        yield from ((form.prefix + name, one) for name, one in _of_form(form))
    for kind in monitors:
        yield f"defaults.{kind}", _defaults_of(kind)


def _of_form(form: Form) -> Iterator[tuple[str, Schema]]:
    """The definitions that stand in a component, in this form."""
    yield "common", {"properties": {**class_keys(Common, form, COMMON_LIMITS, True), "recovery": _recovery(form)}}
    for kind in plugins.known("monitors"):
        yield f"component.{kind}", _component(kind, form)
    yield "recovery", _recovery_table(form)
    actions = plugins.known("actions")
    yield "step", _chosen("step", "action", actions, "what the step does", form)
    for action in actions:
        yield f"step.{action}", _step(action, form)
    for action in ladders.CALLS.values():
        yield f"call.{action}", class_table(plugins.load("actions", action).Settings, form)
    every = [plugins.load(package, kind).Settings for package in plugins.PACKAGES for kind in plugins.known(package)]
    inner = {class_name(one): one for settings in every for one in inner_classes(settings)}
    for name, cls in inner.items():
        yield name, class_table(cls, form)


def _chosen(name: str, key: str, words: Sequence[str], about: str, form: Form) -> Schema:
    """A table whose `key`, one of the words, says which of the definitions `<name>.<word>` it must fit."""
    refs = {one: form.ref(f"{name}.{one}") for one in words}
    branches = [_when({key: {"const": one}}, ref) for one, ref in refs.items()]
    return {"allOf": [_with(key, word(words, form, description=about)), hint(*refs.values()), *branches]}


def _any_component(kinds: Sequence[str]) -> Schema:
    """The table of a component, by its kind, and by whether placeholders are filled first. Of its keys only `kind` is
    required: any other may stand in `[defaults.<kind>]`, which may even be in another file, and a schema sees but one.
    """
    words = word(kinds, FILLED, description="what it is")
    common = {"if": {"required": ["each"]}, "then": FILLED.ref("common"), "else": EXACT.ref("common")}
    hints = hint(EXACT.ref("common"), *(EXACT.ref(f"component.{kind}") for kind in kinds))
    branches = [
        _when({"kind": {"const": kind}}, {**common, "then": FILLED.ref(name), "else": EXACT.ref(name)})
        for kind in kinds
        for name in [f"component.{kind}"]
    ]
    return {"allOf": [_with("kind", words), hints, common, *branches]}


def _with(key: str, one: Schema) -> Schema:
    return {"type": "object", "required": [key], "properties": {key: one}}


def _when(properties: Schema, then: Schema) -> Schema:
    return {"if": {"required": list(properties), "properties": properties}, "then": then}


def _component(kind: str, form: Form) -> Schema:
    """The keys of a component of that kind; what stands under the common ones is checked apart."""
    own = _labelled(kind, class_keys(plugins.load("monitors", kind).Settings, form))
    return table({"kind": True, **_block_keys(kind), **own, **_COMMON})


def _block_keys(kind: str) -> Schema:
    """The keys that make a table stand for several components."""
    if kind not in groups.KEYS:
        return {"each": EXACT.ref("each")}
    match = table({key: {"type": "string", "minLength": 1} for key in groups.KEYS[kind]})
    about = "stands for every one that fits, found anew in each run; {name} stands in any string of the block"
    return {"each": EXACT.ref("each"), "match": {"description": about, **match, "minProperties": 1}}


def _labelled(kind: str, keys: Schema) -> Schema:
    """The kind before each help text: several kinds have keys of the same name, and editors show all their texts."""
    found = {}
    for key, one in keys.items():
        found[key] = one | ({"description": f"{kind}: {one['description']}"} if "description" in one else {})
    return found


def _channel(kind: str) -> Schema:
    settings = plugins.load("channels", kind).Settings
    common = class_keys(ChannelCommon, EXACT, CHANNEL_LIMITS, True)
    return table({"kind": True, **_labelled(kind, class_keys(settings, EXACT)), **common}, required_keys(settings))


def _defaults() -> Schema:
    """`[defaults]`: the common keys, and a table for each kind."""
    kinds = {kind: EXACT.ref(f"defaults.{kind}") for kind in plugins.known("monitors")}
    about = "keys of every component; [defaults.KIND] those of one kind"
    return {
        "description": about,
        "allOf": [hint(EXACT.ref("common")), FILLED.ref("common"), table({**kinds, **_COMMON})],
    }


def _defaults_of(kind: str) -> Schema:
    """`[defaults.<kind>]`: the keys of its components, none of them required."""
    name = f"component.{kind}"
    own = {key: FILLED.ref(name, key) for key in keys_of(plugins.load("monitors", kind).Settings)}
    hints = hint(EXACT.ref("common"), EXACT.ref(name))
    return {"allOf": [hints, FILLED.ref("common"), table({**own, **_COMMON})]}


# --- recovery ----------------------------------------------------------------------------------------------------


def _recovery(form: Form) -> Schema:
    """The key `recovery`: a mode, or a table."""
    mode, own = word(get_args(Mode), form), form.ref("recovery")
    about = {"description": "off, ask or on, or a table with steps of its own; default: mode of [recovery]"}
    return {
        **({} if form.filled else about),
        **hint({**about, "enum": list(get_args(Mode))}, EXACT.ref("recovery")),
        "if": {"type": "string"},
        "then": mode,
        "else": own,
    }


def _recovery_table(form: Form) -> Schema:
    call = _call(form)
    return table(
        {
            "mode": word(get_args(Mode), form, description="off, ask or on (the default)"),
            "ladder": {
                "description": "the steps, from the first to the last; default: the kind's own",
                "type": "array",
                "items": form.ref("step"),
            },
            "busy": {"description": "asked before a step whether work is in flight", **call},
            "drain": {"description": "called before a step, so that work is finished", **call},
            **class_keys(ladders.Keys, form, ladders.LIMITS, True),
        }
    )


def _call(form: Form) -> Schema:
    """The table of `busy` and `drain`: the key that it has says which action it is."""
    refs = {key: form.ref(f"call.{action}") for key, action in ladders.CALLS.items()}
    first, other = refs
    return {
        "type": "object",
        **hint(*(EXACT.ref(f"call.{action}") for action in ladders.CALLS.values())),
        "if": {"required": [first]},
        "then": refs[first],
        "else": refs[other],
    }


def _step(action: str, form: Form) -> Schema:
    settings = plugins.load("actions", action).Settings
    required = [key for key in required_keys(settings) if key not in _SUPPLIED.get(action, ())]
    common = class_keys(ladders.StepKeys, form, ladders.STEP_LIMITS, True)
    return table({"action": True, **common, **_labelled(action, class_keys(settings, form))}, required)
