"""JSON-RPC messages: the reply among whatever a server sends."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_cli.domain.kinds import json_rpc, mcp
from heartbeat_cli.domain.kinds.json_rpc import RpcError, reply_to


def message(**fields: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **fields}).encode()


@pytest.mark.parametrize(
    ("texts", "lenient", "found"),
    [
        ([message(id=7, result={"a": 1})], False, {"a": 1}),
        ([message(id=6, result={}), b"noise", message(id=7, result={"b": 2})], False, {"b": 2}),
        ([b"[" + message(id=6, result={}) + b"," + message(id=7, result={}) + b"]"], False, {}),
        ([message(id=7, error={"code": -1, "message": "a\nb", "data": [1]})], False, RpcError(-1, "a b", [1])),
        ([message(id=7, error={"code": "x"})], False, RpcError(0, "")),
        ([message(id=None, error={"code": -1, "message": "m"})], True, RpcError(-1, "m")),
        ([message(id=None, error={"code": -1, "message": "m"})], False, None),
        ([message(id=None, result={})], True, None),
        ([message(id=7, method="ping")], False, None),
        ([message(id=True, result={}), message(id="7", result={}), message(id=7, result=3)], False, None),
        ([b'{"id": 7, "result": {}}'], False, None),
    ],
)
def test_replies(texts: list[bytes], lenient: bool, found: Any) -> None:
    assert reply_to(7, texts, lenient=lenient) == found


def test_what_is_sent_is_one_line() -> None:
    sent = json_rpc.encode("tools/call", {"name": "a\nb", "x": "ü"}, 3)
    assert b"\n" not in sent and sent.isascii()
    assert json.loads(sent) == {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "a\nb", "x": "ü"}}
    assert json.loads(json_rpc.encode("notifications/initialized", {})) == {
        "jsonrpc": "2.0",
        "method": "notifications/initialized",
    }


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["id", "jsonrpc", "result", "error", "method", "code", "message", "data", "tools", "name", "nextCursor", "content",
     "isError", "supported", "supportedVersions", "protocolVersion", "serverInfo", "_meta", "version", "text"]
)  # fmt: skip


@given(st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES)), st.binary(max_size=60))
def test_whatever_a_server_says_is_borne(value: dict[str, Any], raw: bytes) -> None:
    found = reply_to(7, [message(**{**value, "jsonrpc": "2.0", "id": 7}), raw], lenient=True)
    assert found is None or isinstance(found, RpcError | dict)
    mcp.supported(RpcError(-32022, "", value))
    for read in (mcp.tools_of, mcp.tool_error, mcp.server_of, mcp.version_of, mcp.is_stateless):
        read(value)


@given(st.text(max_size=20))
def test_a_name_in_a_header_breaks_no_line(name: str) -> None:
    value = mcp.header_value(name)
    assert value.isascii() and value.isprintable() and value == value.strip()


@pytest.mark.parametrize("value", ["", None, "a b", "a\nb", "ü", "x" * 1_025])
def test_a_session_that_no_header_can_carry_is_none(value: str | None) -> None:
    assert mcp.session_header(value) is None
