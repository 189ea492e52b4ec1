"""The Model Context Protocol, as far as a check speaks it: its two generations, what is asked, what answers hold.

Up to revision 2025-11-25 a client opens a session: `initialize`, `notifications/initialized`, and over HTTP the headers
`Mcp-Session-Id` and `MCP-Protocol-Version`.
https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
From 2026-07-28 on there is neither handshake nor session nor `ping`: each request carries protocol version and client
in `_meta`, over HTTP also in headers, and `server/discover` says what the server supports.
https://modelcontextprotocol.io/specification/2026-07-28/basic
"""

from collections.abc import Mapping
from typing import Any, Literal

from heartbeat_cli.domain.kinds.json_rpc import INVALID_PARAMS, METHOD_NOT_FOUND, RpcError
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record

Era = Literal["handshake", "stateless"]
HANDSHAKE: Era = "handshake"
STATELESS: Era = "stateless"
ERAS: tuple[Era, ...] = (STATELESS, HANDSHAKE)  # in the order in which a server that is not known yet is asked

OFFERED = "2025-11-25"  # the newest revision with a handshake
NEWEST = "2026-07-28"
UNSUPPORTED_VERSION = -32022
_PREFIX = "io.modelcontextprotocol/"
_SAFE = frozenset(map(chr, range(0x21, 0x7F)))  # what the value of a header may hold without being encoded
_LONGEST_HEADER = 1_024


class Message(Record):
    """A request to send: its method, its parameters, and the headers it has over HTTP."""

    method: str
    params: Mapping[str, Any]
    headers: tuple[tuple[str, str], ...] = ()


class Tools(Record):
    """A page of a list of tools: the names, and where the next page begins."""

    names: tuple[str, ...]
    cursor: str | None


def initialize(client_version: str) -> Message:
    client = {"name": "heartbeat", "version": client_version}
    params = {"protocolVersion": OFFERED, "capabilities": {}, "clientInfo": client}
    return Message("initialize", params)


def stateless(method: str, params: Mapping[str, Any], client_version: str) -> Message:
    """A request of the revision without a handshake."""
    client = {"name": "heartbeat", "version": client_version}
    about = {"protocolVersion": NEWEST, "clientInfo": client, "clientCapabilities": {}}
    meta = {f"{_PREFIX}{key}": value for key, value in about.items()}
    headers = [("MCP-Protocol-Version", NEWEST), ("Mcp-Method", method)]
    if method == "tools/call":
        headers.append(("Mcp-Name", header_value(str(params.get("name")))))
    return Message(method, {**params, "_meta": meta}, tuple(headers))


def header_value(text: str) -> str:
    """A text as the value of a header: as it is, or in base64 where a header could not carry it."""
    plain = all(sign in _SAFE or sign == " " for sign in text) and text == text.strip()
    if plain and not text.startswith("=?base64?"):
        return text
    from base64 import b64encode

    return f"=?base64?{b64encode(text.encode()).decode()}?="


def session_header(value: str | None) -> str | None:
    """The session that a server named, None where it named none that a header can carry."""
    return value if value and len(value) <= _LONGEST_HEADER and _SAFE.issuperset(value) else None


def version_of(result: Mapping[str, Any]) -> str:
    """The revision that the server chose in its answer to `initialize`."""
    value = result.get("protocolVersion")
    return value if isinstance(value, str) and session_header(value) else OFFERED


def server_of(result: Mapping[str, Any]) -> str:
    """Name and version of the server, for a person; empty where it does not say."""
    meta = result.get("_meta")
    about = result.get("serverInfo") or (meta.get(f"{_PREFIX}serverInfo") if isinstance(meta, Mapping) else None)
    words = (about.get("name"), about.get("version")) if isinstance(about, Mapping) else ()
    return one_line(" ".join(word for word in words if isinstance(word, str)), 100)


def is_stateless(result: Mapping[str, Any]) -> bool:
    """Whether an answer to `server/discover` names the revision that a check speaks."""
    versions = result.get("supportedVersions")
    return isinstance(versions, list) and NEWEST in versions


def other_era(error: RpcError) -> bool:
    """Whether an error in answer to the first request may mean that the server is of the other generation."""
    return error.code in (UNSUPPORTED_VERSION, METHOD_NOT_FOUND, INVALID_PARAMS)


def supported(error: RpcError) -> str:
    """The revisions that an error names, for a person."""
    versions = error.data.get("supported") if isinstance(error.data, Mapping) else None
    found = versions[:10] if isinstance(versions, list) else ()
    return one_line(", ".join(one for one in found if isinstance(one, str)), 100)


def tools_of(result: Mapping[str, Any]) -> Tools | None:
    """The page in an answer to `tools/list`; None where the answer is none."""
    listed, cursor = result.get("tools"), result.get("nextCursor")
    if not isinstance(listed, list):
        return None
    names = (one.get("name") for one in listed if isinstance(one, Mapping))
    return Tools(tuple(name for name in names if isinstance(name, str)), cursor if isinstance(cursor, str) else None)


def tool_error(result: Mapping[str, Any]) -> str | None:
    """What a tool said of its own failure in an answer to `tools/call`; None where it did what it should."""
    if result.get("isError") is not True:
        return None
    content = result.get("content")
    texts = [one.get("text") for one in content if isinstance(one, Mapping)] if isinstance(content, list) else []
    return one_line(" ".join(text for text in texts if isinstance(text, str)), 200) or "isError"
