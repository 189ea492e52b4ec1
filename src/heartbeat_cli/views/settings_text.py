"""The effective configuration as a tree of plain values and as TOML, secrets blotted out."""

from collections.abc import Mapping
from typing import Any

from heartbeat_cli.config import Config
from heartbeat_cli.redact import redact
from heartbeat_cli.sections import SECTIONS
from heartbeat_cli.settings import key_of

_Tree = dict[str, Any]


def tree(config: Config) -> _Tree:
    """Every effective setting by section; what is unset is left out."""
    found: _Tree = {name: _plain(getattr(config, name), config) for name in SECTIONS}
    found["heartbeat"] |= {"store": redact(config.store, config.secrets), "timezone": config.timezone}
    found["heartbeat"] |= {"observer": config.observer, "state_dir": str(config.state_dir)}
    found["components"] = {one.id: _component(one, config) for one in config.components.values()}
    found["channels"] = {one.id: {"kind": one.kind, **_plain(one.settings, config)} for one in config.channels.values()}
    return found


def _component(component: Any, config: Config) -> _Tree:
    ladder = [{"action": rung.action, **_plain(rung.settings, config)} for rung in component.plan.ladder]
    return {
        "kind": component.kind,
        **_plain(component.settings, config),
        **_plain(component.common, config),
        "severity": component.severity,
        "recovery": {"mode": component.plan.mode, "ladder": ladder},
    }


def _plain(settings: Any, config: Config) -> _Tree:
    return {key_of(k): _value(v, config) for k, v in settings._asdict().items() if v is not None}


def _value(value: Any, config: Config) -> Any:
    if isinstance(value, str):
        return redact(value, config.secrets)
    if isinstance(value, tuple | list):
        return [_value(item, config) for item in value]
    if isinstance(value, Mapping):
        return {key: _value(item, config) for key, item in value.items()}
    return value


def toml(values: Mapping[str, Any]) -> str:
    """A tree of settings as TOML text."""
    lines: list[str] = []
    for name, table in values.items():
        if name in ("components", "channels"):
            for id_, inner in table.items():
                lines += ["", f"[{name}.{_key(id_)}]", *_lines(inner)]
        else:
            lines += ["", f"[{name}]", *_lines(table)]
    return "\n".join(lines).lstrip("\n")


def _lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {literal(value)}" for key, value in table.items()]


def literal(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)


def _key(key: str) -> str:
    import re

    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else literal(key)
