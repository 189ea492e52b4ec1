"""The `--component` option, with completion of component ids in a shell.

A key press must not wait: the file is read as TOML only, no kind is imported, nothing is checked or asked.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def component_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """The ids and kinds in the configuration that begin so; none when it cannot be read."""
    import tomllib

    from click.shell_completion import CompletionItem

    from heartbeat_cli.config import load
    from heartbeat_cli.errors import UsageError

    try:
        path = load.find(ctx.find_root().params.get("config"))
        tables = tomllib.loads(path.read_text(encoding="utf-8"))["components"] if path else {}
        named = {id_: str(table.get("name", table.get("kind", ""))) for id_, table in tables.items()}
        kinds = {str(table["kind"]): "every component of this kind" for table in tables.values() if "kind" in table}
    except (UsageError, OSError, ValueError, KeyError, AttributeError):
        return []
    return [CompletionItem(word, help=text) for word, text in (named | kinds).items() if word.startswith(incomplete)]


def component_option(help_text: str) -> Callable[[Any], Any]:
    """`--component ID|KIND|GLOB`, repeatable; the verb gets the words as `names`."""
    return click.option(
        "--component",
        "names",
        multiple=True,
        metavar="ID|KIND|GLOB",
        shell_complete=component_ids,
        help=help_text,
    )
