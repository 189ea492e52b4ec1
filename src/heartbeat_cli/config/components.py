"""Builds components out of their tables, as `expand` and `groups` have made them; what is wrong with them is noted."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from heartbeat_cli import plugins
from heartbeat_cli.config import ladders, observers
from heartbeat_cli.config.problems import Problems, format_value, suggestion
from heartbeat_cli.config.sections import YEAR, Recovery, check_values
from heartbeat_cli.config.settings import build_kind, build_partly
from heartbeat_cli.domain.component import Common, Component, Severity, topological

if TYPE_CHECKING:
    from heartbeat_cli.config.groups import Group

_ID_RULE = "an id has 1 to 64 letters, digits, dots, dashes or underscores, and starts with a letter or digit"
_ID = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
COMMON_LIMITS: Mapping[str, tuple[float, float]] = {
    "interval": (0.01, YEAR),
    "timeout": (0.01, 3_600),
    "slow_after": (0.001, 3_600),
    "slow_factor": (1.0, 1_000),
    "slow_floor": (0.0, 3_600),
    "slow_threshold": (1, 1_000),
    "retry_interval": (0.01, YEAR),
    "fail_window": (1, 21),
    "fail_threshold": (1, 1_000),
    "recovery_threshold": (1, 1_000),
    "retries": (0, 10),
    "confirm_every": (0, 60),
    "quorum": (1, 1_000),
}
_COMMON_KEYS = frozenset(Common.__annotations__) | {"kind", "recovery"}


def kind_module(room: str, table: Mapping[str, Any], where: str, problems: Problems) -> Any:
    """The module of a table's `kind`, or None with the problem noted."""
    kind = table.get("kind")
    if kind is None:
        problems.add(f"{where}.kind", f"is required: one of {', '.join(plugins.kinds(room))}")
        return None
    if not isinstance(kind, str) or kind not in plugins.kinds(room):
        from heartbeat_cli.config import kind_words  # only a mistake needs it

        problems.add(f"{where}.kind", f"unknown kind {format_value(kind)}{kind_words.suggested(kind, room)}")
        return None
    return plugins.load(room, kind)


def id_tables(
    tables: Mapping[str, Any], section: str, problems: Problems, made: Collection[str] = ()
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The tables of `[components]` or `[channels]`: id, place in the file, content. Ids that were `made` are right."""
    for id_, table in tables.items():
        where = f"{section}.{id_}"
        if not isinstance(table, Mapping):
            problems.add(where, f"expected a section, as in [{where}]")
        elif id_ not in made and not re.fullmatch(_ID, id_):
            problems.add(where, _ID_RULE)
        else:
            yield id_, where, table


class Made(NamedTuple):
    """The tables of all components by id; `blocks` names the block with `each` or `match` that one comes from, `groups`
    are the blocks with `match`, `fresh` those whose manager has just said what there is, `elsewhere` the ids that
    another manager's names make."""

    tables: Mapping[str, Any]
    blocks: Mapping[str, str]
    groups: Sequence["Group"] = ()
    fresh: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()


def build_components(
    made: Made, recovery: Recovery, channels: Collection[str], problems: Problems
) -> dict[str, Component]:
    """The components; one that cannot be built is there as far as it goes."""
    tables, matching = made.tables, made.groups
    found_ids = {id_ for id_, block in made.blocks.items() if any(one.id == block for one in matching)}
    found: dict[str, Component] = {}
    seen: dict[str, Common] = {}
    for id_, where, table in id_tables(tables, "components", problems, found_ids):
        noted = len(problems.lines)
        one = _component(id_, where, table, recovery, seen, problems)
        if id_ in found_ids and len(problems.lines) > noted:  # the block is right, or its sample says what is not
            one = one._replace(broken=str(problems.lines[noted]))
            del problems.lines[noted:]
        found[id_] = one
        missing = [parent for parent in one.common.depends_on if parent not in tables]
        for parent in missing:
            if not _may_be_found(parent, matching):
                problems.add(f"{where}.depends_on", f"no component {format_value(parent)}{suggestion(parent, tables)}")
        if missing:  # what is found may be gone just now
            there = tuple(parent for parent in one.common.depends_on if parent in tables)
            found[id_] = one._replace(common=one.common._replace(depends_on=there))
        check_channels(one.common.channels, f"{where}.channels", channels, problems)
    _check_blocks(matching, recovery, seen, problems)
    try:
        topological(found)
    except ValueError as cycle:
        problems.add("components", f"depends_on goes round in a circle: {cycle}")
    return found


def _may_be_found(id_: str, matching: Sequence["Group"]) -> bool:
    if not matching:
        return False
    from heartbeat_cli.config import groups

    return groups.group_of(id_, matching) is not None


def _check_blocks(matching: Sequence["Group"], recovery: Recovery, seen: dict[str, Common], problems: Problems) -> None:
    """What is wrong with blocks with `match`, whether they stand for anything just now or not."""
    if not matching:
        return
    from heartbeat_cli.config import groups

    unresolved = len(problems.unresolved)
    for group in matching:
        _component(group.id, f"components.{group.id}", groups.sample(group), recovery, seen, problems)
    del problems.unresolved[unresolved:]  # of these there is no component to do without


def _component(
    id_: str,
    where: str,
    table: Mapping[str, Any],
    recovery: Recovery,
    seen: dict[str, Common],
    problems: Problems,
) -> Component:
    """A component as far as it can be built: what is wrong with it is noted, and its other parts are checked all the
    same."""
    common = _common(where, table, seen, problems)
    module = kind_module("monitors", table, where, problems)
    if module is None:
        return Component(id_, "", None, common)
    own = {key: value for key, value in table.items() if key not in _COMMON_KEYS}
    settings, broken = build_kind(module, own, where, problems, _COMMON_KEYS)
    usable = settings is not None and not broken
    if usable and common.interval is not None and (find := getattr(module, "interval_problems", None)):
        for key, text in find(settings, common.interval):
            problems.add(f"{where}.{key}", text)
    scope = ladders.Scope(id_, table["kind"], settings, recovery.scripts, f"{where}.recovery")
    default = _default_ladder(module, settings) if usable else ()
    plan = ladders.plan(table.get("recovery", recovery.mode), default, scope, problems)
    for number, step in enumerate(plan.ladder):
        if (kill := getattr(step.settings, "hang_kill", 0.0)) >= recovery.timeout:
            short = f"{kill:g} s are never reached: a step has {recovery.timeout:g} s ([recovery] timeout)"
            problems.add(f"{where}.recovery.ladder[{number}].hang_kill", short)
    severity: Severity = getattr(module, "SEVERITY", "high")
    return Component(id_, table["kind"], settings, common, plan, severity, broken)


def _default_ladder(module: Any, settings: Any) -> Sequence[Mapping[str, Any]]:
    """The steps that a kind has where a component has none of its own: always the same, or by its settings."""
    by_settings = getattr(module, "ladder", None)
    return by_settings(settings) if by_settings else getattr(module, "LADDER", ())


def _common(where: str, table: Mapping[str, Any], seen: dict[str, Common], problems: Problems) -> Common:
    """The common keys of a component's table. Most of a thousand components have the same, so those that were `seen`
    without a problem are not checked again."""
    shared = {key: value for key, value in table.items() if key in Common.__annotations__}
    said, before = repr(shared), (len(problems.lines), len(problems.unresolved))
    if said in seen:
        return seen[said]
    found: Common = build_partly(Common, shared, where, problems).settings
    check_values(found, where, COMMON_LIMITS, problems)
    observers.check(found, where, problems)
    if found.fail_window is not None and found.fail_threshold > found.fail_window:
        text = f"expected at most fail_window ({found.fail_window}), or there is never a fault; got"
        problems.add(f"{where}.fail_threshold", f"{text} {found.fail_threshold}")
    if before == (len(problems.lines), len(problems.unresolved)):
        seen[said] = found
    return found


def check_channels(named: Sequence[str] | None, where: str, channels: Collection[str], problems: Problems) -> None:
    for channel in named or ():
        if channel not in channels:
            problems.add(where, f"no channel {format_value(channel)}{suggestion(channel, channels)}")
