"""`heartbeat config`: validate and show the configuration."""

import click

from heartbeat_cli.commands._app import App, pass_app, print_json, print_remark
from heartbeat_cli.commands._group import Group
from heartbeat_cli.errors import ConfigError


@click.group("config", cls=Group)
def command() -> None:
    """Validate and show the configuration.

    The first of these files is used: --config, $HEARTBEAT_CONFIG, ./heartbeat.toml,
    $XDG_CONFIG_HOME/heartbeat/heartbeat.toml, /etc/heartbeat/heartbeat.toml. Without one, a built-in configuration
    watches this host.
    """


@command.command("check")
@pass_app
def check(app: App) -> None:
    """Validate the configuration.

    All errors are listed, one line each, with exit code 2. An `env:` or `file:` reference that cannot be resolved is an
    error here, and so is a mistake in a file that `each` is read from; other verbs go on without the component or
    channel that it is used in.

    Warnings go to standard error and do not change the exit code: limits that are never reached, a timeout longer than
    the interval, channels that no component notifies, defaults that no component takes, patterns of `include` without
    a file, a PostgreSQL on another host that need not prove who it is.
    """
    from heartbeat_cli.config import load, warnings
    from heartbeat_cli.config.warnings import Remark
    from heartbeat_cli.domain.plain import counted
    from heartbeat_cli.passes.doctor import connections, units

    config = app.config
    if config.unresolved:
        raise ConfigError(load.located(config.unresolved, config.files, config.blocks))
    found = [Remark(*one) for one in connections.weak(config)]
    if guessed := units.guessed(config):
        found.append(Remark(f"components.{guessed.first}.unit", guessed.text, guessed.advice))
    for line in warnings.lines(config, [*found, *warnings.remarks(config)]):
        print_remark(f"heartbeat: {line}")
    counts = [counted(len(config.components), "component"), counted(len(config.channels), "channel")]
    if config.groups:
        counts.append(f"{counted(len(config.groups), 'block')} with match")
    click.echo(f"{config.source}: fine: {', '.join(counts)}")
    for line in _stranded_messages(app):
        print_remark(line)


def _stranded_messages(app: App) -> list[str]:
    """Lines about messages that wait for channels which are not in the configuration. None when the store does not
    answer, or is not there yet."""
    from contextlib import closing, suppress
    from pathlib import Path

    from heartbeat_cli.domain.plain import counted
    from heartbeat_cli.errors import StoreError
    from heartbeat_cli.store.outbox import channels
    from heartbeat_cli.store.sql import database

    store = app.config.store
    if store.startswith("sqlite:///") and not Path(store.removeprefix("sqlite:///")).expanduser().exists():
        return []
    with suppress(StoreError), closing(database.connect(store, app.config.heartbeat.store_timeout)) as db:
        return [
            f"{counted(many, 'message')} for channel {channel}, which is not in the configuration: not sent;"
            " unless another host has it, the next run sends through the channels there are"
            for channel, state, many in channels.unconfigured(db, app.config.channels, app.now())
            if state == "waiting"
        ]
    return []


@command.command("show")
@click.option("--format", "form", type=click.Choice(("toml", "json")), default="toml", help="How to print.")
@pass_app
def show(app: App, form: str) -> None:
    """Show the effective settings, without secrets.

    Each with where it was written: in TOML the file and line stand behind a value, and the table if it is another one
    ([defaults], a block with each); in JSON they stand in `origins`. A value without a place is the program's default.
    """
    from heartbeat_cli.views import settings_text

    if form == "json":
        print_json(settings_text.json_tree(app.config))
    else:
        click.echo(settings_text.toml_text(app.config))


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors.

    Draft 7; it refuses unknown keys, for each kind. `heartbeat init` writes a line into the file that tells Taplo and
    Even Better TOML where the same schema lies. No configuration is read.
    """
    from heartbeat_cli.config import schema

    click.echo(schema.text())
