"""A command of commands, the same with every version of click that is supported."""

from typing import Any

import click


class Group(click.Group):
    """Shows its help on standard error and ends with 2 when none of its commands is named, and knows which one was
    meant. Click has an exception for the first only from 8.2 on (before, it calls the help a success), and words the
    second anew with every version."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from heartbeat_cli.config.problems import suggestion

            ctx.fail(f"no such command {args[0]!r}{suggestion(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)
