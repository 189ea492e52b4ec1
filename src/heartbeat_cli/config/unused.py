"""What is configured and used by nothing: channels that no component notifies, defaults that no component takes,
patterns of `include` that match no file, blocks with `match` that stand for nothing. Each as key, text and advice.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from heartbeat_cli.config import files
from heartbeat_cli.config.expand import COMMON, origin
from heartbeat_cli.config.groups import Group, why_unknown
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.routing import audience
from heartbeat_cli.domain.text import Text

Unused = tuple[str, str, str]


def channels(config: Config) -> Iterator[Unused]:
    """Channels that no alert about a component can reach: none of those that could notifies them (by its `channels` and
    its severity), they stand in for no channel that is reached, and no `[report] channels` names them. Alerts about
    heartbeat itself and its host go to them all the same, and reports where `[report]` names no channels; but who
    writes a channel wants more."""
    blocks = {*config.components, *config.blocks.values()}
    if (
        not config.components
        or not config.tables.get("channels")
        or not blocks.issuperset(_written(config, "components"))
    ):
        return  # a block may stand for what is found, and for nothing just now
    common = {id_: one.common for id_, one in config.channels.items()}
    reached = {id_ for one in config.components.values() for id_ in audience(common, one.severity, one)}
    reached |= set(config.report.channels or ())
    while more := {one.fallback for id_, one in common.items() if id_ in reached and one.fallback} - reached:
        reached |= more
    for id_ in common.keys() - reached:
        text = Text("no component notifies it, and no channel falls back on it")
        advice = Text("name it in channels of a component, lower its min_severity, widen its components, or remove it")
        yield f"channels.{id_}", text, advice


def blocks(config: Config) -> Iterator[Unused]:
    """Blocks with `match` that stand for nothing: because nothing fits, or because nobody could be asked."""
    for one in _idle(config):
        if one.id in config.fresh:
            yield (
                f"components.{one.id}.match",
                Text("nothing fits it just now"),
                Text("check its spelling, if something should"),
            )
    yield from unwatched(config)


def unwatched(config: Config) -> Iterator[Unused]:
    """Blocks with `match` of which it is not known what they stand for, or that stand for more than is watched."""
    yield from _crowded(config)
    for one in _idle(config):
        if one.id not in config.fresh:
            advice = Text("see that it runs and that this user may ask it")
            yield f"components.{one.id}.match", why_unknown(one), advice


def _crowded(config: Config) -> Iterator[Unused]:
    for id_, number in config.left_out.items():
        if number:
            text = Text("{n:,} more fit it, and are not watched", n=number)
            advice = Text("each pass takes in 200 new ones, up to 2,000; match less, if there are too many")
            yield f"components.{id_}.match", text, advice


def _idle(config: Config) -> Iterator[Group]:
    standing = {*config.blocks.values()} - config.unread
    return (one for one in config.groups if one.id not in standing)


def defaults(config: Config) -> Iterator[Unused]:
    """Keys of `[defaults]` and `[defaults.<kind>]` that no component takes."""
    usual, blocks = _written(config, "defaults"), _written(config, "components")
    if not blocks:
        return
    kinds = {table.get("kind") for table in blocks.values() if isinstance(table, Mapping)}
    for name, value in usual.items():
        if name in COMMON:
            yield from _overridden(name, "defaults", blocks, usual)
        elif name not in kinds:
            yield f"defaults.{name}", Text("no component is of kind {name}", name=name), Text("remove it")
        else:
            for key in value if isinstance(value, Mapping) else ():
                yield from _overridden(key, f"defaults.{name}", blocks, usual)


def _overridden(key: str, table: str, blocks: Mapping[str, Any], usual: Mapping[str, Any]) -> Iterator[Unused]:
    if not any(origin(key, block, usual) == table for block in blocks.values()):
        text = Text("every component of that kind has it itself")
        if table == "defaults":
            text = Text("every component has it itself, or by [defaults] of its kind")
        yield f"{table}.{key}", text, Text("remove it here or there")


def includes(config: Config) -> Iterator[Unused]:
    """Patterns of `include` that match no file."""
    for number in files.unmatched(config.source, config.heartbeat.include) if config.files else ():
        pattern = config.heartbeat.include[number]
        yield (
            f"heartbeat.include[{number}]",
            Text("{pattern} matches no file", pattern=pattern),
            Text("correct it, or remove it"),
        )


def _written(config: Config, section: str) -> Mapping[str, Any]:
    """A section as it stands in the files, where defaults are not filled in yet."""
    found: dict[str, Any] = {}
    for file in config.files:
        table = file.tables.get(section)
        found |= table if isinstance(table, Mapping) else {}
    return found
