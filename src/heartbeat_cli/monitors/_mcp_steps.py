"""The steps of a check of an MCP server, whatever carries its messages: `mcp.py` opens the link and reads the outcome.

Each step has what is left of the time. A failing step is a `StepFailed`, which names it.
"""

import time
from collections.abc import Mapping
from typing import Any, Protocol

from heartbeat_cli import __version__
from heartbeat_cli.domain.category import Category
from heartbeat_cli.domain.checking.result import Metric, Status
from heartbeat_cli.domain.kinds import mcp
from heartbeat_cli.domain.kinds.json_rpc import Reply, RpcError
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, joined, listed
from heartbeat_cli.errors import Unobservable

MOST_PAGES = 50
_MOST_NAMED = 10
_SECONDS = {"unit": "s"}


class StepFailed(Exception):
    """A step that did not go as it should: the status it makes, one line that names it, and the kind of failure.
    `certain` as in `Reading`; `silent`: nothing came in time; `other_era`: the server may be of the other generation;
    `unknown_revision`: it names the protocol revisions that it speaks, and heartbeat knows none of them.
    """

    def __init__(
        self,
        status: Status,
        text: Text,
        category: Category | None,
        *,
        certain: bool = False,
        silent: bool = False,
        other_era: bool = False,
        unknown_revision: bool = False,
    ) -> None:
        super().__init__(text)
        self.status, self.category, self.certain = status, category, certain
        self.silent, self.other_era, self.unknown_revision = silent, other_era, unknown_revision


class Link(Protocol):
    """What carries messages to a server."""

    def ask(self, message: mcp.Message, until: float) -> Reply:
        """The reply to a request, by `until` (time.monotonic()). Raises StepFailed or Unobservable."""

    def tell(self, message: mcp.Message, until: float) -> None:
        """Send a notification. Raises StepFailed or Unobservable."""

    def opened(self, result: Mapping[str, Any]) -> None:
        """The handshake has been answered with this."""


class Wanted(Record):
    """What is expected of a server: tools by name, how many at least, and a tool to call with its arguments."""

    tools: tuple[str, ...]
    min_tools: int
    call: tuple[str, Mapping[str, Any]] | None


class Outcome(Record):
    """What a server that answered every step is like. `error` is None where it is as expected."""

    status: Status
    error: str | None
    category: Category | None
    metrics: tuple[Metric, ...]
    server: str


class Steps:
    """The steps with one link, in one of the protocol's generations."""

    def __init__(self, link: Link, era: mcp.Era) -> None:
        self._link, self._era = link, era
        self._metrics: list[Metric] = []
        self._server = ""

    def begin(self, until: float) -> None:
        """The first step. Raises StepFailed, which may say that the server is of the other generation."""
        if self._era == mcp.STATELESS:
            result = self._result(mcp.stateless("server/discover", {}, __version__), until)
            if not mcp.is_stateless(result):
                raise StepFailed(
                    "unhealthy",
                    Text("at {step}: it does not speak protocol revision {version}", step="server/discover",
                         version=mcp.NEWEST),
                    "configuration",
                    other_era=True,
                )  # fmt: skip
        else:
            result = self._result(mcp.initialize(__version__), until)
            self._link.opened(result)
        self._server = mcp.server_of(result)

    def rest(self, wanted: Wanted, until: float) -> Outcome:
        """All other steps, and what they show."""
        if self._era == mcp.HANDSHAKE:
            self._link.tell(mcp.Message("notifications/initialized", {}), until)
            self._result(mcp.Message("ping", {}), until)
        names = self._tools(until)
        self._metrics.append(Metric("tools", len(names)))
        missing = [name for name in wanted.tools if name not in names]
        if wanted.call is not None and wanted.call[0] not in (*names, *missing):
            missing.append(wanted.call[0])
        if missing:
            return self._outcome("unhealthy", _missing(missing), "configuration")
        if len(names) < wanted.min_tools:
            line = Text("{n} tools are listed, at least {wanted} are expected", n=len(names), wanted=wanted.min_tools)
            return self._outcome("unhealthy", line, "configuration")
        return self._outcome("healthy", None, None) if wanted.call is None else self._called(*wanted.call, until)

    def _outcome(self, status: Status, error: str | None, category: Category | None) -> Outcome:
        return Outcome(status, error, category, tuple(self._metrics), self._server)

    def _called(self, tool: str, arguments: Mapping[str, Any], until: float) -> Outcome:
        result = self._result(self._message("tools/call", {"name": tool, "arguments": arguments}), until)
        said = mcp.tool_error(result)
        if said is not None:
            line = Text("tool {tool} reports an error: {said}", tool=one_line(tool, 60), said=said)
            return self._outcome("degraded", line, None)
        return self._outcome("healthy", None, None)

    def _tools(self, until: float) -> frozenset[str]:
        """The names of all tools, from as many pages as there are."""
        names: set[str] = set()
        cursor, cursors = None, set[str]()
        for read in range(1, MOST_PAGES + 1):
            params: dict[str, Any] = {} if cursor is None else {"cursor": cursor}
            page = mcp.tools_of(self._result(self._message("tools/list", params), until))
            if page is None:
                text = Text("at {step}: the answer holds no list of tools", step="tools/list")
                raise StepFailed("unhealthy", text, "configuration")
            names.update(page.names)
            if page.cursor is None:
                return frozenset(names)
            if page.cursor in cursors or read == MOST_PAGES:
                text = Text("at {step}: the list does not end after {n} pages", step="tools/list", n=read)
                raise StepFailed("unhealthy", text, "process")
            cursor = page.cursor
            cursors.add(cursor)
        raise AssertionError(cursors)

    def _message(self, method: str, params: Mapping[str, Any]) -> mcp.Message:
        stateless = self._era == mcp.STATELESS
        return mcp.stateless(method, params, __version__) if stateless else mcp.Message(method, params)

    def _result(self, message: mcp.Message, until: float) -> Mapping[str, Any]:
        """The result of a request; the seconds it took become a metric."""
        began = time.monotonic()
        reply = self._link.ask(message, until)
        name = message.method.replace("/", "_")
        self._metrics = [one for one in self._metrics if one.name != f"{name}_seconds"]
        self._metrics.append(Metric(f"{name}_seconds", time.monotonic() - began, metadata=_SECONDS))
        if isinstance(reply, RpcError):
            raise rpc_failed(message.method, reply)
        return reply


def rpc_failed(step: str, error: RpcError) -> StepFailed:
    """The failure that a JSON-RPC error in answer to a request is."""
    first = step in ("initialize", "server/discover")
    if first and (versions := mcp.supported(error)) and mcp.NEWEST not in versions and mcp.OFFERED not in versions:
        text = Text("at {step}: it speaks protocol revisions {versions} only", step=step, versions=versions)
        return StepFailed("unhealthy", text, "configuration", other_era=True, unknown_revision=True)
    text = Text("at {step}: JSON-RPC error {code}: {said}", step=step, code=error.code, said=error.message)
    return StepFailed("unhealthy", text, "process", other_era=first and mcp.other_era(error))


def _missing(names: list[str]) -> str:
    shown = listed([one_line(name, 60) for name in names[:_MOST_NAMED]])
    if len(names) > _MOST_NAMED:
        shown = joined([shown, Text("{n} more", n=len(names) - _MOST_NAMED)])
    return Text("missing tools: {names}", names=shown)


def too_large(step: str, most: int) -> Unobservable:
    """An answer that is larger than what a check reads says nothing about the server."""
    return Unobservable(Text("at {step}: the answer is larger than {n} bytes", step=step, n=most))
