"""`heartbeat status`: where every component stands."""

import time
from typing import Any

import click

from heartbeat_cli.commands._app import App, format_option, pass_app, print_json, say, show_table
from heartbeat_cli.commands._complete import component_option
from heartbeat_cli.errors import UsageError


@click.command("status")
@component_option("Only these; repeatable.")
@click.option("--watch", is_flag=True, help="Show it again every two seconds until interrupted.")
@format_option("table", "json", "nagios")
@pass_app
def command(app: App, names: tuple[str, ...], watch: bool, form: str) -> int:
    """Show every component's state as stored, without looking anew.

    States: healthy, suspect (failing, below the threshold), fault, recovering, unknown (never looked at). Exit code 1
    when some are not healthy, or have not been looked at for long; with --format nagios 0, 1, 2 or 3 as plugins do.
    """
    if watch and form != "table":
        raise UsageError(f"--watch shows tables; take --format {form} without it")
    from heartbeat_cli.views import nagios, rows

    wanted = app.components(names) if names else list(app.config.components)
    while True:
        remarks: list[str] = []
        made = status_rows(app, wanted, remarks)
        if watch:
            click.clear()
        if form == "nagios":
            text, code = nagios.status_line(made)
            click.echo(text)
        else:
            _show(app, made, form)
            code = 0 if all(rows.well(row) for row in made) else 1
        for remark in remarks if form == "table" else ():
            say(remark)
        if not watch:
            return code
        time.sleep(2)


def status_rows(app: App, wanted: list[str], remarks: list[str]) -> list[dict[str, object]]:
    """The status rows of some components, from the store; and what else a person should know, as `remarks`."""
    from heartbeat_cli.store import passes, states
    from heartbeat_cli.views import rows

    with app.store() as db:
        known, last, incidents = states.states(db), passes.last_looks(db), states.open_incidents(db)
        now = app.now()
        remarks += _nobody_looks(app, db, now) + _store_away(app, db, now) + _kept_quiet(app, db, now)
        remarks += _channels_in_trouble(app, db, now)
    return [
        rows.status_row(app.config.components[id_], known.get(id_), last.get(id_), now, incidents.get(id_))
        for id_ in wanted
    ]


def _nobody_looks(app: App, db: Any, now: float) -> list[str]:
    from heartbeat_cli.domain.coverage import is_late
    from heartbeat_cli.domain.plain import duration
    from heartbeat_cli.passes import check
    from heartbeat_cli.store import gaps

    watch = gaps.watch(db, app.config.observer)
    if watch is None or not is_late(watch.ended, now, check.expected_every(db, app.config)):
        return []
    return [f"heartbeat: no pass for {duration(now - watch.ended)}: does cron run? `heartbeat doctor` looks"]


def _kept_quiet(app: App, db: Any, now: float) -> list[str]:
    """What is silenced or in maintenance just now: who wonders why nobody was told reads it here."""
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.store import silences
    from heartbeat_cli.views.wording import local_time

    return [
        f"heartbeat: {one.kind} {one.id} of {one.target} until {local_time(one.ends, app.config.timezone)}:"
        f" {one_line(one.reason, 160)}"
        for one in silences.quiet(db, app.config, now)
    ]


def _store_away(app: App, db: Any, now: float) -> list[str]:
    """When, in the last 24 hours, a local spool stood in for the store, and why."""
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.store import spool
    from heartbeat_cli.views.wording import local_time

    lines = []
    for one in spool.degraded_between(db, now - 86_400, now):
        since, zone = local_time(one.started, app.config.timezone), app.config.timezone
        until = "and still is" if one.ended is None else f"until {local_time(one.ended, zone)}"
        lines.append(f"heartbeat: the store was away from {since} {until}: {one_line(one.reason, 160)}")
    return lines


def _channels_in_trouble(app: App, db: Any, now: float) -> list[str]:
    """The channels that take nothing: since when, why, and how much waits for them."""
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.store import outbox
    from heartbeat_cli.views.wording import local_time

    return [
        f"heartbeat: channel {one.channel} has taken nothing since {local_time(one.since, app.config.timezone)}"
        f" ({one.waiting} waiting): {one_line(one.last_error, 160)}"
        for one in outbox.channel_troubles(db, now)
        if one.channel in app.config.channels
    ]


def _show(app: App, made: list[dict[str, object]], form: str) -> None:
    if form == "json":
        print_json(made)
        return
    if not made:
        say("No components are configured.")
        return
    from heartbeat_cli.views import tables

    text = tables.status_table(made, app.config.heartbeat.locale)
    show_table(tables.colored(text, app.config.heartbeat.locale))
