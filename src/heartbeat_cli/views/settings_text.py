"""The effective configuration as a tree of plain values and as TOML, secrets blotted out."""

from collections.abc import Mapping
from typing import Any

from heartbeat_cli.config.sections import SECTIONS
from heartbeat_cli.config.settings import key_of
from heartbeat_cli.config.types import Config
from heartbeat_cli.domain.alerting.windows import Window
from heartbeat_cli.domain.component import Component, Guard, Plan
from heartbeat_cli.domain.plain import UNSEEN
from heartbeat_cli.redact import BLOT, SENT, is_secret, redact
from heartbeat_cli.views import settings_origins

_Tree = dict[str, Any]


def tree(config: Config) -> _Tree:
    """Every effective setting by section; what is unset is left out."""
    found: _Tree = {name: _plain(getattr(config, name), config) for name in SECTIONS}
    found["heartbeat"] |= {"store": redact(config.store, config.secrets), "timezone": config.timezone}
    found["heartbeat"] |= {"observer": config.observer, "state_dir": str(config.state_dir)}
    groups = {one.id: one for one in config.groups}  # what they stand for changes by itself, and has ids with a slash
    written = [one for one in config.components.values() if config.blocks.get(one.id) not in groups]
    found["components"] = {one.id: _component(one, config) for one in written}
    found["components"] |= {
        one.id: {**_value(one.table, config, one.id), "match": dict(one.match)} for one in groups.values()
    }
    found["channels"] = {
        one.id: {"kind": one.kind, **_plain(one.settings, config), **_plain(one.common, config)}
        for one in config.channels.values()
    }
    found["maintenance"] = {one.id: _window(one) for one in config.maintenance.values()}
    return found


def _window(window: Window) -> _Tree:
    times = {"from": window.first, "until": window.last}
    found: _Tree = {key: at.isoformat() for key, at in times.items() if at is not None}
    if window.schedule is not None:
        found |= {"cron": window.schedule.text, "duration": window.seconds}
    if window.timezone is not None:
        found["timezone"] = window.timezone
    own = {"components": list(window.components), "reason": window.reason, "recovery": "on" if window.heals else "off"}
    return {**own, **found}


def toml_text(config: Config) -> str:
    """Every effective setting as TOML that can be read again, with the place where it was written behind it; what leads
    nowhere just now stands above it."""
    broken = [f"# cannot be used: {line}" for line in config.unresolved]
    found = tree(config)
    head = f"# effective settings of {config.source}"
    if config.files:
        head += "; a value without a place behind it is the program's default"
    text = settings_origins.commented(toml(found), settings_origins.written(config, found))
    return "\n".join([head, *broken, text])


def json_tree(config: Config) -> _Tree:
    """Every effective setting by section, and in `origins` the place of each that was written in a file, by its key."""
    found = tree(config)
    written = settings_origins.written(config, found)
    return found | {"origins": {settings_origins.dotted(path): one.place for path, one in written.items()}}


def _component(component: Component, config: Config) -> _Tree:
    return {
        "kind": component.kind,
        **_plain(component.settings, config),
        **_plain(component.common, config),
        "severity": component.severity,
        "recovery": _recovery(component.plan, config),
    }


def _recovery(plan: Plan, config: Config) -> _Tree:
    ladder = [{"action": step.action, **_plain(step.settings, config)} for step in plan.ladder]
    limits = {"startup_grace": plan.startup_grace, "budget": plan.budget, "backoff": plan.backoff}
    found: _Tree = {
        "mode": plan.mode,
        "ladder": ladder,
        **{key: value for key, value in limits.items() if value is not None},
    }
    guard = plan.guard or Guard()
    for key, call in (("busy", guard.busy), ("drain", guard.drain)):
        if call is not None:
            found[key] = _plain(call.settings, config)
    if guard.busy is not None:
        found |= {"busy_wait": guard.wait, "busy_then": guard.then}
    return found


def _plain(settings: Any, config: Config) -> _Tree:
    if settings is None:  # of a component that an entry of a file makes wrong
        return {}
    return {key_of(k): _value(v, config, key_of(k)) for k, v in settings._asdict().items() if v is not None}


def _value(value: Any, config: Config, key: str) -> Any:
    """A value, its secrets blotted out: what stands under a secret key, whatever it is, and secrets by their text."""
    if isinstance(value, str):
        # A reference is still here only if it leads nowhere.
        if key in SENT or (is_secret(key) and not value.startswith(("env:", "file:"))):
            return BLOT
        return redact(value, config.secrets)
    if hasattr(value, "_fields"):  # a table within a table
        return _plain(value, config)
    if isinstance(value, tuple | list):
        return [_value(item, config, key) for item in value]
    if isinstance(value, Mapping):
        if key in SENT:
            return dict.fromkeys(value, BLOT)
        return {name: _value(item, config, name) for name, item in value.items()}
    return value


def toml(values: Mapping[str, Any]) -> str:
    """A tree of settings as TOML text, with escapes for the characters that nobody sees."""
    import re

    import tomli_w

    # TOML lets them stand in strings only, and in strings an escape means the same.
    return re.sub(UNSEEN, lambda one: f"\\U{ord(one[0]):08x}", tomli_w.dumps(_short(values)))


def _short(value: Any) -> Any:
    """The same with 30 for 30.0, as a person writes it."""
    if isinstance(value, Mapping):
        return {key: _short(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_short(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
