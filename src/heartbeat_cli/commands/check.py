"""`heartbeat check`: one check of what is due."""

from typing import Any

import click

from heartbeat_cli.commands._app import (
    App,
    dry_run_option,
    format_option,
    pass_app,
    print_json,
    print_remark,
    show_table,
)
from heartbeat_cli.commands._complete import component_option
from heartbeat_cli.domain.text import Text


@click.command("check")
@component_option("Check these, due or not; repeatable.")
@click.option("--all", "everything", is_flag=True, help="Check every component this host watches, due or not.")
@format_option("table", "json", "nagios")
@dry_run_option
@pass_app
def command(app: App, names: tuple[str, ...], everything: bool, form: str, dry_run: bool) -> int:
    """Check the components that are due, and store the results.

    A component is due when its interval has passed since its last check. Exit code 0 when all that were checked are
    healthy, 1 when not; with --format nagios 0, 1, 2 or 3 as plugins do.

    \b
    Example:
      heartbeat check --component db
      heartbeat check --component agent --format json
    """
    from heartbeat_cli.config import unused
    from heartbeat_cli.domain.component import watched_by
    from heartbeat_cli.passes.check import check
    from heartbeat_cli.store.state import states
    from heartbeat_cli.views import rows

    app.discovers = True
    for key, text, advice in unused.blocks(app.config):
        app.remark(Text("heartbeat: {key}: {text}; {advice}", key=key, text=text, advice=advice))
    wanted = app.watched() if everything else app.components(names, may=True) if names else None
    with app.store_to_write() as db:
        seen = check.check(db, app.config, app.now(), wanted, dry_run=dry_run)
        known = states.states(db)
    for id_ in seen.readings:
        if not watched_by(app.config.components[id_], app.config.observer):
            print_remark(
                Text(
                    "{id}: looked at, not kept: {observer} watches it, not this host",
                    id=id_,
                    observer=app.config.components[id_].common.observer,
                )
            )
    made = [
        rows.check_row(app.config.components[id_], reading, seen.started, known.get(id_))
        for id_, reading in seen.readings.items()
    ]
    return show(app, made, form)


def show(app: App, made: list[dict[str, Any]], form: str) -> int:
    """Print check rows and return the exit code that goes with them."""
    for line in app.config.unresolved:
        print_remark(line)
    from heartbeat_cli.views.rows import well

    if form == "nagios":
        from heartbeat_cli.views import nagios

        line, code = nagios.check_line(made)
        click.echo(line)
        return code
    if form == "json":
        print_json(made)
    elif made:
        from heartbeat_cli.views import tables

        text = tables.check_table(made, app.locale, app.config.timezone)
        show_table(tables.colored(text, app.config.heartbeat.locale))
    else:
        app.remark(Text("Nothing is due.") if app.config.components else Text("No components are configured."))
    return 0 if all(well(row) for row in made) else 1
