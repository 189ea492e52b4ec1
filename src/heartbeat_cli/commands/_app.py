"""What verbs share on the command line: the App, common options, and printing."""

import os
from collections.abc import Callable
from typing import Any

import click

from heartbeat_cli.commands._base import App as App
from heartbeat_cli.commands._base import current_user as current_user
from heartbeat_cli.commands._base import print_remark as print_remark
from heartbeat_cli.commands._person import requester as requester
from heartbeat_cli.domain.plain import json_text, printable

FORMATS = ("table", "json")

pass_app: Callable[[Any], Any] = click.make_pass_decorator(App)


def format_option(*choices: str) -> Callable[[Any], Any]:
    """The `--format` option with the formats of a verb; the first is the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(choices),
        default=choices[0],
        show_default=True,
        help="How to print.",
    )


by_option = click.option(
    *("--by", "by"), metavar="NAME", default="", help="The program that asks for it; recorded beside your user name."
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would be done; keep and change nothing.")


def print_json(value: Any) -> None:
    """Print one JSON document to standard output."""
    click.echo(json_text(value, indent=2))


def show(text: str) -> None:
    """Print text to standard output, with characters escaped that could control a terminal: names and reasons come from
    others."""
    click.echo(printable(text))


def show_table(text: str) -> None:
    """Print a table to standard output, in colour for a terminal only, and not where $NO_COLOR is set."""
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    click.echo(text, color=False if plain else None)
