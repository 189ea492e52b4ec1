"""`heartbeat strategy`: how often components are checked."""

import click

from heartbeat_cli.commands._app import App, pass_app, print_json
from heartbeat_cli.domain.text import Text, listed
from heartbeat_cli.errors import UsageError


@click.group("strategy", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show or set how often components are checked.

    The strategies are aggressive, normal and conservative. A component's own interval and timeout take precedence over
    the strategy. What is set here is kept in the store, and takes precedence over the configuration file.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(show)


@command.command("show")
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", help="How to print.")
@pass_app
def show(app: App, form: str = "table") -> None:
    """Show the strategy in force and the known ones."""
    from heartbeat_cli.domain.strategy import STRATEGIES
    from heartbeat_cli.passes.check import check

    with app.store_to_read() as db:
        current = check.strategy(db, app.config)
    if form == "json":
        known = {one.name: {"interval": one.interval, "timeout": one.timeout} for one in STRATEGIES.values()}
        print_json({"strategy": current.name} | known[current.name] | {"known": known})
        return
    for one in STRATEGIES.values():
        mark = "*" if one.name == current.name else " "
        click.echo(
            app.words(
                Text(
                    "{mark} {name:<13} every {interval:g} s, timeout {timeout:g} s",
                    mark=mark,
                    name=one.name,
                    interval=one.interval,
                    timeout=one.timeout,
                )
            )
        )


@command.command("set")
@click.argument("name")
@pass_app
def set_(app: App, name: str) -> None:
    """Switch to the strategy NAME.

    `heartbeat crontab --install` or `heartbeat timer --install` then starts passes as often as it asks for.
    """
    from heartbeat_cli.domain.strategy import STRATEGIES
    from heartbeat_cli.store.sql import identity, preferences

    if name not in STRATEGIES:
        raise UsageError(Text("unknown strategy {name}; known: {names}", name=repr(name), names=listed(STRATEGIES)))
    with app.store_to_write_at_once() as db:
        preferences.put(db, identity.STRATEGY, name)
    one = STRATEGIES[name]
    click.echo(
        Text(
            "strategy {name}: every {interval:g} s, timeout {timeout:g} s (then `heartbeat crontab --install` or"
            " `heartbeat timer --install`)",
            name=name,
            interval=one.interval,
            timeout=one.timeout,
        )
    )
