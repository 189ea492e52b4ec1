"""The configuration: found, read, checked as a whole, frozen. Nothing here does I/O beyond reading files."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from heartbeat_cli import ladders, plugins
from heartbeat_cli.domain.component import Common, Component, Severity, topological
from heartbeat_cli.domain.strategy import STRATEGIES
from heartbeat_cli.errors import ConfigError, UsageError
from heartbeat_cli.sections import SECTIONS, Dashboard, Heartbeat, Recovery, Report, Retention
from heartbeat_cli.settings import Problems, build, check, nearest

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_COMMON_KEYS = frozenset(Common.__annotations__) | {"kind", "recovery"}


class Channel(NamedTuple):
    """A way to reach people: its kind's own settings."""

    id: str
    kind: str
    settings: Any


class Config(NamedTuple):
    """Everything a pass needs to know. `source` names the file (or says that there is none);
    `secrets` are the values that must never be shown."""

    source: str
    heartbeat: Heartbeat
    components: Mapping[str, Component]
    channels: Mapping[str, Channel]
    recovery: Recovery
    retention: Retention
    report: Report
    dashboard: Dashboard
    secrets: frozenset[str]
    tables: Mapping[str, Any]

    @property
    def state_dir(self) -> Path:
        return Path(self.heartbeat.state_dir).expanduser() if self.heartbeat.state_dir else default_state_dir()

    @property
    def store(self) -> str:
        return self.heartbeat.store or f"sqlite:///{self.state_dir / 'heartbeat.db'}"

    @property
    def observer(self) -> str:
        return self.heartbeat.observer or os.uname().nodename

    @property
    def timezone(self) -> str:
        return self.heartbeat.timezone or host_timezone()


def find(explicit: str | None) -> Path | None:
    """The configuration file to use, or None. Raises UsageError for a named file that is not there."""
    named = explicit or os.environ.get("HEARTBEAT_CONFIG")
    if named:
        path = Path(named)
        if not path.is_file():
            origin = "--config" if explicit else "$HEARTBEAT_CONFIG"
            raise UsageError(f"{named}: no such file ({origin}); `heartbeat init -o {named}` writes one")
        return path
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    for path in (
        Path("heartbeat.toml"),
        home / "heartbeat/heartbeat.toml",
        Path("/etc/heartbeat/heartbeat.toml"),
    ):
        if path.is_file():
            return path
    return None


def read(path: Path) -> Config:
    """The configuration in a file. Raises ConfigError with every problem in it."""
    import tomllib

    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not UTF-8 text (byte {error.start})"]) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError([f"{path}: is not valid TOML: {error}"]) from error
    return load(tables, str(path), path.parent)


def load(tables: Mapping[str, Any], source: str, folder: Path | None = None) -> Config:
    """The configuration in tables as TOML gives them. Raises ConfigError with every problem in them."""
    problems = Problems(source, folder)
    known = [*SECTIONS, "components", "channels"]
    for name in tables:
        if name not in known:
            problems.add(str(name), f"unknown section{nearest(name, known)}")
    sections = {name: build(cls, _sub(tables, name, problems), name, problems) for name, cls in SECTIONS.items()}
    if sections["heartbeat"] is not None:
        _check_heartbeat(sections["heartbeat"], problems)
    channels = _channels(_sub(tables, "channels", problems), problems)
    recovery = sections["recovery"] or Recovery()
    components = _components(_sub(tables, "components", problems), recovery, channels, problems)
    if problems.lines:
        raise ConfigError(problems.lines)
    return Config(
        source=source,
        components=components,
        channels=channels,
        secrets=frozenset(secret for secret in problems.secrets if len(secret) >= 4),
        tables=tables,
        **sections,
    )


def default_state_dir() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "heartbeat"


def host_timezone() -> str:
    """This host's zone by name: $TZ, or where /etc/localtime points, else UTC."""
    named = os.environ.get("TZ", "").lstrip(":")
    if named and _zone_exists(named):
        return named
    try:
        target = os.readlink("/etc/localtime")
    except OSError:
        return "UTC"
    name = target.partition("zoneinfo/")[2]
    return name if name and _zone_exists(name) else "UTC"


def _zone_exists(name: str) -> bool:
    if ".." in name or name.startswith("/"):
        return False
    if os.path.isfile(f"/usr/share/zoneinfo/{name}"):
        return True
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _check_heartbeat(section: Heartbeat, problems: Problems) -> None:
    if section.timezone is not None and not _zone_exists(section.timezone):
        problems.add("heartbeat.timezone", f"no such time zone: {section.timezone!r} (as in Asia/Hong_Kong, UTC)")
    if section.strategy not in STRATEGIES:
        problems.add(
            "heartbeat.strategy",
            f"unknown strategy {section.strategy!r}{nearest(section.strategy, STRATEGIES)}",
        )
    if section.store and not section.store.startswith(("postgresql://", "postgres://", "sqlite:///")):
        problems.add("heartbeat.store", "expected postgresql://… or sqlite:///path")
    if section.templates is not None and not Path(section.templates).expanduser().is_dir():
        problems.add("heartbeat.templates", f"no such folder: {section.templates!r}")
    if section.store_timeout <= 0:
        problems.add("heartbeat.store_timeout", "expected more than 0 seconds")


def _sub(tables: Mapping[str, Any], name: str, problems: Problems) -> Mapping[str, Any]:
    table = tables.get(name, {})
    if isinstance(table, Mapping):
        return table
    problems.add(name, "expected a section, as in [" + name + "]")
    return {}


def _kind(room: str, table: Any, where: str, problems: Problems) -> Any:
    """The module of a table's `kind`, or None with the problem noted."""
    if not isinstance(table, Mapping):
        problems.add(where, f"expected a section, as in [{where}]")
        return None
    kind = table.get("kind")
    if kind is None:
        problems.add(f"{where}.kind", f"is required: one of {', '.join(plugins.kinds(room))}")
        return None
    if not isinstance(kind, str) or kind not in plugins.kinds(room):
        problems.add(f"{where}.kind", f"unknown kind {kind!r}{nearest(kind, plugins.kinds(room))}")
        return None
    return plugins.load(room, kind)


def _channels(tables: Mapping[str, Any], problems: Problems) -> dict[str, Channel]:
    found = {}
    for id_, table in tables.items():
        where = f"channels.{id_}"
        module = _kind("channels", table, where, problems)
        if module is None or not _valid_id(id_, where, problems):
            continue
        own = {key: value for key, value in table.items() if key != "kind"}
        settings = build(module.Settings, own, where, problems)
        check(module, settings, where, problems)
        found[id_] = Channel(id_, table["kind"], settings)
    return found


def _components(
    tables: Mapping[str, Any], recovery: Recovery, channels: Mapping[str, Channel], problems: Problems
) -> dict[str, Component]:
    found = {}
    for id_, table in tables.items():
        component = _component(id_, table, recovery, problems)
        if component is not None:
            found[id_] = component
    for component in found.values():
        _check_references(component, tables, channels, problems)
    if all(parent in found for c in found.values() for parent in c.common.depends_on):
        try:
            topological(found)
        except ValueError as cycle:
            problems.add("components", f"depends_on goes round in a circle: {cycle}")
    return found


def _component(id_: str, table: Any, recovery: Recovery, problems: Problems) -> Component | None:
    where = f"components.{id_}"
    module = _kind("monitors", table, where, problems)
    if module is None or not _valid_id(id_, where, problems):
        return None
    own = {key: value for key, value in table.items() if key not in _COMMON_KEYS}
    shared = {key: value for key, value in table.items() if key in Common.__annotations__}
    settings = build(module.Settings, own, where, problems)
    check(module, settings, where, problems)
    common = build(Common, shared, where, problems)
    if common is not None:
        _check_common(common, where, problems)
    if settings is None or common is None:
        return None
    scope = ladders.Scope(id_, settings, recovery.scripts, f"{where}.recovery")
    plan = ladders.plan(table.get("recovery", recovery.mode), getattr(module, "LADDER", ()), scope, problems)
    severity: Severity = getattr(module, "SEVERITY", "high")
    return Component(id_, table["kind"], settings, common, plan, severity)


def _check_common(common: Common, where: str, problems: Problems) -> None:
    for key in ("interval", "timeout", "slow_after"):
        value = getattr(common, key)
        if value is not None and value <= 0:
            problems.add(f"{where}.{key}", f"expected more than 0 seconds, got {value:g}")
    for key in ("fail_threshold", "recovery_threshold"):
        if getattr(common, key) < 1:
            problems.add(f"{where}.{key}", f"expected 1 or more, got {getattr(common, key)}")
    if not 0 <= common.retries <= 10:
        problems.add(f"{where}.retries", f"expected 0 to 10, got {common.retries}")


def _check_references(
    component: Component, tables: Mapping[str, Any], channels: Mapping[str, Channel], problems: Problems
) -> None:
    where = f"components.{component.id}"
    for parent in component.common.depends_on:
        if parent not in tables:
            problems.add(f"{where}.depends_on", f"no component {parent!r}{nearest(parent, tables)}")
    for channel in component.common.channels or ():
        if channel not in channels:
            problems.add(f"{where}.channels", f"no channel {channel!r}{nearest(channel, channels)}")


def _valid_id(id_: str, where: str, problems: Problems) -> bool:
    if _ID.fullmatch(id_):
        return True
    problems.add(
        where,
        "an id has 1 to 64 letters, digits, dots, dashes or underscores, and starts with a letter or digit",
    )
    return False
