"""`heartbeat report`: the summary of a day or of several."""

from datetime import date, timedelta
from typing import Any

import click

from heartbeat_cli.commands._app import App, pass_app, say
from heartbeat_cli.errors import HeartbeatError, UsageError

_FORMS = ("text", "json", "html", "markdown", "csv")


@click.command("report")
@click.option(
    "--date", "day", metavar="D", help="The day, as YYYY-MM-DD, `today` or `yesterday`.  [default: yesterday]"
)
@click.option("--from", "first", metavar="D", help="First day of a longer period.")
@click.option("--to", "last", metavar="D", help="Last day of it, included.")
@click.option("--format", "form", type=click.Choice(_FORMS), default="text", show_default=True, help="How to print.")
@click.option("-o", "--output", metavar="FILE", help="Write to a file, at once and whole, instead of printing.")
@click.option("--send", is_flag=True, help="Send it through the report channels, once per period.")
@pass_app
def command(
    app: App, day: str | None, first: str | None, last: str | None, form: str, output: str | None, send: bool
) -> int:
    """Summarise a day (or --from/--to): heartbeats, incidents, what healed them, alerts and their delivery.

    Days are cut in the configured time zone. Repeating --send for the same period sends nothing twice.

    \b
    Example:
      heartbeat report --date 2026-11-22
      heartbeat report --from 2026-11-01 --to 2026-11-30 --format json -o november.json
    """
    from heartbeat_cli.passes import report

    days = _days(app, day, first, last)

    def made(db: Any) -> Any:
        return report.report(db, app.config, report.period(*days, app.config.timezone), app.now())

    if send:
        with app.keeper() as keeper:
            summary = keeper.do(made, app.now())
            _send(app, keeper, summary)
    else:
        with app.store(history=True) as db:
            summary = made(db)
    text = rendered(summary, form, app.config.heartbeat.locale)
    if output is None:
        if not send:
            click.echo(text)
        return 0
    from heartbeat_cli.files import write_whole

    try:
        write_whole(output, text + "\n", 0o600)
    except OSError as error:
        raise HeartbeatError(f"{output}: cannot be written: {error.strerror}") from error
    say(f"{output}: written")
    return 0


def rendered(summary: Any, form: str, locale: str) -> str:
    """The summary in one of the forms."""
    from heartbeat_cli.views import report as view

    if form == "json":
        import json

        return json.dumps(view.tree(summary), ensure_ascii=False, indent=2)
    made: str = getattr(view, form)(summary, locale)
    return made


def _days(app: App, day: str | None, first: str | None, last: str | None) -> tuple[date, date]:
    if day and (first or last):
        raise UsageError("--date goes without --from and --to")
    if bool(first) != bool(last):
        raise UsageError("--from and --to go together")
    if first and last:
        span = one_day(app, first, "--from"), one_day(app, last, "--to")
        if span[0] > span[1]:
            raise UsageError(f"--from {first} is after --to {last}")
        return _begun(app, span)
    one = one_day(app, day or "yesterday", "--date")
    return _begun(app, (one, one))


def _begun(app: App, days: tuple[date, date]) -> tuple[date, date]:
    """A period that lies wholly in the future has nothing to report, and what is open now is not its affair."""
    from heartbeat_cli.passes.report import today

    if days[0] > today(app.now(), app.config.timezone):
        raise UsageError(f"{days[0]} is still to come")
    return days


def one_day(app: App, text: str, option: str) -> date:
    """The day a person named. Raises UsageError for what is no day."""
    from heartbeat_cli.passes.report import today

    here = today(app.now(), app.config.timezone)
    words = {"today": here, "yesterday": here - timedelta(days=1)}
    try:
        found = words.get(text) or date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is no day; expected YYYY-MM-DD, today or yesterday") from None
    if not 1970 < found.year < 9999:
        raise UsageError(f"{option} {text!r} is out of reach; expected a day from 1971 to 9998")
    return found


def _send(app: App, keeper: Any, summary: Any) -> None:
    """Into the outbox under the period's own id, so that it goes out once however often this is called. One of a day
    that is not over goes out once, too, and does not stand for the whole one."""
    from heartbeat_cli.commands._deliver import deliver
    from heartbeat_cli.domain.alert import Alert
    from heartbeat_cli.store import alerts
    from heartbeat_cli.views import report as view
    from heartbeat_cli.views.wording import word

    config, now = app.config, app.now()
    title = f"{word('report', config.heartbeat.locale)} {summary.period.first}"
    text = view.text(summary, config.heartbeat.locale)
    id_ = summary.period.id if summary.period.end <= now else f"{summary.period.id}_so_far"
    alert = Alert(id_, "report", "low", title, "report", now, None, "asked for", {"text": text})
    names = config.report.channels if config.report.channels is not None else config.channels

    def keep(db: Any) -> bool:
        with db.transaction():
            return alerts.add(db, alert, names, now)

    added = keeper.do(keep, now)
    for one in deliver(app, keeper):
        if one.alert == id_:
            say(f"{one.channel}: {one.error or 'sent'}")
    if not added:
        say(f"{id_} has been sent before")
    elif not names:
        say(f"{id_}: no channel to send it through")
