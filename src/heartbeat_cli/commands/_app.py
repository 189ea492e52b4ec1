"""What verbs share on the command line: the App they are handed, their common options, and how they print."""

import os
from collections.abc import Callable
from typing import Any

import click

from heartbeat_cli.commands._base import App as App
from heartbeat_cli.commands._base import person as person
from heartbeat_cli.commands._base import say as say
from heartbeat_cli.domain.plain import json_text, printable

FORMATS = ("table", "json")

pass_app: Callable[[Any], Any] = click.make_pass_decorator(App)


def format_option(*choices: str) -> Callable[[Any], Any]:
    """The `--format` option with the formats a verb has, the first being the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(choices),
        default=choices[0],
        show_default=True,
        help="How to print.",
    )


dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would be done; keep and change nothing.")


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json_text(value, indent=2))


def show(text: str) -> None:
    """Text on standard output; names and reasons in it come from others, and must not steer a terminal."""
    click.echo(printable(text))


def show_table(text: str) -> None:
    """A table on standard output, in colour for a terminal only, and not where $NO_COLOR says so."""
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    click.echo(text, color=False if plain else None)
