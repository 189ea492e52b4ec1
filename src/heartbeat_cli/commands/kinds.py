"""`heartbeat kinds`: the kinds of components, recovery steps and channels, and the keys of each."""

import click

from heartbeat_cli.commands._app import format_option, print_json


@click.command("kinds")
@click.argument("names", nargs=-1, metavar="[KIND]...")
@format_option("table", "json")
def command(names: tuple[str, ...], form: str) -> None:
    """Show what can be watched, and the keys of each kind.

    Without KIND, list the kinds of components, recovery steps and channels. With KIND, show every key that it takes:
    type, default and meaning. KIND may also be `common` (keys of every component, of every channel), `ladder` (keys
    of a component's recovery) or a section, as `heartbeat`.

    \b
    Example:
      heartbeat kinds agent common
    """
    from heartbeat_cli.config import manual
    from heartbeat_cli.config.problems import suggestion
    from heartbeat_cli.errors import UsageError

    pages = manual.pages()
    known = [page.kind.strip("[]") for page in pages]
    wanted = [name.strip("[]") for name in names]
    for name in wanted:
        if name not in known:
            raise UsageError(f"unknown kind {name!r}{suggestion(name, dict.fromkeys(known), len(known))}")
    chosen = [page for page, kind in zip(pages, known, strict=True) if not wanted or kind in wanted]
    if form == "json":
        print_json([page._asdict() | {"keys": manual.json_keys(page.keys)} for page in chosen])
    else:
        click.echo("\n\n".join(manual.text(page) for page in chosen) if names else manual.overview(pages))
