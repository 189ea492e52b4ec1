"""`heartbeat status`: the state of every component."""

from typing import Any

import click

from heartbeat_cli.commands._app import App, format_option, pass_app, print_json, print_remark, show_table
from heartbeat_cli.commands._complete import component_option
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import UsageError

# What makes a row of `--watch` another one.
_CHANGE_KEYS = (
    *("state", "unobserved", "status", "late", "incident"),
    *("held_by", "acked", "quiet", "needs_person", "waits_for_you"),
)


@click.command("status")
@component_option("Only these; repeatable.")
@click.option("--watch", is_flag=True, help="Show it again and again, until `q` or Ctrl-C.")
@click.option(
    "--every",
    type=click.FloatRange(min=0.1, max=3600),
    metavar="SECONDS",
    default=2.0,
    show_default=True,
    help="How often --watch reads the store.",
)
@format_option("table", "json", "nagios")
@pass_app
def command(app: App, names: tuple[str, ...], watch: bool, every: float, form: str) -> int:
    """Show every component's state, as stored.

    Nothing is checked. States: healthy, suspect (failing, below the threshold), fault, recovering, unknown (not yet
    known); and unobserved in its place while checks cannot be made. Exit code 1 when some are not healthy, or
    unobserved, or have not been checked for long; with --format nagios 0, 1, 2 or 3 as plugins do.
    """
    if watch and form != "table":
        raise UsageError(Text("--watch shows tables; take --format {form} without it", form=form))
    wanted = app.components(names, may=True) if names else list(app.config.components)
    if watch:
        from heartbeat_cli.commands import _watch

        hint = _word(app, "watch_hint", span=f"{every:g} {_word(app, 'unit_s')}")
        return _watch.watch(lambda width: _picture(app, wanted, width), every, hint)
    from heartbeat_cli.views import nagios, rows

    remarks: list[str] = []
    made = status_rows(app, wanted, remarks)
    if form == "table" and remarks and remarks[0] == _word(app, "no_reader"):
        print_remark(remarks.pop(0))  # first of all
    if form == "nagios":
        text, code = nagios.status_line(made)
        click.echo(text)
        return code
    _show(app, made, form)
    for remark in remarks if form == "table" else ():
        print_remark(remark)
    return 0 if all(rows.well(row) for row in made) else 1


def _picture(app: App, wanted: list[str], width: int | None) -> Any:
    """What `--watch` shows: how many are not well and when that was, the remarks, and the table, the worst first where
    a person watches."""
    from heartbeat_cli.commands._watch import Picture
    from heartbeat_cli.errors import StoreError
    from heartbeat_cli.views import rows, tables
    from heartbeat_cli.views.wording import local_time

    remarks: list[str] = []
    try:
        made = status_rows(app, wanted, remarks)
    except StoreError as error:  # it may be back in a moment
        return Picture([tables.fitting(str(error), width)], 3, str(error))
    bad = sum(not rows.well(row) for row in made)
    verdict = _word(app, "some_bad", bad=bad, total=len(made)) if bad else _word(app, "all_well")
    if not made:
        verdict = _word(app, "no_components")
    at = local_time(app.now(), app.config.timezone, "%H:%M:%S")
    if width is not None:
        made.sort(key=rows.well)
    locale = app.config.heartbeat.locale
    table = tables.status_table(made, locale, app.config.timezone, width) if made else ""
    shown = tables.colored(table, locale) if _colors() else table
    first = remarks[:1] if remarks[:1] == [_word(app, "no_reader")] else []
    heading = [tables.fitting(one, width) for one in (*first, f"{at}  {verdict}", *remarks[len(first) :])]
    lines = [*heading, "", *shown.splitlines()]
    news = (
        [remark.split(":")[0] for remark in remarks],
        [[row["component"], *(row[key] for key in _CHANGE_KEYS)] for row in made],
    )
    return Picture(lines, 1 if bad else 0, news)


def _colors() -> bool:
    import os
    import sys

    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _word(app: App, key: str, **values: object) -> str:
    from heartbeat_cli.views.wording import word

    return word(key, app.config.heartbeat.locale, **values)


def status_rows(app: App, wanted: list[str], remarks: list[str]) -> list[dict[str, object]]:
    """The status rows of some components, from the store; lines about what else a person should know are added to
    `remarks`."""
    from heartbeat_cli.commands import _remarks
    from heartbeat_cli.store.board import board
    from heartbeat_cli.store.history import last_checks
    from heartbeat_cli.store.quorum import healers, peers
    from heartbeat_cli.store.sql import sentences
    from heartbeat_cli.store.state import states
    from heartbeat_cli.views import rows

    components = {id_: app.config.components[id_] for id_ in wanted}
    with app.store_to_read() as db:
        now = app.now()
        known, last, incidents = states.states(db), last_checks.read(db), states.open_incidents(db)
        together = peers.rounds(db, components.values())
        tried, silenced = (
            board.attempts_of_open_incidents(db) if incidents else {},
            board.silences_by_component(db, app.config, now),
        )
        orphans = healers.missing(db, components.values(), app.config.observer, now) if incidents else {}
        if not _reaches_person(app):
            remarks.append(_word(app, "no_reader"))
        remarks += _remarks.of_passes(app, db, now)
        last, incidents, together, tried = sentences.known(
            db, (last, incidents, together, tried), app.config.heartbeat.locale
        )
        remarks += _remarks.of_messages(app, db, now)
    found = []
    for id_, one in components.items():
        incident = incidents.get(id_)
        steps = tried.get(incident.id, ()) if incident else ()
        more = silenced.get(id_), together.get(id_), id_ in orphans
        row = rows.status_row(one, known.get(id_), last.get(id_), now, incident, steps, *more)
        found.append({**row, "reaches_person": _reaches_person(app, one)})
    remarks += [app.words(one) for one in _remarks.of_judgement(found)]
    return found


def _reaches_person(app: App, component: Any = None) -> bool:
    """Whether any of the channels (of those for a component) reaches a person, and does not only print."""
    from heartbeat_cli.domain.alerting.channel import reach_people
    from heartbeat_cli.domain.alerting.routing import audience

    channels = app.config.channels
    if component is not None:
        heard = audience({id_: one.common for id_, one in channels.items()}, component.severity, component)
        channels = {id_: channels[id_] for id_ in heard}
    return reach_people((one.kind, one.broken) for one in channels.values())


def _show(app: App, made: list[dict[str, object]], form: str) -> None:
    if form == "json":
        print_json(made)
        return
    if not made:
        app.remark(Text("No components are configured."))
        return
    import shutil
    import sys

    from heartbeat_cli.views import tables

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    text = tables.status_table(made, app.config.heartbeat.locale, app.config.timezone, width)
    show_table(tables.colored(text, app.config.heartbeat.locale))
