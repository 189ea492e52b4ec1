"""Clients of `heartbeat mcp`: that of the official SDK, and one that writes to the server what a test likes."""

import asyncio
import json
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import Implementation

T = TypeVar("T")
_PATIENCE = 60.0  # seconds
HEARTBEAT = str(Path(sys.executable).with_name("heartbeat"))


class Said(NamedTuple):
    """What a tool answered: its text, the document in it, and whether it is an error."""

    text: str
    is_error: bool

    @property
    def document(self) -> Any:
        return json.loads(self.text)

    @property
    def output(self) -> Any:
        return self.document["untrusted_output"]


class Agent:
    """A client in a session."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, **arguments: Any) -> Said:
        result = await self.client.call_tool(tool, arguments)
        (content,) = result.content
        return Said(content.text, bool(result.is_error))  # type: ignore[union-attr]

    async def tools(self) -> dict[str, Any]:
        return {one.name: one for one in (await self.client.list_tools()).tools}

    async def read(self, uri: str) -> Any:
        (content,) = (await self.client.read_resource(uri)).contents
        return json.loads(content.text)  # type: ignore[union-attr]


@asynccontextmanager
async def agent(
    folder: Path, *words: str, name: str = "tests", mode: str = "auto", **variables: str
) -> AsyncIterator[Agent]:
    """A session with `heartbeat mcp` in `folder`, which is its home, too."""
    server = StdioServerParameters(
        command=HEARTBEAT, args=["mcp", *words], env={"HOME": str(folder), **variables}, cwd=str(folder)
    )
    who = Implementation(name=name, version="1")
    async with Client(stdio_client(server), mode=mode, client_info=who) as client:  # type: ignore[arg-type]
        yield Agent(client)


def talk(work: Callable[[Agent], Awaitable[T]], folder: Path, *words: str, **how: str) -> T:
    """What `work` returns from a session of its own."""

    async def session() -> T:
        async with agent(folder, *words, **how) as one:
            return await work(one)

    return asyncio.run(session())


class Wire:
    """The server as a program: lines in, messages out."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self.child = child
        self._number = 0

    def write(self, data: bytes) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(data)
        self.child.stdin.flush()

    def ask(self, method: str, **params: Any) -> int:
        self._number += 1
        message = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        self.write(json.dumps(message).encode() + b"\n")
        return self._number

    def answers(self, numbers: Sequence[int]) -> dict[int, Any]:
        """The messages that answer these requests, in whatever order they come."""
        assert self.child.stdout is not None
        found: dict[int, Any] = {}
        while set(numbers) - set(found):
            ready, _, _ = select.select([self.child.stdout], [], [], _PATIENCE)
            assert ready, "the server does not answer"
            line = self.child.stdout.readline()
            assert line, "the server has ended"
            message = json.loads(line)
            found[message.get("id")] = message
        return found

    def answer(self, method: str, **params: Any) -> Any:
        number = self.ask(method, **params)
        return self.answers([number])[number]

    def begin(self, name: str = "hostile") -> Any:
        info = {"name": name, "version": "1"}
        said = self.answer("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=info)
        self.write(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
        return said

    def call(self, tool: str, **arguments: Any) -> Said:
        result = self.answer("tools/call", name=tool, arguments=arguments)["result"]
        return Said(result["content"][0]["text"], bool(result.get("isError")))


@contextmanager
def wire(folder: Path, *words: str, **variables: str) -> Iterator[Wire]:
    """The server in `folder`, ended at the end."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **variables}
    with (folder / "mcp.log").open("wb") as errors:
        child = subprocess.Popen(
            [HEARTBEAT, "mcp", *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
        )
    try:
        yield Wire(child)
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
