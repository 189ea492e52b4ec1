"""Builds components out of their tables, as `expand` and `groups` have made them; what is wrong with them is noted."""

from binascii import crc32
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from heartbeat_cli import plugins
from heartbeat_cli.config import ladders, observers
from heartbeat_cli.config.problems import Problems, format_value, suggestion
from heartbeat_cli.config.sections import YEAR, Recovery, check_values
from heartbeat_cli.config.settings import build_kind, build_partly
from heartbeat_cli.domain.component import ID_RULE, ID_SIGNS, Common, Component, Severity, topological
from heartbeat_cli.domain.plain import is_word
from heartbeat_cli.domain.record import Record

if TYPE_CHECKING:
    from heartbeat_cli.config.groups import Group

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
        problems.add(f"{where}.kind", f"is required: one of {', '.join(plugins.known(room))}")
        return None
    if not plugins.is_kind(room, kind):
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
        if type(table) is not dict and not isinstance(table, Mapping):
            problems.add(where, f"expected a section, as in [{where}]")
        elif id_ not in made and not _is_id(id_):
            problems.add(where, ID_RULE)
        else:
            yield id_, where, table


def _is_id(text: str) -> bool:
    """Whether the whole text matches `domain.component.ID`."""
    return len(text) <= 64 and text[:1].isalnum() and is_word(text, ID_SIGNS)


class Made(Record):
    """The tables of all components by id; `blocks` names the block with `each` or `match` that one comes from, `groups`
    are the blocks with `match`, `fresh` those whose manager has just said what there is, `elsewhere` the ids that
    another manager's names make; `fleets` the blocks whose `each` is read from a file, with their kinds; `left_out` how
    many names of a block were not taken, `rows` what the files of `fleets` hold, `lost` why components cannot be
    checked of which such a file, or the manager of a block, says nothing, by id, and `unseen` the blocks with `match`
    of which nothing is known, and those of whose file not every entry makes a component."""

    tables: Mapping[str, Any]
    blocks: Mapping[str, str]
    groups: Sequence["Group"] = ()
    fresh: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    fleets: Mapping[str, Any] = {}
    left_out: Mapping[str, int] = {}
    rows: Mapping[str, Any] = {}
    lost: Mapping[str, str] = {}
    unseen: frozenset[str] = frozenset()

    def is_of_fleet(self, id_: str) -> bool:
        """Whether a component, or a block with `match`, was made from a file: what is wrong with it stops only it."""
        return self.blocks.get(id_, id_) in self.fleets

    def may_be(self, name: str) -> bool:
        """Whether an id, a kind or a glob may name what is found or made from a file, if there is none now."""
        if self.groups:
            from heartbeat_cli.config import groups

            if groups.may_stand_for(name, self.groups):
                return True
        if not self.fleets:
            return False
        from heartbeat_cli.config import expand

        return expand.may_make(name, self.fleets)


def build_components(
    made: Made, recovery: Recovery, channels: Collection[str], problems: Problems
) -> dict[str, Component]:
    """The components; one that cannot be built is there as far as it goes."""
    groups = {one.id for one in made.groups}  # there is a table of such an id only where it stands for the block
    found_ids = {id_ for id_, block in made.blocks.items() if block in groups or id_ in groups}
    found: dict[str, Component] = {}
    seen: dict[str, Common] = {}
    for id_, where, table in id_tables(made.tables, "components", problems, found_ids):
        noted = len(problems.lines)
        file_name = _file_name(id_, made) if id_ in found_ids else ""
        if id_ in made.lost:
            one = _lost(id_, where, table, made.lost[id_], seen, problems)
        else:
            one = _component(id_, where, table, recovery, seen, problems, file_name)
        wrong = problems.lines[noted:]
        if id_ in found_ids and wrong:  # the block is right, or its sample says what is not
            one = one._replace(broken=str(wrong[0]))
            del problems.lines[noted:]
        fleet = made.is_of_fleet(id_)
        if fleet and wrong:
            one = _usable_part(one, where, wrong)
        found[id_] = _with_known_names(one, where, made, channels, problems, strips=fleet)
        if fleet:
            problems.demote(noted)
    _check_blocks(made, recovery, seen, problems)
    return _without_circle(_with_a_kind(found, made), made, problems)


def _lost(
    id_: str, where: str, table: Mapping[str, Any], why: str, seen: dict[str, Common], problems: Problems
) -> Component:
    """A component of which what made it says nothing now: neither checked nor recovered."""
    module = kind_module("monitors", table, where, problems)
    severity: Severity = getattr(module, "SEVERITY", "high")
    common = _common(where, table, seen, problems)
    kind, stands_for = table["kind"] if module else "", getattr(table, "stands_for", None)
    return Component(id_, kind, None, common, default_severity=severity, broken=why, stands_for=stands_for)


def _usable_part(one: Component, where: str, wrong: Sequence[str]) -> Component:
    """A component that cannot be checked as it is: common keys of which one is wrong are the default ones."""
    keys = {str(getattr(line, "key", "")).removeprefix(f"{where}.").partition("[")[0] for line in wrong}
    common = Common(name=one.common.name) if keys & Common.__annotations__.keys() else one.common
    return one._replace(broken=str(wrong[0]), common=common)


def _with_known_names(
    one: Component, where: str, made: Made, channels: Collection[str], problems: Problems, *, strips: bool
) -> Component:
    """The component with those of its parents that are there; names that lead nowhere are noted. `strips`: it goes on
    without unknown channels, too."""
    missing = [parent for parent in one.common.depends_on if parent not in made.tables]
    for parent in missing:
        if not made.may_be(parent):
            known = suggestion(parent, made.tables)
            problems.add(f"{where}.depends_on", f"no component {format_value(parent)}{known}")
    if missing:  # what is found may be gone just now
        there = tuple(parent for parent in one.common.depends_on if parent in made.tables)
        one = one._replace(common=one.common._replace(depends_on=there))
    check_channels(one.common.channels, f"{where}.channels", channels, problems)
    if strips and not {*(one.common.channels or ())} <= {*channels}:
        known_ones = tuple(name for name in one.common.channels or () if name in channels)
        one = one._replace(common=one.common._replace(channels=known_ones or None))
    return one


def _with_a_kind(found: dict[str, Component], made: Made) -> dict[str, Component]:
    """What was made from a file with a kind that there is none of is there, and cannot be checked."""
    return {
        id_: one if one.kind or not made.is_of_fleet(id_) else one._replace(kind="file") for id_, one in found.items()
    }


def _without_circle(found: dict[str, Component], made: Made, problems: Problems) -> dict[str, Component]:
    """The components; those made from a file without parents, where only they make a circle, which is noted."""
    try:
        topological(found)
    except ValueError as cycle:
        text = f"depends_on goes round in a circle: {cycle}"
        loose = {
            id_: one._replace(common=one.common._replace(depends_on=())) if made.is_of_fleet(id_) else one
            for id_, one in found.items()
        }
        try:
            topological(loose)
        except ValueError:
            problems.add("components", text)
        else:
            problems.add_unresolved("components", text)
            return loose
    return found


def _file_name(id_: str, made: Made) -> str:
    """The id of a found component in the name of a script. The Engine that has named it may not choose one that belongs
    to a written component, or to what another block finds: such a name has a checksum behind it."""
    name, block = id_.replace("/", "_"), made.blocks[id_]
    longer = (one.id for one in made.groups if len(one.id) > len(block))
    if name in made.tables or any(name.startswith(f"{other}_") for other in longer):
        return f"{name}-{crc32(id_.encode()):08x}"
    return name


def _check_blocks(made: Made, recovery: Recovery, seen: dict[str, Common], problems: Problems) -> None:
    """What is wrong with blocks with `match`, whether they stand for anything just now or not."""
    if not made.groups:
        return
    from heartbeat_cli.config import groups

    for group in made.groups:
        noted, unresolved = len(problems.lines), len(problems.unresolved)
        _component(group.id, f"components.{group.id}", groups.sample(group), recovery, seen, problems)
        del problems.unresolved[unresolved:]  # of these there is no component to do without
        if made.is_of_fleet(group.id):
            problems.demote(noted)


def _component(
    id_: str,
    where: str,
    table: Mapping[str, Any],
    recovery: Recovery,
    seen: dict[str, Common],
    problems: Problems,
    file_name: str = "",
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
    if usable and common.interval is not None and (find := vars(module).get("interval_problems")):
        for key, text in find(settings, common.interval):
            problems.add(f"{where}.{key}", text)
    scope = ladders.Scope(id_, table["kind"], settings, recovery.scripts, f"{where}.recovery", file_name)
    default = _default_ladder(module, settings) if usable else ()
    plan = ladders.plan(table.get("recovery", recovery.mode), default, scope, problems)
    for number, step in enumerate(plan.ladder):
        if (kill := getattr(step.settings, "hang_kill", 0.0)) >= recovery.timeout:
            short = f"{kill:g} s are never reached: a step has {recovery.timeout:g} s ([recovery] timeout)"
            problems.add(f"{where}.recovery.ladder[{number}].hang_kill", short)
    severity: Severity = vars(module).get("SEVERITY", "high")
    return Component(id_, table["kind"], settings, common, plan, severity, broken)


def _default_ladder(module: Any, settings: Any) -> Sequence[Mapping[str, Any]]:
    """The steps that a kind has where a component has none of its own: always the same, or by its settings."""
    optional = vars(module)  # of these names most are missing, which `getattr` words as an error each time
    by_settings = optional.get("ladder")
    steps: Sequence[Mapping[str, Any]] = by_settings(settings) if by_settings else optional.get("LADDER", ())
    return steps


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
