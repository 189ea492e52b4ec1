"""Imports pathlib without urllib.parse, which with ipaddress takes as long as pathlib itself, and which it needs for
`Path.as_uri` alone. Imported first, by `cli`: whoever imports pathlib afterwards finds it there."""

from types import ModuleType

from heartbeat_cli.system import lean_import


def _quote_from_bytes(text: bytes, safe: str = "/") -> str:
    from urllib.parse import quote_from_bytes

    return quote_from_bytes(text, safe)


_stub = ModuleType("urllib.parse")
_stub.quote_from_bytes = _quote_from_bytes  # type: ignore[attr-defined]
lean_import.without("pathlib", _stub)
