"""Finds the configuration, reads it, checks it as a whole. Nothing here does I/O beyond reading files.

A mistake in the file stops everything, and all mistakes are listed. An `env:` or `file:` reference that is unresolved
in one component or channel stops only that one: nine agents stay watched while the tenth's token file is away.
"""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from heartbeat_cli import plugins
from heartbeat_cli.config import expand, files, kind_words, ladders, maintenance, observers
from heartbeat_cli.config.files import File
from heartbeat_cli.config.problems import Problems, format_value, suggestion
from heartbeat_cli.config.sections import (
    CHANNEL_LIMITS,
    COMMON_LIMITS,
    SECTIONS,
    SQLITE,
    Heartbeat,
    Recovery,
    check_section,
    check_values,
)
from heartbeat_cli.config.settings import build_kind, build_partly
from heartbeat_cli.config.types import Channel, Config
from heartbeat_cli.domain.alerting.channel import ChannelCommon, fallback_circle
from heartbeat_cli.domain.component import Common, Component, Severity, topological
from heartbeat_cli.errors import ConfigError, UsageError
from heartbeat_cli.http import proxies
from heartbeat_cli.redact import worth_hiding
from heartbeat_cli.system import trusted

_NO_CHANNELS = {"console": {"kind": "console"}}  # an alert is never without a reader
_ID_RULE = "an id has 1 to 64 letters, digits, dots, dashes or underscores, and starts with a letter or digit"
_ID = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_COMMON_KEYS = frozenset(Common.__annotations__) | {"kind", "recovery"}
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


def read(path: Path) -> Config:
    """The configuration in a file, and those that it includes. Raises ConfigError with every problem in it, each with
    its line."""
    tables, read_from = files.read(path)
    return load(tables, str(path), path.absolute().parent, read_from)


def load(tables: Mapping[str, Any], source: str, folder: Path | None = None, read_from: Sequence[File] = ()) -> Config:
    """The configuration in tables as TOML gives them; relative paths in it start from `folder` (default: the current
    one). Raises ConfigError with every problem in them."""
    problems = Problems(source, folder)
    known = [*SECTIONS, "components", "channels", "maintenance", "defaults"]
    for name in tables:
        if name not in known:
            problems.add(str(name), f"unknown section{suggestion(name, known)}")
    sections = {name: _section(name, tables, problems) for name in SECTIONS}
    named = _subtable(tables, "channels", problems) or _NO_CHANNELS
    channels = _channels(named, problems)
    if sections["report"] is not None:
        _check_channels(sections["report"].channels, "report.channels", named, problems)
    written = _subtable(tables, "components", problems)
    full, blocks = expand.components(written, tables.get("defaults", {}), problems)
    components = _components(full, sections["recovery"] or Recovery(), named, problems)
    for one in channels.values():
        maintenance.check_channel(one.common, f"channels.{one.id}", components, problems)
    windows = _id_tables(_subtable(tables, "maintenance", problems), "maintenance", problems)
    planned = maintenance.planned(windows, components, problems)
    if problems.lines:
        raise ConfigError(located(problems.lines + problems.unresolved, read_from, blocks))
    if proxy := sections["heartbeat"].proxy:
        channels, components = proxies.channels(channels, proxy), proxies.components(components, proxy)
    return Config(
        source=source,
        components=components,
        channels=channels,
        maintenance=planned,
        secrets=worth_hiding(problems.secrets),
        tables={**tables, "components": full},
        unresolved=tuple(problems.unresolved),
        files=tuple(read_from),
        blocks=blocks,
        **sections,
    )


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


def _kind_module(room: str, table: Mapping[str, Any], where: str, problems: Problems) -> Any:
    """The module of a table's `kind`, or None with the problem noted."""
    kind = table.get("kind")
    if kind is None:
        problems.add(f"{where}.kind", f"is required: one of {', '.join(plugins.kinds(room))}")
        return None
    if not isinstance(kind, str) or kind not in plugins.kinds(room):
        problems.add(f"{where}.kind", f"unknown kind {format_value(kind)}{kind_words.suggested(kind, room)}")
        return None
    return plugins.load(room, kind)


def _id_tables(
    tables: Mapping[str, Any], section: str, problems: Problems
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The tables of `[components]` or `[channels]`: id, place in the file, content."""
    for id_, table in tables.items():
        where = f"{section}.{id_}"
        if not isinstance(table, Mapping):
            problems.add(where, f"expected a section, as in [{where}]")
        elif not re.fullmatch(_ID, id_):
            problems.add(where, _ID_RULE)
        else:
            yield id_, where, table


def _channels(tables: Mapping[str, Any], problems: Problems) -> dict[str, Channel]:
    found = {}
    for id_, where, table in _id_tables(tables, "channels", problems):
        shared = {key: value for key, value in table.items() if key in ChannelCommon.__annotations__}
        common = build_partly(ChannelCommon, shared, where, problems).settings
        check_values(common, where, CHANNEL_LIMITS, problems)
        if common.fallback is not None:
            _check_channels([common.fallback], f"{where}.fallback", tables, problems)
        if (module := _kind_module("channels", table, where, problems)) is not None:
            own = {key: value for key, value in table.items() if key != "kind" and key not in shared}
            settings, broken = build_kind(module, own, where, problems, ChannelCommon.__annotations__)
            found[id_] = Channel(id_, table["kind"], settings, broken, common)
    if circle := fallback_circle({id_: one.common.fallback for id_, one in found.items()}):
        problems.add("channels", f"fallback goes round in a circle: {' → '.join(circle)}")
    return found


def _components(
    tables: Mapping[str, Any], recovery: Recovery, channels: Collection[str], problems: Problems
) -> dict[str, Component]:
    found: dict[str, Component] = {}
    seen: dict[str, Common] = {}
    for id_, where, table in _id_tables(tables, "components", problems):
        found[id_] = _component(id_, where, table, recovery, seen, problems)
        for parent in found[id_].common.depends_on:
            if parent not in tables:
                problems.add(f"{where}.depends_on", f"no component {format_value(parent)}{suggestion(parent, tables)}")
        _check_channels(found[id_].common.channels, f"{where}.channels", channels, problems)
    try:
        topological(found)
    except ValueError as cycle:
        problems.add("components", f"depends_on goes round in a circle: {cycle}")
    return found


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
    module = _kind_module("monitors", table, where, problems)
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


def _check_channels(named: Sequence[str] | None, where: str, channels: Collection[str], problems: Problems) -> None:
    for channel in named or ():
        if channel not in channels:
            problems.add(where, f"no channel {format_value(channel)}{suggestion(channel, channels)}")
