"""`heartbeat config`: validate and show the configuration."""

from typing import Any

import click

from heartbeat_cli.commands._app import App, pass_app, print_json


@click.group("config")
def command() -> None:
    """Validate and show the configuration.

    It is looked for in --config, $HEARTBEAT_CONFIG, ./heartbeat.toml, $XDG_CONFIG_HOME/heartbeat/heartbeat.toml and
    /etc/heartbeat/heartbeat.toml; when none is there, a built-in one watches this host.
    """


@command.command("check")
@pass_app
def check(app: App) -> None:
    """Say whether the configuration is right; every error at once, one line each, exit code 2."""
    config = app.config
    click.echo(f"{config.source}: fine: {len(config.components)} components, {len(config.channels)} channels")


@command.command("show")
@click.option("--format", "form", type=click.Choice(("toml", "json")), default="toml", help="How to print.")
@pass_app
def show(app: App, form: str) -> None:
    """Show the effective settings, defaults included, secrets blotted out."""
    from heartbeat_cli.views import settings_text

    tree: dict[str, Any] = settings_text.tree(app.config)
    if form == "json":
        print_json(tree)
        return
    click.echo(f"# effective settings of {app.config.source}")
    click.echo(settings_text.toml(tree))
