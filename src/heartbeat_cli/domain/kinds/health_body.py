"""What a health answer's body says: pure rules over its text. `monitors/agent.py` adds the HTTP side.

`understand` knows the common shapes (health+json, Spring Actuator, `{"ok": true}`); `at_path` and `as_text`
serve the explicit `json` rule.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.plain import one_line, whole

Opinion = Literal["healthy", "degraded", "unhealthy"]

_WORDS: dict[str, Opinion] = {
    **dict.fromkeys(("ok", "okay", "up", "pass", "passing", "healthy", "alive", "ready", "live", "true"), "healthy"),
    **dict.fromkeys(("warn", "warning", "degraded"), "degraded"),
    **dict.fromkeys(("fail", "failed", "failing", "down", "out_of_service", "unhealthy", "error"), "unhealthy"),
    **dict.fromkeys(("critical", "false"), "unhealthy"),
}
_STATUS_KEYS = ("status", "state", "health")
_FLAG_KEYS = ("ok", "healthy")
_EXPLAINING = ("output", "message", "error", "detail", "reason", "description", "title")
_EXPLANATION_LIMIT = 200
_DEEPEST_PATH = 20

MISSING = object()


class Verdict(NamedTuple):
    """`opinion` None: the body does not say. `said` is the word it used, `why` how it explains that it is not well."""

    opinion: Opinion | None
    said: str = ""
    why: str = ""


def parse(body: str) -> Any:
    """The JSON value of the body, or MISSING. Nesting without end is as little JSON as any other noise."""
    try:
        return foreign_json.parse(body)
    except foreign_json.NotJson:
        return MISSING


def understand(value: Any) -> Verdict:
    """The verdict of a parsed health document of a known shape; no opinion on any other."""
    if not isinstance(value, dict):
        return Verdict(None)
    for key in _STATUS_KEYS:
        opinion = judge_word(value.get(key))
        if opinion is not None:
            return _verdict(opinion, key, value)
    for key in _FLAG_KEYS:
        if isinstance(value.get(key), bool):
            return _verdict("healthy" if value[key] else "unhealthy", key, value)
    return Verdict(None)


def _verdict(opinion: Opinion, key: str, value: Mapping[str, Any]) -> Verdict:
    why = "" if opinion == "healthy" else explanation(value)
    return Verdict(opinion, f"{key} {as_text(value[key])}", why)


def judge_word(value: Any) -> Opinion | None:
    """The opinion behind a status word (any case) or a boolean; None for anything else."""
    if isinstance(value, bool):
        return "healthy" if value else "unhealthy"
    return _WORDS.get(value.strip().lower().replace("-", "_")) if isinstance(value, str) else None


def explanation(value: Any) -> str:
    """How the document explains itself, in one bounded line; "" when it does not."""
    if not isinstance(value, dict):
        return ""
    for key in _EXPLAINING:
        found = value.get(key)
        if isinstance(found, dict):
            found = found.get("message")
        if isinstance(found, str) and found.strip():
            return one_line(found, _EXPLANATION_LIMIT)
    return ""


def at_path(value: Any, path: str) -> Any:
    """The value at a dotted path (`status`, `checks.0.state`); MISSING where the path leads nowhere."""
    for step in path.split(".")[:_DEEPEST_PATH]:
        if isinstance(value, dict):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and (place := whole(step, len(value) - 1)) is not None:
            value = value[place]
        else:
            return MISSING
    return value


def path_problem(path: str) -> str | None:
    """What is wrong with a dotted path, None when it can be followed."""
    steps = path.split(".")
    if not all(steps):
        return "has an empty step; expected names or list positions joined by dots, like checks.0.state"
    if len(steps) > _DEEPEST_PATH:
        return f"has more than {_DEEPEST_PATH} steps"
    return None


def as_text(value: Any) -> str:
    """A JSON value the way a user would write it to compare with: text bare, true, false, null, numbers."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
