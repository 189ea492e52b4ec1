"""The command line with click: a verb is found by its file name and imported when it is used."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heartbeat_cli import __version__
from heartbeat_cli.commands._group import Group
from heartbeat_cli.errors import Stopped, UsageError

if TYPE_CHECKING:
    from heartbeat_cli.commands._base import App

_SUMMARY = 65  # characters that a summary may have, to stand on one line of 80

# How `heartbeat --help` lists the verbs: each section in the order in which a user comes to need them.
SECTIONS = (
    ("Every day", ("status", "alerts", "ack", "silence", "maintenance", "check", "recover", "report", "observers")),
    ("Set-up", ("init", "kinds", "config", "doctor", "crontab", "timer", "strategy", "completion")),
    ("Started by cron, a timer or a job", ("run", "beat", "detect", "notify", "prune")),
    ("Exports and analysis", ("dashboard", "metrics", "replay", "mcp")),
)


class Verbs(Group):
    """A verb is a module of `commands/` with a `command` in it."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs with their summaries, which are the first sentence of each help, in sections."""
        widest = max(len(name) for _, names in SECTIONS for name in names)
        for heading, names in SECTIONS:
            commands = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name.ljust(widest), one.get_short_help_str(_SUMMARY)) for name, one in commands if one is not None]
            with formatter.section(heading):
                formatter.write_dl(rows)

    def list_commands(self, ctx: click.Context) -> list[str]:
        folder = Path(__file__).parent / "commands"
        return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if not cmd_name.isidentifier() or cmd_name.startswith("_") or cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"heartbeat_cli.commands.{cmd_name}").command
        return command


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", metavar="FILE", help="Configuration file; default: the first one found, see `config show`.")
@click.version_option(__version__, prog_name="heartbeat")
@click.pass_context
def root(ctx: click.Context, config: str | None) -> None:
    """Watch agents, PostgreSQL, Docker, systemd services and this host; recover, notify and report.

    There is no daemon: cron starts `heartbeat run`, which makes one pass and ends. Exit codes: 0 all is well, 1 not all
    of what is watched is, 2 wrong usage or configuration, 3 heartbeat itself could not do its work.
    """
    ctx.obj.path = config


def invoke(args: list[str] | None, app: "App") -> int:
    """Run a verb and return its exit code. Raises what the verb raises; click's own errors become UsageError or
    Stopped."""
    try:
        result = root.main(args, prog_name="heartbeat", standalone_mode=False, obj=app)
        return result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        raise Stopped() from None
    except click.UsageError as error:
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        raise UsageError(f"{error.format_message()}{hint}") from None
    except click.ClickException as error:
        raise UsageError(error.format_message()) from None
