"""Recovery ladders as data: a component's `recovery` key, or its kind's default, into typed rungs.

Placeholders are filled when the configuration is read, from the validated component id and the component's own
settings, never from anything a component says. A value that is one placeholder alone keeps its type.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

from heartbeat_cli import plugins
from heartbeat_cli.domain.component import Mode, Plan, Rung
from heartbeat_cli.settings import Problems, nearest, of_kind, shown

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_MODES: tuple[Mode, ...] = get_args(Mode)
_KEYS = ("mode", "ladder")


class Scope(NamedTuple):
    """What a ladder belongs to: the component's id and settings, the scripts folder, and its place in the file."""

    component: str
    settings: Any
    scripts: str | None
    where: str


def plan(value: Any, default: Sequence[Mapping[str, str]], scope: Scope, problems: Problems) -> Plan:
    """The plan that a `recovery` value asks for: a mode, or a table with `mode` and its own `ladder`."""
    if isinstance(value, str):
        return Plan(_mode(value, scope.where, problems), _default_rungs(default, scope, problems))
    if not isinstance(value, Mapping):
        wanted = f"one of {', '.join(_MODES)}, or a table with a ladder"
        problems.add(scope.where, f"expected {wanted}, got {shown(value)}")
        return Plan()
    for key in value:
        if key not in _KEYS:
            problems.add(f"{scope.where}.{key}", f"unknown key{nearest(key, _KEYS)}")
    mode = _mode(value.get("mode", "on"), f"{scope.where}.mode", problems)
    own = value.get("ladder")
    if own is None:
        return Plan(mode, _default_rungs(default, scope, problems))
    if not isinstance(own, list):
        problems.add(f"{scope.where}.ladder", f"expected a list of tables, each with an action, got {shown(own)}")
        return Plan(mode)
    rungs = [_own_rung(rung, f"{scope.where}.ladder[{n}]", scope, problems) for n, rung in enumerate(own)]
    return Plan(mode, tuple(rung for rung in rungs if rung is not None))


def _mode(value: Any, where: str, problems: Problems) -> Mode:
    for mode in _MODES:
        if value == mode:
            return mode
    problems.add(where, f"expected one of {', '.join(_MODES)}, got {shown(value)}")
    return "off"


def _default_rungs(default: Sequence[Mapping[str, str]], scope: Scope, problems: Problems) -> tuple[Rung, ...]:
    """The kind's rungs that apply here: one whose placeholder is unset is left out, and so is a script without a
    folder."""
    values = {"id": scope.component, **(scope.settings._asdict() if default else {})}
    rungs = []
    for table in default:
        wanted = {name for text in table.values() for name in _PLACEHOLDER.findall(text)}
        applies = table["action"] != "script" or scope.scripts is not None
        if applies and all(values.get(name) not in (None, "") for name in wanted):
            filled = {key: _fill(text, values) for key, text in table.items()}
            rungs.append(_rung(filled, scope.where, scope, problems))
    return tuple(rung for rung in rungs if rung is not None)


def _own_rung(table: Any, where: str, scope: Scope, problems: Problems) -> Rung | None:
    """A rung a user wrote: only `{id}` is filled, so that nothing else can slip into a command."""
    if not isinstance(table, Mapping) or not isinstance(table.get("action"), str):
        problems.add(where, f"expected a table with an action: one of {', '.join(plugins.kinds('actions'))}")
        return None
    return _rung({key: _fill_id(value, scope.component) for key, value in table.items()}, where, scope, problems)


def _rung(table: Mapping[str, Any], where: str, scope: Scope, problems: Problems) -> Rung | None:
    """A rung with its settings; None when they are wrong or hold a reference that leads nowhere just now."""
    action = table["action"]
    if action not in plugins.kinds("actions"):
        known = nearest(action, plugins.kinds("actions"))
        problems.add(f"{where}.action", f"unknown action {shown(action)}{known}")
        return None
    if action == "script" and "folder" not in table:
        if scope.scripts is None:
            problems.add(f"{where}.folder", "is required: the folder of the script, here or as scripts of [recovery]")
            return None
        table = {**table, "folder": scope.scripts}
    own = {key: value for key, value in table.items() if key != "action"}
    settings, broken = of_kind(plugins.load("actions", action), own, where, problems)
    return None if settings is None or broken else Rung(action, settings)


def _fill(text: str, values: Mapping[str, Any]) -> Any:
    alone = _PLACEHOLDER.fullmatch(text)
    if alone:
        return values[alone[1]]
    return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), text)


def _fill_id(value: Any, component: str) -> Any:
    if isinstance(value, str):
        return value.replace("{id}", component)
    if isinstance(value, list):
        return [_fill_id(item, component) for item in value]
    if isinstance(value, Mapping):
        return {key: _fill_id(item, component) for key, item in value.items()}
    return value
