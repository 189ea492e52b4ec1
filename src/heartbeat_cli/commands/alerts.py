"""`heartbeat alerts`: the alerts, and how their delivery went."""

from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, get_args

import click

from heartbeat_cli.commands._app import (
    FORMATS,
    App,
    format_option,
    pass_app,
    print_json,
    show,
    show_table,
)
from heartbeat_cli.commands._complete import component_option
from heartbeat_cli.domain.component import Severity
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import UsageError

if TYPE_CHECKING:
    from heartbeat_cli.store.outbox.alert_list import AlertFilter
    from heartbeat_cli.store.sql.database import Database
    from heartbeat_cli.views.voice import Voice

_GRAVE = get_args(Severity)
_LAST = 253_402_300_799.0  # the end of the year 9999, beyond which no store knows a time


@click.command("alerts")
@click.argument("alert", metavar="[ID]", required=False)
@component_option("Only about these; repeatable.")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only of this type or glob; repeatable.")
@click.option("--severity", type=click.Choice(_GRAVE), help="Only at least this severe.")
@click.option("--since", metavar="WHEN", help="Not before: 24h, 7d (ago), a day or a time.")
@click.option("--until", metavar="WHEN", help="Not after; a day is included.")
@click.option("--undelivered", is_flag=True, help="Only what has not been delivered to some channel.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Most to show.")
@format_option(*FORMATS)
@pass_app
def command(
    app: App,
    alert: str | None,
    names: tuple[str, ...],
    types: tuple[str, ...],
    severity: str | None,
    since: str | None,
    until: str | None,
    undelivered: bool,
    limit: int,
    form: str,
) -> int:
    """List alerts, and how their delivery went.

    The newest come first. With an ID, or the beginning of one, everything about that alert is shown.

    \b
    Example:
      heartbeat alerts --since 7d --severity high
      heartbeat alerts --undelivered
      heartbeat alerts main@17953
    """
    from heartbeat_cli.store.outbox.alert_list import AlertFilter

    if alert is not None:
        if names or types or severity or since or until or undelivered:
            raise UsageError(Text("{alert} is one alert: filters go without it", alert=repr(alert)))
        return _one(app, alert, form)
    wanted = AlertFilter(
        types=types,
        severities=_GRAVE[_GRAVE.index(severity) :] if severity else (),
        since=_moment(app, since, "--since"),
        until=_moment(app, until, "--until"),
        undelivered=undelivered,
    )
    return _list(app, wanted, names, limit, form)


def _list(app: App, wanted: "AlertFilter", names: tuple[str, ...], limit: int, form: str) -> int:
    from heartbeat_cli.store.outbox import alert_list
    from heartbeat_cli.store.sql import sentences
    from heartbeat_cli.views import alert_list as view

    with app.history_to_read() as db:
        if names:
            wanted = wanted._replace(components=_components(app, db, names))
        found = alert_list.select(db, wanted, limit)
        notified = alert_list.notifications(db, [one.id for one in found])
        found, notified = sentences.known(db, (found, notified), app.config.heartbeat.locale)
    if form == "json":
        print_json([view.row(one, notified[one.id], _voice(app)) for one in found])
    elif found:
        show_table(view.alerts_table(found, notified, _voice(app)))
        if len(found) == limit:
            app.remark(Text("the newest {limit}; --limit shows more", limit=limit))
    else:
        app.remark(Text("no such alerts"))
    return 0


def _one(app: App, beginning: str, form: str) -> int:
    from heartbeat_cli.store.outbox import alert_list, sends
    from heartbeat_cli.store.sql import sentences
    from heartbeat_cli.views import alert_list as view
    from heartbeat_cli.views import messages

    config = app.config
    with app.history_to_read() as db:
        found = alert_list.find(db, beginning)
        if len(found) != 1:
            raise UsageError(_not_one(beginning, [one.id for one in found]))
        (alert,) = found
        notified, tries = alert_list.notifications(db, [alert.id])[alert.id], sends.sends_of(db, [alert.id])
        alert, notified, tries = sentences.known(db, (alert, notified, tries), config.heartbeat.locale)
    own = config.heartbeat.templates
    message = messages.message(alert, config.heartbeat.locale, config.timezone, config.secrets, own=own)
    if form == "json":
        print_json(view.whole(alert, notified, tries, message, _voice(app)))
    else:
        show(view.text(alert, notified, tries, message, _voice(app)))
    return 0


def _not_one(beginning: str, ids: list[str]) -> str:
    if not ids:
        return Text("no alert {beginning}; `heartbeat alerts` lists them", beginning=repr(beginning))
    more = Text(", …") if len(ids) > 5 else ""
    return Text(
        "{beginning} begins more than one alert: {names}{more}",
        beginning=repr(beginning),
        names=", ".join(ids[:5]),
        more=more,
    )


def _voice(app: App) -> "Voice":
    from heartbeat_cli.views.voice import Voice

    return Voice(app.config.heartbeat.locale, app.config.timezone, tuple(app.secrets), app.now())


def _components(app: App, db: "Database", names: tuple[str, ...]) -> list[str]:
    """What these names mean: components of the configuration, or whatever else there have been alerts about."""
    from fnmatch import fnmatchcase

    from heartbeat_cli.domain.component import matching
    from heartbeat_cli.store.outbox import alert_list

    chosen, missed = matching(names, app.config.components)
    known = alert_list.components(db) if missed else []
    for name in missed:
        gone = [one for one in known if fnmatchcase(one, name)]
        if not gone:
            app.components([name])  # says that there is none, and what was meant
        chosen += gone
    return chosen


def _moment(app: App, text: str | None, option: str) -> float | None:
    """A time as a person says it: so long ago, a day (its beginning; with --until its end), or a moment."""
    from zoneinfo import ZoneInfo

    from heartbeat_cli.domain.alerting.schedule import epoch
    from heartbeat_cli.domain.seconds import as_seconds
    from heartbeat_cli.passes.report.report import period, today

    if text is None:
        return None
    now, zone = app.now(), app.config.timezone
    here = today(now, zone)
    with suppress(ValueError, OverflowError):
        return min(max(now - as_seconds(text), 0.0), _LAST)
    with suppress(ValueError, OverflowError):
        words = {"today": here, "yesterday": here - timedelta(days=1)}
        day = words.get(text) or date.fromisoformat(text)
        span = period(day, day, zone)
        return span.end if option == "--until" else span.start
    with suppress(ValueError, OverflowError):
        at = datetime.fromisoformat(text)
        return at.timestamp() if at.tzinfo else epoch(at, ZoneInfo(zone))
    raise UsageError(
        Text(
            "{option} {text} is no time; expected as in 24h, 7d, today, 2026-11-22 or 2026-11-22T09:30",
            option=option,
            text=repr(text),
        )
    )
