"""An MCP server, over HTTP or as a program: it answers, and lists the tools that are needed.

healthy    every step was answered, and all tools are there
degraded   the tool in `call` reports an error, the session could not be closed, or the certificate ends soon
unhealthy  it answered otherwise: a refused key, a wrong path, an error, a missing tool
error      refused, or no answer at a step; the line names it
unknown    heartbeat could not check: the program cannot be started, an answer is larger than 1 MiB

The steps are `initialize`, `notifications/initialized`, `ping`, `tools/list` and, with `call`, `tools/call`; at the end
the session is closed, whatever has happened: servers keep one that is left, with its memory. A server of revision
2026-07-28 or newer is asked `server/discover`, `tools/list` and `tools/call`, and has no session. Which of the two a
server understands is asked once and remembered.

401 and 403 are of category credentials, 402 quota, 429 provider; a wrong path, an answer without JSON-RPC and a missing
tool configuration, name service and routing network; all else is the process's own.

    [components.files]
    kind = "mcp"
    url = "http://localhost:8000/mcp"
    tools = ["read_file", "search"]
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from heartbeat_cli.domain.checking.exchange import Request
from heartbeat_cli.domain.checking.result import CheckContext, Metric, Reading
from heartbeat_cli.domain.kinds.mcp import ERAS, HANDSHAKE, STATELESS, Era
from heartbeat_cli.domain.needs import Needs
from heartbeat_cli.domain.plain import bounded
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text, joined
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._http import certificate_warning, header_problems, url_problems
from heartbeat_cli.monitors._http import evidence as exchange_evidence
from heartbeat_cli.monitors._http import metrics as exchange_metrics
from heartbeat_cli.monitors._mcp_http import HttpLink, is_here
from heartbeat_cli.monitors._mcp_stdio import StdioLink
from heartbeat_cli.monitors._mcp_steps import Outcome, StepFailed, Steps, Wanted

_OURS = {"accept", "content-type", "mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name"}
_RESERVE = 1.0  # seconds for the end of the session or the program, at most this share of the timeout:
_SHARE = 0.2
_TO_FIND_OUT = 0.34  # share of the time in which a server that is not known yet answers `server/discover`, or does not

LADDER: tuple[Mapping[str, Any], ...] = (
    {"action": "systemd", "unit": "{unit}", "user": "{user}"},
    {"action": "script", "name": "restart_{id}.sh"},
)


class Call(Record):
    """A tool to call at every check.

    tool: its name; it must only read: it is called every few seconds
    arguments: its arguments, as a table
    """

    tool: str
    arguments: dict[str, Any] = {}  # noqa: RUF012 - a named tuple's default; never changed


class Settings(Record):
    """
    url: address of the server's endpoint, e.g. http://localhost:8000/mcp
    command: instead of url: a program that speaks MCP on its standard input and output, with its arguments, as a list;
        no shell reads it; it is started at every check, and ended after it
    env: environment variables for the program, besides PATH, HOME, USER, TZ and LC_ALL=C.UTF-8
    cwd: folder to run the program in (default: where heartbeat runs)
    headers: extra request headers as a table, e.g. { Authorization = "env:MCP_AUTHORIZATION" }
    tools: names of the tools that must be listed
    min_tools: how many tools must be listed at least (default 0)
    call: a tool that is called at every check, e.g. { tool = "search", arguments = { query = "ping" } }
    verify_tls: check the server's certificate and name (default true)
    ca_file: PEM file of the authorities to trust instead of the system's (default: the system's)
    cert_file: PEM file of a client certificate to present (default: none)
    key_file: PEM file of the client certificate's key (default: in cert_file)
    certificate_warn_days: degraded when the certificate ends in fewer days (default 14; 0: when it has ended)
    unit: systemd unit that its recovery restarts first (default: none)
    user: true: that is a unit of the user heartbeat runs as (systemctl --user)
    """

    url: str | None = None
    command: tuple[str, ...] = ()
    env: dict[str, str] = {}  # noqa: RUF012 - as above
    cwd: str | None = None
    headers: dict[str, str] = {}  # noqa: RUF012
    tools: tuple[str, ...] = ()
    min_tools: int = 0
    call: Call | None = None
    verify_tls: bool = True
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    certificate_warn_days: int = 14
    unit: str | None = None
    user: bool = False


def ladder(settings: Settings) -> tuple[Mapping[str, Any], ...]:
    """The recovery steps that a component without a ladder of its own gets; none where each check starts it anew."""
    return () if settings.command else LADDER if settings.unit is not None else LADDER[1:]


def host_of(settings: Settings) -> str | None:
    """The host that a check must reach."""
    from urllib.parse import urlsplit

    return urlsplit(settings.url).hostname if settings.url else None


def needs(settings: Settings) -> Needs:
    return Needs(programs=bool(settings.command))


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with the settings, as (key, text)."""
    found: list[tuple[str, str]] = []
    if (settings.url is None) == (not settings.command):
        found.append(("", 'expected either url, or command as a list like ["npx", "some-server"]'))
    elif settings.url is not None:
        found += [("url", text) for text in url_problems(settings.url)]
        found += [(key, "works only with command") for key in ("env", "cwd") if getattr(settings, key)]
    else:
        keys = ("headers", "ca_file", "cert_file", "key_file", "unit")
        found += [(key, "works only with url") for key in keys if getattr(settings, key)]
        if not settings.command[0]:
            found.append(("command", "its first item, the program, is empty"))
    found += [("headers", text) for text in header_problems(settings.headers, _OURS)]
    for key in ("min_tools", "certificate_warn_days"):
        if getattr(settings, key) < 0:
            found.append((key, "must not be negative"))
    if settings.user and settings.unit is None:
        found.append(("user", "works only with unit"))
    if settings.call is not None and not settings.call.tool:
        found.append(("call.tool", "is empty; expected the name of a tool"))
    if settings.call is not None and not _is_json(settings.call.arguments):
        found.append(("call.arguments", "holds a date, a time, or a number that JSON does not have"))
    return found


def _is_json(value: Any) -> bool:
    """Whether a value can be sent as JSON: TOML has dates and times, and numbers that are none."""
    import json

    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def prepare() -> None:
    """Import what speaks HTTP while there is one thread."""
    import heartbeat_cli.http.multi  # noqa: F401


def probe(settings: Settings, context: CheckContext) -> Reading:
    """Check once. Raises Unobservable when the trouble is heartbeat's own."""
    return _Check(settings, context).reading()


class _Check:
    def __init__(self, settings: Settings, context: CheckContext) -> None:
        self._settings, self._context = settings, context
        self._began = time.monotonic()
        self._ends = self._began + context.timeout
        self._until = self._ends - min(_RESERVE, _SHARE * context.timeout)
        call = settings.call
        self._wanted = Wanted(settings.tools, settings.min_tools, None if call is None else (call.tool, call.arguments))
        known = context.memory.get("era")
        self._known: Era | None = known if known in ERAS else None
        self._evidence: dict[str, str] = {}
        self._metrics: tuple[Metric, ...] = ()
        self._warning: Text | None = None
        self._unclosed: str | None = None
        self._answered = False  # the first step was: a later one that is not does not make it a silent server

    def reading(self) -> Reading:
        try:
            outcome = self._outcome()
        except StepFailed as failed:
            silent = failed.status == "error" and not self._answered
            took = None if silent else time.monotonic() - self._began
            return self._reading(failed.status, took, failed.args[0])._replace(
                category=failed.category, certain=failed.certain
            )
        metrics = outcome.metrics
        if outcome.server:
            self._evidence[Text("server")] = outcome.server
        took = time.monotonic() - self._began
        if outcome.status in ("healthy", "degraded") and (self._warning or self._unclosed):
            lines = [line for line in (outcome.error, self._unclosed, self._warning) if line]
            reading = self._reading("degraded", took, joined(lines))
            reading = reading._replace(category="certificate" if self._warning else "process")
        else:
            reading = self._reading(outcome.status, took, outcome.error)._replace(category=outcome.category)
        return reading._replace(metrics=(*reading.metrics, *metrics))

    def _reading(self, status: Any, took: float | None, error: str | None) -> Reading:
        memory = {} if self._known is None else {"era": self._known}
        return Reading(status, took, error, self._metrics, self._evidence, memory)

    def _outcome(self) -> Outcome:
        """What the server shows, asked in the generation that it understands. Raises StepFailed, Unobservable."""
        eras = (HANDSHAKE, STATELESS) if self._known == HANDSHAKE else ERAS
        first: StepFailed | None = None
        for era in eras:
            try:
                return self._asked(era, last=first is not None)
            except StepFailed as failed:
                if not failed.other_era:
                    raise
                # Of the two failures, that at `initialize` says more: it is what most servers understand.
                if first is not None:
                    for one in (first, failed):
                        if one.unknown_revision:
                            raise Unobservable(one.args[0]) from None
                    raise (failed if era == HANDSHAKE else first) from None
                first = failed
        raise AssertionError(eras)

    def _asked(self, era: Era, *, last: bool) -> Outcome:
        """The outcome in one generation. Raises StepFailed, of which `other_era` says to try the other one."""
        began = time.monotonic()
        with self._link() as link:
            steps = Steps(link, era)
            finding_out = self._known is None and not last
            until = began + (self._until - began) * _TO_FIND_OUT if finding_out else self._until
            try:
                steps.begin(until)
            except StepFailed as failed:
                if finding_out and failed.silent:
                    failed.other_era, self._known = True, HANDSHAKE
                raise
            self._known, self._answered = era, True
            try:
                return steps.rest(self._wanted, self._until)
            except StepFailed as failed:
                failed.other_era = False
                raise

    @contextmanager
    def _link(self) -> "Iterator[HttpLink | StdioLink]":
        """A link to the server, ended in any case."""
        settings = self._settings
        if settings.url is None:
            program = StdioLink(settings.command, settings.env, settings.cwd)
            try:
                yield program
            finally:
                program.close(self._closing())
                if errors := program.errors.strip():
                    self._evidence["stderr"] = bounded(errors)
            return
        link = HttpLink(_base(settings), is_here(settings.url))
        try:
            yield link
        finally:
            self._unclosed = link.close(self._closing())
            self._look_back(link)

    def _closing(self) -> float:
        """When the end of a session or program is waited for no longer."""
        return min(self._ends, time.monotonic() + min(_RESERVE, _SHARE * self._context.timeout))

    def _look_back(self, link: HttpLink) -> None:
        """What the exchanges themselves show."""
        if link.response is not None:
            self._evidence |= exchange_evidence(link.response)
        if link.first is not None:
            self._metrics = exchange_metrics(link.first, self._context)
            self._warning = certificate_warning(link.first, self._context, self._settings.certificate_warn_days)


def _base(settings: Settings) -> Request:
    """What every request has in common."""
    return Request(
        url=settings.url or "",
        headers=tuple(settings.headers.items()),
        verify_tls=settings.verify_tls,
        ca_file=settings.ca_file,
        cert_file=settings.cert_file,
        key_file=settings.key_file,
    )
