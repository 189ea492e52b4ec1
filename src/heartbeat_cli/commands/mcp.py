"""`heartbeat mcp`: status, incidents and reports for AI agents, over the Model Context Protocol."""

import click

from heartbeat_cli.commands._app import App, pass_app
from heartbeat_cli.commands._mcp_tools import ALLOWANCES
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import UsageError


@click.command("mcp")
@click.option(
    *("--allow", "allow"),
    multiple=True,
    metavar="NAMES",
    help="What clients may change, of ack, silence and recover, with commas between; default: nothing.",
)
@pass_app
def command(app: App, allow: tuple[str, ...]) -> None:
    """Serve AI agents over MCP, on standard input and output.

    A client starts it and asks for status, incidents, alerts, reports and what recovery would do; the answers are those
    of the commands with --format json. Each call reads the configuration and the store anew. Needs the extra `mcp`:
    pip install 'heartbeat-cli[mcp]'.

    \b
    Example:
      heartbeat mcp
      heartbeat --config /etc/heartbeat/heartbeat.toml mcp --allow ack,silence
    """
    from importlib.util import find_spec

    allowed = frozenset(name.strip() for names in allow for name in names.split(","))
    if unknown := sorted(allowed.difference(ALLOWANCES)):
        known = ", ".join(ALLOWANCES)
        raise UsageError(Text("--allow: unknown name {name}; known: {known}", name=repr(unknown[0]), known=known))
    if find_spec("mcp") is None:
        raise UsageError(Text("the package mcp is not installed: pip install 'heartbeat-cli[mcp]'"))
    try:
        from heartbeat_cli.commands import _mcp_server
    except ImportError:
        raise UsageError(Text("the package mcp is too old: pip install --upgrade 'heartbeat-cli[mcp]'")) from None
    _mcp_server.serve(app.path, allowed)
