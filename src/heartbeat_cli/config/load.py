"""Finds the configuration, reads it, checks it as a whole. Nothing here does I/O beyond reading files.

A mistake in the file stops everything, and all mistakes are listed. An `env:` or `file:` reference that is unresolved
in one component or channel stops only that one: nine agents stay watched while the tenth's token file is away. So does
what is wrong in a file that `each` is read from.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heartbeat_cli import plugins
from heartbeat_cli.config import files, maintenance, prepared
from heartbeat_cli.config.components import Made, build_components, check_channels, id_tables, kind_module
from heartbeat_cli.config.files import File
from heartbeat_cli.config.problems import Problems, suggestion
from heartbeat_cli.config.sections import (
    CHANNEL_LIMITS,
    SECTIONS,
    SQLITE,
    Heartbeat,
    Recovery,
    StatusPage,
    check_section,
    check_values,
)
from heartbeat_cli.config.settings import build_kind, build_partly
from heartbeat_cli.config.types import Channel, Config
from heartbeat_cli.domain.alerting.channel import ChannelCommon, fallback_circle
from heartbeat_cli.domain.component import Component
from heartbeat_cli.errors import ConfigError, UsageError
from heartbeat_cli.http import proxies
from heartbeat_cli.redact import worth_hiding
from heartbeat_cli.system import trusted

if TYPE_CHECKING:
    from heartbeat_cli.config.groups import Finder

_NO_CHANNELS = {"console": {"kind": "console"}}  # an alert is never without a reader
_PATHS = ("state_dir", "templates", "scripts", "file", "badges")


def find(explicit: str | None, say: Callable[[str], None] = lambda text: None) -> Path | None:
    """The configuration file to use, or None; `say` is called for one that is skipped. Raises UsageError for a named
    file that is not there."""
    named = explicit or os.environ.get("HEARTBEAT_CONFIG")
    if named:
        try:
            os.stat(named)
        except (FileNotFoundError, NotADirectoryError):
            origin = "--config" if explicit else "$HEARTBEAT_CONFIG"
            raise UsageError(f"{named}: no such file ({origin}); `heartbeat init -o {named}` writes one") from None
        except OSError as error:
            raise UsageError(f"{named}: cannot be read: {error.strerror}") from error
        return Path(named)
    own = os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "heartbeat/heartbeat.toml")
    if os.path.isfile("heartbeat.toml"):  # in a shared folder it may be anybody's
        if (why := trusted.why_not("heartbeat.toml")) is None:
            return Path("heartbeat.toml")
        say(f"heartbeat: ./heartbeat.toml is passed over: {why}")
    return next((Path(path) for path in (own, "/etc/heartbeat/heartbeat.toml") if os.path.isfile(path)), None)


def read(path: Path, find: "Finder | None" = None) -> Config:
    """The configuration in a file, and those that it includes; `find` says what blocks with `match` stand for (default:
    what was found last). Raises ConfigError with every problem in it, each with its line."""
    tables, read_from, twice = files.read(path, prepared.tables_of)
    return load(tables, str(path), path.absolute().parent, read_from, find, twice)


def load(
    tables: Mapping[str, Any],
    source: str,
    folder: Path | None = None,
    read_from: Sequence[File] = (),
    find: "Finder | None" = None,
    wrong: Sequence[str] = (),
) -> Config:
    """The configuration in tables as TOML gives them; relative paths in it start from `folder` (default: the current
    one). Raises ConfigError with every problem in them, and what is `wrong` already."""
    problems = Problems(source, folder, wrong)
    _check_names(tables, problems)
    _begin_plugins(tables)
    sections = {name: _section(name, tables, problems) for name in SECTIONS}
    named = _subtable(tables, "channels", problems) or _NO_CHANNELS
    channels = _channels(named, problems)
    if sections["report"] is not None:
        check_channels(sections["report"].channels, "report.channels", named, problems)
    made = _made(tables, sections["heartbeat"], find, problems)
    components = build_components(made, sections["recovery"] or Recovery(), named, problems)
    _check_reach(channels, sections, components, made, problems)
    planned = maintenance.planned(_windows(tables, problems), components, made.may_be, problems)
    if problems.lines:
        raise ConfigError(located(problems.lines + problems.unresolved, read_from, made.blocks))
    if proxy := sections["heartbeat"].proxy:
        channels, components = proxies.channels(channels, proxy), proxies.components(components, proxy)
    return Config(
        source=source,
        components=components,
        channels=channels,
        maintenance=planned,
        secrets=worth_hiding(problems.secrets),
        tables={**tables, "components": made.tables},
        unresolved=tuple(problems.unresolved),
        files=tuple(read_from),
        blocks=made.blocks,
        **_of_groups(made),
        **sections,
    )


def _of_groups(made: Made) -> dict[str, Any]:
    names = ("fresh", "elsewhere", "left_out")
    found = {"groups": tuple(made.groups), **{name: getattr(made, name) for name in names}}
    unread = made.unseen | (made.fleets.keys() - made.rows.keys())
    return {"fleets": made.rows, "unread": frozenset(unread), **found}


def _windows(tables: Mapping[str, Any], problems: Problems) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    return id_tables(_subtable(tables, "maintenance", problems), "maintenance", problems)


def _check_reach(
    channels: Mapping[str, Channel],
    sections: Mapping[str, Any],
    components: Mapping[str, Component],
    made: Made,
    problems: Problems,
) -> None:
    """Whether the components are there that channels are for, and those that the status page names."""
    for one in channels.values():
        maintenance.check_channel(one.common, f"channels.{one.id}", components, made.may_be, problems)
    page, dashboard = sections["status_page"], sections["dashboard"]
    if page is not None and page != StatusPage():
        from heartbeat_cli.config import status_page  # most configurations have none

        status_page.check(page, dashboard.file if dashboard else None, components, made.may_be, problems)


def _check_names(tables: Mapping[str, Any], problems: Problems) -> None:
    known = [*SECTIONS, "components", "channels", "maintenance", "defaults"]
    for name in tables:
        if name not in known:
            problems.add(str(name), f"unknown section{suggestion(name, known)}")


def _begin_plugins(tables: Mapping[str, Any]) -> None:
    """Have the plug-ins that are named imported, each in its process, while the rest is read."""
    for package, section in (("monitors", "components"), ("channels", "channels")):
        named = tables.get(section)
        every = named.values() if isinstance(named, Mapping) else ()
        words = {one.get("kind") for one in every if isinstance(one, Mapping) and isinstance(one.get("kind"), str)}
        plugins.begin(package, (word for word in words if word))


def _made(tables: Mapping[str, Any], heartbeat: Heartbeat | None, find: "Finder | None", problems: Problems) -> Made:
    """The tables of all components: those that are written, those of blocks with `each`, and those of blocks with
    `match` (which are not looked for where the configuration cannot be used anyhow)."""
    written = _subtable(tables, "components", problems)
    if "defaults" not in tables and not any(map(_is_block, written.values())):
        return Made(written, {})
    from heartbeat_cli.config import expand, groups  # every pass pays for imports

    def folder() -> Path:
        from heartbeat_cli.config import places

        return places.folder_of(problems.source, heartbeat.state_dir if heartbeat else None)

    full, made, fleets, rows, lost, partly = expand.components(
        written, tables.get("defaults", {}), problems, lambda: _rows(folder()) if heartbeat else {}
    )
    tables, of_files = full, [id_ for id_ in full if made.get(id_, id_) in fleets]
    full, matching, lost = groups.split(tables, problems, of_files, lost)
    partly |= {made.get(id_, id_) for id_ in lost if "match" in tables[id_]}
    if not matching or heartbeat is None:
        return Made(full, made, matching, fleets=fleets, rows=rows, lost=lost, unseen=partly)
    there = (find or groups.remembered)(folder(), matching)
    for group in matching:
        found = groups.tables_of(group, there.names.get(group.id, ()))
        full |= found
        made |= dict.fromkeys(found, group.id)
    unknown = [group for group in matching if group.id not in there.names]
    for group in unknown:
        taken = {*full, *made} - {group.id}
        more = groups.stand_in(group, taken, heartbeat.observer or os.uname().nodename)
        full |= more
        made = {**dict.fromkeys(more, group.id), **made}  # that of `each` has made the block itself
        lost = {**lost, **dict.fromkeys(more, groups.why_unknown(group))}
    elsewhere = frozenset(groups.id_of(block, name) for block, names in there.elsewhere.items() for name in names)
    unseen = partly | {group.id for group in unknown}
    return Made(full, made, matching, there.fresh, elsewhere, fleets, there.left_out, rows, lost, unseen)


def _is_block(table: Any) -> bool:
    """Whether it may stand for many components."""
    return isinstance(table, Mapping) and ("each" in table or "match" in table)


def _rows(folder: Path) -> Mapping[str, Any]:
    from heartbeat_cli.config import fleets  # only where a file cannot be read

    return fleets.remembered(folder)


def located(lines: Sequence[str], read_from: Sequence[File], blocks: Mapping[str, str]) -> list[str]:
    """The problems of a configuration that was read from files, with file and line."""
    if not read_from:
        return list(lines)
    from heartbeat_cli.config import origins

    return origins.located(lines, origins.Origins(read_from, blocks))


def _section(name: str, tables: Mapping[str, Any], problems: Problems) -> Any:
    """One section, its paths made absolute. Unresolved references in it stop everything."""
    found = build_partly(SECTIONS[name], _subtable(tables, name, problems), name, problems)
    if problems.unresolved:
        problems.lines += problems.unresolved
        problems.unresolved.clear()
        return None
    noted = len(problems.lines)
    check_section(name, found.settings, problems)
    if found.wrong:
        problems.keep(noted, name, found.right)
        return None
    return _absolute_paths(found.settings, problems.folder)


def _absolute_paths(section: Any, folder: Path) -> Any:
    """Make paths relative to the configuration's folder, wherever the process was started, so that cron and a shell use
    the same store."""

    def absolute(path: str) -> str:
        return str(folder / os.path.expanduser(path))

    paths = {key: absolute(value) for key in _PATHS if (value := getattr(section, key, None))}
    if isinstance(section, Heartbeat) and (section.store or "").startswith(SQLITE):
        paths["store"] = SQLITE + absolute((section.store or "").removeprefix(SQLITE))
    return section._replace(**paths)


def _subtable(tables: Mapping[str, Any], name: str, problems: Problems) -> Mapping[str, Any]:
    table = tables.get(name, {})
    if isinstance(table, Mapping):
        return table
    problems.add(name, "expected a section, as in [" + name + "]")
    return {}


def _channels(tables: Mapping[str, Any], problems: Problems) -> dict[str, Channel]:
    found = {}
    for id_, where, table in id_tables(tables, "channels", problems):
        shared = {key: value for key, value in table.items() if key in ChannelCommon.__annotations__}
        common = build_partly(ChannelCommon, shared, where, problems).settings
        check_values(common, where, CHANNEL_LIMITS, problems)
        if common.fallback is not None:
            check_channels([common.fallback], f"{where}.fallback", tables, problems)
        if (module := kind_module("channels", table, where, problems)) is not None:
            own = {key: value for key, value in table.items() if key != "kind" and key not in shared}
            settings, broken = build_kind(module, own, where, problems, ChannelCommon.__annotations__)
            found[id_] = Channel(id_, table["kind"], settings, broken, common)
    if circle := fallback_circle({id_: one.common.fallback for id_, one in found.items()}):
        problems.add("channels", f"fallback goes round in a circle: {' → '.join(circle)}")
    return found
