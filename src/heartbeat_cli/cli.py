"""The root command: verbs are found by file name and imported when used; errors become a line and an exit code."""

import errno
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from heartbeat_cli import __version__
from heartbeat_cli.errors import HeartbeatError

_INTERNAL = 3
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_LINE = 2_000  # characters of a line of error


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
    ctx.obj.path = config


def main(args: list[str] | None = None) -> NoReturn:
    """The program: run a verb, end with its exit code."""
    for number in range(3):
        # A closed stream's number would be taken by the next file that is opened: the lock, a socket.
        with suppress(OSError):
            os.fstat(number)
            continue
        os.open(os.devnull, os.O_RDWR)
    code = run(args)
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            _into_nowhere(number)
    sys.exit(code)


def run(args: list[str] | None = None) -> int:
    """Run a verb and return the exit code; whatever goes wrong is one line on standard error."""
    from heartbeat_cli.commands._app import App

    app = App()
    try:
        result = root.main(args, prog_name="heartbeat", standalone_mode=False, obj=app)
        return result if isinstance(result, int) else 0
    except click.exceptions.Abort:
        return _said("stopped", 130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.UsageError as error:
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        return _said(f"{error.format_message()}{hint}", 2)
    except click.ClickException as error:
        return _said(error.format_message(), 2)
    except HeartbeatError as error:
        return _said(str(error), error.exit_code, app.secrets)
    except SystemExit:
        # click's word for a broken pipe: whoever read our output has gone. Nothing to say, and nobody to say it to.
        _into_nowhere(1)
        return _INTERNAL
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _UNWRITABLE and error.filename is None:
            _into_nowhere(1)
            return _said(f"output cannot be written: {error.strerror}", _INTERNAL)
        if os.environ.get("HEARTBEAT_DEBUG"):
            raise
        text = f"internal error: {type(error).__name__}: {error} (HEARTBEAT_DEBUG=1 shows where)"
        return _said(text, _INTERNAL, app.secrets)


def _said(text: str, code: int, secrets: Iterable[str] = ()) -> int:
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.redact import redact

    try:
        for line in redact(text, secrets).splitlines() or [""]:
            click.echo(f"heartbeat: {one_line(line, _LINE)}", err=True)
    except OSError:
        _into_nowhere(2)  # the exit code has to say it all
    return code


def _into_nowhere(number: int) -> None:
    """Let what is still buffered for this stream go nowhere: Python would try to write it once more at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
