"""A small FastMCP server, run by the interpreter that `.ci/agents` makes: `fastmcp_server.py stdio` or `… PORT sse`.

The environment may name further tools in `TOOLS`, the bearer token that every client must send in `TOKEN`, and in
`BROKEN` a file: while it is there, those tools report an error."""

import os
import sys

import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier
from starlette.requests import Request
from starlette.responses import PlainTextResponse

TOKEN = os.environ.get("TOKEN")
auth = StaticTokenVerifier({TOKEN: {"client_id": "heartbeat", "scopes": []}}) if TOKEN else None
server = FastMCP("small", auth=auth)


@server.tool
def add(a: int, b: int) -> int:
    return a + b


@server.tool
def broken() -> str:
    raise ValueError("no disk")


def further(query: str = "", limit: int = 10) -> list[str]:
    if os.path.exists(os.environ.get("BROKEN", "")):
        raise ValueError("no index")
    return [query][:limit]


for name in os.environ.get("TOOLS", "").split():
    server.tool(further, name=name)


def over_http(port: int, json: bool) -> None:
    app = server.http_app(transport="http", json_response=json)

    async def sessions(_: Request) -> PlainTextResponse:
        (endpoint,) = [route.app for route in app.routes if getattr(route, "path", "") == "/mcp"]
        return PlainTextResponse(str(len(endpoint.session_manager._server_instances)))

    app.add_route("/sessions", sessions)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run(show_banner=False)
    else:
        over_http(int(sys.argv[1]), sys.argv[2] == "json")
