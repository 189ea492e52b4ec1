"""What a health answer's body says: pure rules over its text. `monitors/agent.py` adds the HTTP side.

`understand` knows the common shapes (health+json, Spring Actuator, `{"ok": true}`, `{"ready": false, "failing": […]}`);
`as_text` serves the explicit `json` rule.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.kinds.json_path import MISSING
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record

Opinion = Literal["healthy", "degraded", "unhealthy"]

_WORDS: dict[str, Opinion] = {
    **dict.fromkeys(("ok", "okay", "up", "pass", "passing", "healthy", "alive", "ready", "live", "true"), "healthy"),
    **dict.fromkeys(("warn", "warning", "degraded"), "degraded"),
    **dict.fromkeys(("fail", "failed", "failing", "down", "out_of_service", "unhealthy", "error"), "unhealthy"),
    **dict.fromkeys(("critical", "false"), "unhealthy"),
}
_STATUS_KEYS = ("status", "state", "health")
_FLAG_KEYS = ("ok", "healthy", "ready", "alive")
_EXPLAINING = ("output", "message", "error", "detail", "reason", "description", "title", "pendingReason")
_EXPLANATION_LIMIT = 200
_LISTING = ("failing", "failed", "unhealthy", "unavailable", "missing", "degraded", "problems", "errors", "reasons")
_NAMES = ("name", "id", "component", "message")  # what says which one an entry of such a list is
_LISTED = 10  # entries of it that are shown


class Verdict(Record):
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


def is_page(body: str) -> bool:
    """Whether the body is a web page: what a path that is not there gets from a server with a page for every path."""
    return body.lstrip("\ufeff \t\r\n")[:14].lower().startswith(("<!doctype html", "<html"))


def understand(value: Any) -> Verdict:
    """The verdict of a parsed health document of a known shape; no opinion on any other."""
    if not isinstance(value, dict):
        return Verdict(None)
    for key in _STATUS_KEYS:
        opinion = judge_word(value.get(key))
        if opinion is not None:
            return _verdict(opinion, key, value)
    flags = sorted((key for key in _FLAG_KEYS if isinstance(value.get(key), bool)), key=lambda key: bool(value[key]))
    if flags:  # one that is false comes first
        return _verdict("healthy" if value[flags[0]] else "unhealthy", flags[0], value)
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
    for key in _LISTING:
        if names := _names(value.get(key)):
            return one_line(f"{key}: {', '.join(names)}", _EXPLANATION_LIMIT)
    return ""


def _names(found: Any) -> list[str]:
    """The names in a list of texts, or of objects that have one."""
    names = []
    for one in found[:_LISTED] if isinstance(found, list) else ():
        if isinstance(one, dict):
            one = next((one[key] for key in _NAMES if isinstance(one.get(key), str)), None)
        if isinstance(one, str) and one.strip():
            names.append(one_line(one, _EXPLANATION_LIMIT))
    return names


def as_text(value: Any) -> str:
    """A JSON value the way a user would write it to compare with: text bare, true, false, null, numbers."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
