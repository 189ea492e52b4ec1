"""Reads recovery: a component's `recovery` key, or its kind's default ladder, into typed steps, guard and limits.

Placeholders are filled when the configuration is read, from the validated component id and the component's own
settings, never from anything a component says. A value that is one placeholder alone keeps its type.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, get_args

from heartbeat_cli import plugins
from heartbeat_cli.config.problems import Problems, format_value, suggestion
from heartbeat_cli.config.sections import check_values
from heartbeat_cli.config.settings import build, build_kind, check_kind
from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.component import Guard, Mode, Plan, Step, Then
from heartbeat_cli.domain.plain import is_word
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.seconds import Seconds

_PLACEHOLDER = r"\{(\w+)\}"  # compiled at first use: most ladders hold none
_MODES: tuple[Mode, ...] = get_args(Mode)
CALLS = {"url": "http", "command": "command"}  # what a guard's table names, and the action that makes the call


class Keys(Record):
    """Plain keys of a component's recovery table.

    startup_grace: seconds it has to come up after a step; default: that of `[recovery]`
    budget: automatic steps within budget_window; default: that of `[recovery]`
    backoff: seconds before the same step is taken again, doubled each time; default: that of `[recovery]`
    busy_wait: seconds that work in flight is waited for
    busy_then: what happens if it is still busy then: restart all the same, or give_up and leave it to a person
    """

    startup_grace: Seconds | None = None
    budget: int | None = None
    backoff: Seconds | None = None
    busy_wait: Seconds = Guard().wait
    busy_then: Then = Guard().then


class StepKeys(Record):
    """Keys of every step of a ladder, beside those of its action.

    tries: how often it is taken while it fails: the next step follows at once, and what failed is taken again, under
        backoff, before a person is called; default: 2, and 3 for the last step of a ladder
    mends: categories of failure that it can mend: process, starting, draining, dependency, provider, credentials,
        quota, configuration, resource, network; of any other it is passed over; default: process, for postgres steps
        and ladders of host and database also resource
    """

    tries: int | None = None
    mends: tuple[Category, ...] | None = None


_TABLES = ("mode", "ladder", "busy", "drain")
KEYS = (*_TABLES, *Keys._fields)
LIMITS: Mapping[str, tuple[float, float]] = {
    "startup_grace": (0, 86_400),
    "budget": (1, 1_000),
    "backoff": (0, 86_400),
    "busy_wait": (0, 86_400),
}


STEP_LIMITS: Mapping[str, tuple[float, float]] = {"tries": (1, 100)}


class Scope(Record):
    """What a ladder belongs to: the component's id, kind and settings, the scripts folder, its place in the file.
    `file_name`: the id in the name of a script, where that is another one."""

    component: str
    kind: str
    settings: Any
    scripts: str | None
    where: str
    file_name: str = ""

    @property
    def is_found(self) -> bool:
        """Whether an Engine or a service manager has named it: only such an id has a slash."""
        return "/" in self.component

    @property
    def script_id(self) -> str:
        return self.file_name or self.component


def plan(value: Any, default: Sequence[Mapping[str, Any]], scope: Scope, problems: Problems) -> Plan:
    """The plan that a `recovery` value asks for: a mode, or a table with any of `KEYS`."""
    if isinstance(value, str):
        return Plan(_mode(value, scope.where, problems), _default_steps(default, scope, problems))
    if not isinstance(value, Mapping):
        wanted = f"one of {', '.join(_MODES)}, or a table with a ladder"
        problems.add(scope.where, f"expected {wanted}, got {format_value(value)}")
        return Plan()
    for key in value:
        if key not in KEYS:
            problems.add(f"{scope.where}.{key}", f"unknown key{suggestion(key, KEYS)}")
    mode = _mode(value.get("mode", "on"), f"{scope.where}.mode", problems)
    own = value.get("ladder")
    steps = _default_steps(default, scope, problems) if own is None else _own_steps(own, scope, problems)
    plain = {key: value[key] for key in Keys._fields if key in value}
    keys: Keys = build(Keys, plain, scope.where, problems) or Keys()
    check_values(keys, scope.where, LIMITS, problems)
    guard = _guard(value, keys, scope, problems)
    return Plan(mode, steps, guard, keys.startup_grace, keys.budget, keys.backoff)


def _mode(value: Any, where: str, problems: Problems) -> Mode:
    for mode in _MODES:
        if value == mode:
            return mode
    problems.add(where, f"expected one of {', '.join(_MODES)}, got {format_value(value)}")
    return "off"


def _default_steps(default: Sequence[Mapping[str, Any]], scope: Scope, problems: Problems) -> tuple[Step, ...]:
    """The default steps of a kind, without those whose placeholder of a required value is unset, and without scripts
    when there is no folder. Their types are right, as are those of the settings that fill them; values are checked."""
    steps = []
    for table in default:
        action = table["action"]
        if action == "script" and scope.scripts is None:
            continue
        if scope.is_found:  # what names it must not choose which script is run
            table = {key: text for key, text in table.items() if key != "preferred"}
        module, noted = plugins.load("actions", action), len(problems.lines)
        filled = _filled(table, module.Settings._field_defaults, scope)
        if filled is None:
            continue
        if action == "script":
            filled["folder"] = scope.scripts
        settings = module.Settings(**filled)
        check_kind(module, settings, scope.where, problems)
        if scope.is_found and len(problems.lines) > noted:  # its name was found: there can be no such script
            del problems.lines[noted:]
            continue
        steps.append(Step(action, settings, mends=_usually_mends(action)))
    return tuple(steps)


def _filled(table: Mapping[str, Any], optional: Mapping[str, Any], scope: Scope) -> dict[str, Any] | None:
    """The values of a default step, without those that are unset; None where one is that is not `optional`."""
    found = {}
    for key, text in table.items():
        if key == "action":
            continue
        value = _fill(text, scope)
        if value is not None and value != "":
            found[key] = value
        elif key not in optional:
            return None
    return found


def _usually_mends(action: str, own_ladder_of: str = "") -> tuple[Category, ...]:
    """What a step mends where it does not say: of the ladder that a user wrote for a kind, or of a default one."""
    broad = action == "postgres" or own_ladder_of in ("host", "database")
    return ("process", "resource") if broad else ("process",)


@cache  # the same few for a thousand components
def _parts(text: str) -> tuple[str, str, str]:
    """The text before the one placeholder of a text, its name, and the text after it."""
    before, mark, rest = text.partition("{")
    name, end, after = rest.partition("}")
    if not mark or (end and is_word(name, "_") and "{" not in after):  # as nearly all
        return (before, name, after) if mark else (text, "", "")
    match = re.search(_PLACEHOLDER, text)
    return (text[: match.start()], match[1], text[match.end() :]) if match else (text, "", "")


def _own_steps(own: Any, scope: Scope, problems: Problems) -> tuple[Step, ...]:
    if not isinstance(own, list):
        problems.add(
            f"{scope.where}.ladder", f"expected a list of tables, each with an action, got {format_value(own)}"
        )
        return ()
    steps = [_own_step(step, f"{scope.where}.ladder[{n}]", scope, problems) for n, step in enumerate(own)]
    return tuple(step for step in steps if step is not None)


def _own_step(table: Any, where: str, scope: Scope, problems: Problems) -> Step | None:
    """A step a user wrote: only `{id}` is filled, so that nothing else can slip into a command."""
    if not isinstance(table, Mapping) or not isinstance(table.get("action"), str):
        problems.add(where, f"expected a table with an action: one of {', '.join(plugins.known('actions'))}")
        return None
    id_ = scope.script_id if table["action"] == "script" else scope.component
    return _step(_fill_id(table, id_), where, scope, problems)


def _step(table: Mapping[str, Any], where: str, scope: Scope, problems: Problems) -> Step | None:
    """A step of a ladder, its action checked and its folder filled in."""
    action = table["action"]
    common = {key: table[key] for key in StepKeys._fields if key in table}
    keys: StepKeys = build(StepKeys, common, where, problems) or StepKeys()
    check_values(keys, where, STEP_LIMITS, problems)
    if not plugins.is_kind("actions", action):
        from heartbeat_cli.config import kind_words  # only a mistake needs it

        problems.add(
            f"{where}.action", f"unknown action {format_value(action)}{kind_words.suggested(action, 'actions')}"
        )
        return None
    if action == "script" and "folder" not in table:
        if scope.scripts is None:
            problems.add(f"{where}.folder", "is required: the folder of the script, here or as scripts of [recovery]")
            return None
        table = {**table, "folder": scope.scripts}
    own = {key: value for key, value in table.items() if key not in ("action", *StepKeys._fields)}
    step = _build_step(action, own, where, problems)
    if step is None:
        return None
    mends = _usually_mends(action, scope.kind) if keys.mends is None else keys.mends
    return step._replace(tries=keys.tries, mends=mends)


def _guard(value: Mapping[str, Any], keys: Keys, scope: Scope, problems: Problems) -> Guard | None:
    """The guard of work in flight; None when neither `busy` nor `drain` is set."""
    for key in ("busy_wait", "busy_then"):
        if key in value and "busy" not in value:
            problems.add(f"{scope.where}.{key}", "means nothing without busy")
    busy = _call(value, "busy", "GET", scope, problems)
    drain = _call(value, "drain", "POST", scope, problems)
    return Guard(busy, drain, keys.busy_wait, keys.busy_then) if busy or drain else None


def _call(value: Mapping[str, Any], key: str, method: str, scope: Scope, problems: Problems) -> Step | None:
    """What `busy` or `drain` calls: a table with `url` is an `http` step, one with `command` a `command` step. Its
    values are not shown in an error, since a URL may be a secret."""
    if key not in value:
        return None
    table, where = value[key], f"{scope.where}.{key}"
    if not isinstance(table, Mapping):
        problems.add(where, "expected a table with url or command")
        return None
    named = [name for name in CALLS if name in table]
    if len(named) != 1:
        problems.add(where, "expected url or command" + (", not both" if named else ""))
        known = {field: None for kind in CALLS.values() for field in plugins.load("actions", kind).Settings._fields}
        for name in table:
            if name not in known:
                problems.add(f"{where}.{name}", f"unknown key{suggestion(name, known)}")
        return None
    filled = _fill_id(table, scope.component)
    action = CALLS[named[0]]
    return _build_step(action, {"method": method, **filled} if action == "http" else filled, where, problems)


def _build_step(action: str, table: Mapping[str, Any], where: str, problems: Problems) -> Step | None:
    """A step with its settings; None when they are wrong or have an unresolved reference."""
    settings, broken = build_kind(plugins.load("actions", action), table, where, problems)
    return None if settings is None or broken else Step(action, settings)


def _fill(text: Any, scope: Scope) -> Any:
    """A value of a default ladder, its placeholder filled; None where that is unset."""
    if not isinstance(text, str):
        return text
    before, name, after = _parts(text)
    if not name:
        return text
    value = scope.script_id if name == "id" else getattr(scope.settings, name)
    return f"{before}{value}{after}" if (before or after) and value not in (None, "") else value


def _fill_id(value: Any, component: str) -> Any:
    if isinstance(value, str):
        return value.replace("{id}", component)
    if isinstance(value, list):
        return [_fill_id(item, component) for item in value]
    if isinstance(value, Mapping):
        return {key: _fill_id(item, component) for key, item in value.items()}
    return value
