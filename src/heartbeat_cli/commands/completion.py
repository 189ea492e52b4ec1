"""`heartbeat completion`: the completion script for a shell."""

import click

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    Commands, options and component ids complete then.

    \b
    Example:
      heartbeat completion bash > ~/.local/share/bash-completion/completions/heartbeat
      heartbeat completion zsh  > "${fpath[1]}/_heartbeat"
      heartbeat completion fish > ~/.config/fish/completions/heartbeat.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - the choice above names click's own
    click.echo(kind(ctx.find_root().command, {}, "heartbeat", "_HEARTBEAT_COMPLETE").source())
