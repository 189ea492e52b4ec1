"""The server of `heartbeat mcp`, on standard input and output, by the SDK of the protocol (the extra `mcp`)."""

import asyncio
import re
import sys
from typing import Any, cast

from mcp import MCPError
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)
from mcp.types import Tool as ListedTool

from heartbeat_cli import __version__
from heartbeat_cli.commands import _mcp_call
from heartbeat_cli.commands._mcp_call import Answer
from heartbeat_cli.commands._mcp_lines import Lines
from heartbeat_cli.commands._mcp_tools import TOOLS, UNTRUSTED, Tool, allowed

_AT_ONCE, _WAITING = 4, 32  # calls that are worked on, and that may wait, before more are refused
_NAME = 40  # characters of a client's name, and of a tool's that is repeated
_JSON = "application/json"
_DAY = r"\d{4}-\d\d-\d\d|today|yesterday"
_RESOURCES = {
    "heartbeat://status": ("The state of every component.", TOOLS["status"], {}),
    "heartbeat://incidents": ("The open incidents.", TOOLS["incidents"], {}),
    "heartbeat://report/yesterday": (
        "The report of yesterday, as Markdown.",
        TOOLS["report"],
        {"date": "yesterday", "format": "markdown"},
    ),
    "heartbeat://report/today": (
        "The report of today so far, as Markdown.",
        TOOLS["report"],
        {"date": "today", "format": "markdown"},
    ),
}
_INSTRUCTIONS = (
    "heartbeat watches components (agents, databases, containers, services, hosts), finds faults and recovers them."
    " Begin with `status` and `incidents`. Times are UTC, durations seconds. " + UNTRUSTED
)


class _Service:
    """The answers to one client."""

    def __init__(self, config: str | None, allowances: frozenset[str]) -> None:
        self._config, self._allowances = config, allowances
        self._turn, self._calls = asyncio.Semaphore(_AT_ONCE), 0

    def server(self) -> Server[Any]:
        return Server(
            "heartbeat",
            version=__version__,
            instructions=_INSTRUCTIONS,
            on_list_tools=self.list_tools,
            on_call_tool=self.call_tool,
            on_list_resources=self.list_resources,
            on_list_resource_templates=self.list_templates,
            on_read_resource=self.read_resource,
        )

    async def list_tools(self, context: Any, params: Any) -> ListToolsResult:
        return ListToolsResult(tools=[_listed(one) for one in allowed(self._allowances)])

    async def call_tool(self, context: Any, params: CallToolRequestParams) -> CallToolResult:
        given = params.arguments or {}
        tool = TOOLS.get(params.name)
        if tool is None:
            known = ", ".join(one.name for one in allowed(self._allowances))
            answer = Answer(f"unknown tool {params.name[:_NAME]!r}; known: {known}", True)
        elif tool.allowance and tool.allowance not in self._allowances:
            how = f"start heartbeat mcp with --allow {tool.allowance}"
            answer = Answer(f"{tool.name} is not allowed here; to allow it, {how}", True)
        elif problem := tool.problem(given):
            answer = Answer(f"{tool.name}: {problem}", True)
        else:
            answer = await self._answer(tool, given, _client(context))
        return CallToolResult(content=[TextContent(type="text", text=answer.text)], is_error=answer.is_error)

    async def list_resources(self, context: Any, params: Any) -> ListResourcesResult:
        found = [
            Resource(uri=uri, name=uri.partition("://")[2], description=f"{text} {UNTRUSTED}", mime_type=_JSON)
            for uri, (text, _, _) in _RESOURCES.items()
        ]
        return ListResourcesResult(resources=found)

    async def list_templates(self, context: Any, params: Any) -> ListResourceTemplatesResult:
        text = f"The report of a day (YYYY-MM-DD), as Markdown. {UNTRUSTED}"
        one = ResourceTemplate(
            uri_template="heartbeat://report/{day}", name="report", description=text, mime_type=_JSON
        )
        return ListResourceTemplatesResult(resource_templates=[one])

    async def read_resource(self, context: Any, params: ReadResourceRequestParams) -> ReadResourceResult:
        uri = str(params.uri)
        _, tool, given = _RESOURCES.get(uri, ("", None, {}))
        if day := re.fullmatch(f"heartbeat://report/({_DAY})", uri, re.ASCII):
            tool, given = TOOLS["report"], {"date": day[1], "format": "markdown"}
        if tool is None:
            raise MCPError(code=INVALID_PARAMS, message="unknown resource; resources/list names them")
        answer = await self._answer(tool, given, _client(context))
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, text=answer.text, mime_type=_JSON)])

    async def _answer(self, tool: Tool, given: dict[str, Any], by: str) -> Answer:
        """Run the tool's command. It is not ended when the client gives its call up: a step of recovery would be cut
        off."""
        if self._calls >= _AT_ONCE + _WAITING:
            return Answer("too many calls at once; wait for an answer first", True)
        self._calls += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(_mcp_call.call, tool.words(given, by), self._config, tool.seconds)
        finally:
            self._calls -= 1


def _listed(tool: Tool) -> ListedTool:
    hints = ToolAnnotations(
        read_only_hint=not tool.allowance,
        destructive_hint=tool.destructive,
        idempotent_hint=tool.name in ("ack", "end_silence"),
        open_world_hint=False,
    )
    text = f"{tool.description} {UNTRUSTED}"
    return ListedTool(name=tool.name, description=text, input_schema=tool.schema, annotations=hints)


def _client(context: Any) -> str:
    """Who asks, as it is recorded: `mcp`, and the name that the client gives itself."""
    known = context.session.client_params
    name = "".join(char for char in known.client_info.name[:_NAME] if char.isprintable()) if known else ""
    return f"mcp/{name}" if name.strip() else "mcp"


async def _serve(config: str | None, allowances: frozenset[str]) -> None:
    server = _Service(config, allowances).server()
    lines = cast(Any, Lines(sys.stdin.buffer))
    async with stdio_server(stdin=lines) as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def serve(config: str | None, allowances: frozenset[str]) -> None:
    """Serve the client on standard input and output until it closes them."""
    try:
        asyncio.run(_serve(config, allowances))
    except* (BrokenPipeError, ConnectionError):  # it has gone
        pass
