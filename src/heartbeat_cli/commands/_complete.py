"""The `--component` option, with completion of component ids in a shell.

A key press must not wait: the file is read as TOML only, no kind is imported, nothing is checked or asked. A shell puts
what is offered on the command line as it is: a file of another user is not read, and only ids are offered.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_HELP = 100  # characters of what is said of a component


def component_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """The ids and kinds in the configuration that begin so; none when it cannot be read or is another user's."""
    from click.shell_completion import CompletionItem

    from heartbeat_cli.domain.component import ID
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.errors import UsageError

    try:
        tables = _components(ctx.find_root().params.get("config"))
        named = {id_: str(table.get("name", table.get("kind", ""))) for id_, table in tables.items()}
        kinds = {str(table["kind"]): "every component of this kind" for table in tables.values() if "kind" in table}
    except (UsageError, OSError, ValueError, KeyError, AttributeError, RecursionError):
        return []
    return [
        CompletionItem(word, help=one_line(text, _HELP))
        for word, text in (named | kinds).items()
        if word.startswith(incomplete) and re.fullmatch(ID, word)
    ]


def _components(explicit: str | None) -> Any:
    """The table `components` of the configuration. Raises what reading it may."""
    import tomllib

    from heartbeat_cli.config import load
    from heartbeat_cli.config.files import MAX_BYTES
    from heartbeat_cli.system import trusted

    path = load.find(explicit)
    if path is None or trusted.is_handed(path):  # what our caller has opened would be waited for
        return {}
    data = trusted.read(path, MAX_BYTES)
    return tomllib.loads(data.decode("utf-8-sig"))["components"] if len(data) <= MAX_BYTES else {}


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
