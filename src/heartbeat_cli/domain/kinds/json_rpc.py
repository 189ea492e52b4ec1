"""JSON-RPC 2.0 messages: requests, notifications, and the reply among what a server sends.

https://www.jsonrpc.org/specification
"""

from collections.abc import Iterable, Mapping
from typing import Any

from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record

METHOD_NOT_FOUND, INVALID_PARAMS = -32601, -32602
_MOST_VALUES = 200_000  # in one message


class RpcError(Record):
    """What a server answered instead of a result; `data` is whatever it added."""

    code: int
    message: str
    data: Any = None


Reply = Mapping[str, Any] | RpcError


def encode(method: str, params: Mapping[str, Any], number: int | None = None) -> bytes:
    """A request on one line, without a line end; a notification where there is no number."""
    import json

    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if number is not None:
        message["id"] = number
    if params:
        message["params"] = params
    return json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode()


def reply_to(number: int, texts: Iterable[bytes], *, lenient: bool = False) -> Reply | None:
    """The reply to the request with this number among messages, each a text of JSON (an object, or a batch of them);
    None where there is none. `lenient`: an error whose id is null counts, too, as a server sends it that could not
    read which request it refuses."""
    for text in texts:
        for message in _messages(text):
            found = _reply(message)
            if found is None:
                continue
            if _is(message.get("id"), number) or (
                lenient and isinstance(found, RpcError) and message.get("id") is None
            ):
                return found
    return None


def _messages(text: bytes) -> list[Mapping[str, Any]]:
    if foreign_json.values(text) > _MOST_VALUES:
        return []
    try:
        value = foreign_json.parse(text)
    except foreign_json.NotJson:
        return []
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, Mapping) and one.get("jsonrpc") == "2.0"]


def _is(given: Any, number: int) -> bool:
    return given == number and not isinstance(given, bool)


def _reply(message: Mapping[str, Any]) -> Reply | None:
    result, error = message.get("result"), message.get("error")
    if isinstance(error, Mapping):
        code = error.get("code")
        code = code if isinstance(code, int) and not isinstance(code, bool) and abs(code) < 2**53 else 0
        return RpcError(code, one_line(str(error.get("message") or ""), 200), error.get("data"))
    return result if isinstance(result, Mapping) and "method" not in message else None
