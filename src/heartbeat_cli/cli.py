"""The root command: verbs are found by file name and imported when used; errors become a line and an exit code."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from heartbeat_cli import __version__
from heartbeat_cli.errors import HeartbeatError

_INTERNAL = 3


class Verbs(click.Group):
    """A verb is a module of `commands/` with a `command` in it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        folder = Path(__file__).parent / "commands"
        return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if not cmd_name.isidentifier() or cmd_name.startswith("_") or cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"heartbeat_cli.commands.{cmd_name}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from heartbeat_cli.settings import nearest

            ctx.fail(f"no such command {args[0]!r}{nearest(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", metavar="FILE", help="Configuration file; default: the first one found, see `config show`.")
@click.version_option(__version__, prog_name="heartbeat")
@click.pass_context
def root(ctx: click.Context, config: str | None) -> None:
    """Watch agents, PostgreSQL, Docker, systemd services and this host; heal, tell, report.

    One-shot: cron starts `heartbeat run`, it makes one pass and is gone. Exit codes: 0 fine, 1 something watched is
    not, 2 wrong usage or configuration, 3 heartbeat itself could not do its work.
    """
    from heartbeat_cli.commands._app import App

    ctx.obj = App(config)


def main(args: list[str] | None = None) -> NoReturn:
    """The program: run a verb, end with its exit code."""
    sys.exit(run(args))


def run(args: list[str] | None = None) -> int:
    """Run a verb and return the exit code; whatever goes wrong is one line on standard error."""
    try:
        result = root.main(args, prog_name="heartbeat", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        return _said("stopped", 130)
    except click.UsageError as error:
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        return _said(f"{error.format_message()}{hint}", 2)
    except click.ClickException as error:
        return _said(error.format_message(), 2)
    except HeartbeatError as error:
        return _said(str(error), error.exit_code)
    except BrokenPipeError:
        # Whoever read our output has gone: nothing to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _INTERNAL
    except Exception as error:
        if os.environ.get("HEARTBEAT_DEBUG"):
            raise
        text = f"internal error: {type(error).__name__}: {error} (HEARTBEAT_DEBUG=1 shows where)"
        return _said(text, _INTERNAL)


def _said(text: str, code: int) -> int:
    from heartbeat_cli.redact import redact

    for line in redact(text).splitlines() or [""]:
        click.echo(f"heartbeat: {line}", err=True)
    return code
