"""`heartbeat report`: the summary of a day, a week, a month or any days."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

import click

from heartbeat_cli.commands._app import App, pass_app, print_remark
from heartbeat_cli.domain.plain import system_words
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError, UsageError

if TYPE_CHECKING:
    from heartbeat_cli.domain.reporting.summary import Period, Summary
    from heartbeat_cli.store.sql.database import Database
    from heartbeat_cli.store.standby.keeper import Keeper


_FORMS = ("text", "json", "html", "markdown", "csv")
_PATIENCE = 1.0  # seconds until a person is told to wait
_LAST = "last"
_WEEK, _MONTH = "YYYY-Wnn, ", "YYYY-MM, "  # besides a day


@click.command("report")
@click.option(
    "--date", "day", metavar="D", help="The day, as YYYY-MM-DD, `today` or `yesterday`.  [default: yesterday]"
)
@click.option("--from", "first", metavar="D", help="First day of a longer period.")
@click.option("--to", "last", metavar="D", help="Last day of it, included.")
@click.option(
    *("--week", "week"),
    metavar="[D]",
    is_flag=False,
    flag_value=_LAST,
    help="The week (Monday to Sunday) with day D, or as YYYY-Wnn; without D the last whole one.",
)
@click.option(
    *("--month", "month"),
    metavar="[D]",
    is_flag=False,
    flag_value=_LAST,
    help="The month with day D, or as YYYY-MM; without D the last whole one.",
)
@click.option("--format", "form", type=click.Choice(_FORMS), default="text", show_default=True, help="How to print.")
@click.option("-o", "--output", metavar="FILE", help="Write to a file, at once and whole, instead of printing.")
@click.option("--send", is_flag=True, help="Send it through the report channels, once per period.")
@click.option("--again", is_flag=True, help="With --send: also when it has been sent before.")
@pass_app
def command(
    app: App,
    day: str | None,
    first: str | None,
    last: str | None,
    week: str | None,
    month: str | None,
    form: str,
    output: str | None,
    send: bool,
    again: bool,
) -> int:
    """Summarise a day, a week, a month or any days.

    What needs a person, what failed and what recovered it, service level, response times, alerts and their delivery.

    Days are cut in the configured time zone. Repeating --send for the same period sends nothing twice.

    \b
    Example:
      heartbeat report --date 2026-11-22
      heartbeat report --week --send
      heartbeat report --from 2026-11-01 --to 2026-11-30 --format json -o november.json
    """
    from heartbeat_cli.passes.report import report

    if again and not send:
        raise UsageError(Text("--again goes with --send"))
    days, unit = _chosen(app, day=day, span=(first, last), week=week, month=month)
    period = report.period(*_require_begun(app, days), app.config.timezone, unit=unit)
    with _progress(period):
        summary = _send_summary(app, period, again) if send else _read_summary(app, period)
        text = _rendered(app, summary, form)
    if output is not None:
        _write(app, output, f"{text}\n")
    elif not send:
        click.echo(text)
    return 0


def _read_summary(app: App, period: "Period") -> "Summary":
    from heartbeat_cli.passes.report import report

    with app.history_to_read() as db:
        return report.report(db, app.config, period, app.now())


def _send_summary(app: App, period: "Period", again: bool) -> "Summary":
    """Send the summary, and return it."""
    from heartbeat_cli.passes.report import report

    with app.keeper() as keeper:
        summary = keeper.run(lambda db: report.report(db, app.config, period, app.now()), app.now())
        _send(app, keeper, summary, again)
    return summary


def rendered(summary: "Summary", form: str, locale: str) -> str:
    """The summary in one of the forms, without a configuration."""
    from heartbeat_cli.views import report as view

    return view.rendered(summary, form, locale)


def _rendered(app: App, summary: "Summary", form: str) -> str:
    from heartbeat_cli.views import report as view

    heartbeat = app.config.heartbeat
    return view.rendered(summary, form, heartbeat.locale, tuple(app.config.secrets), heartbeat.templates)


def _write(app: App, output: str, text: str) -> None:
    from heartbeat_cli.system.files import write_named

    try:
        write_named(output, text, 0o600)
    except OSError as error:
        raise HeartbeatError(
            Text("{output}: cannot be written: {why}", output=output, why=system_words(str(error.strerror)))
        ) from error
    app.remark(Text("{output}: written", output=output))


@contextmanager
def _progress(period: "Period") -> Iterator[None]:
    """Print a line for a person who has waited for a second; nothing for cron, a pipe or a file."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    import threading

    timer = threading.Timer(
        _PATIENCE,
        print_remark,
        [Text("heartbeat: adding up {first} to {last} …", first=str(period.first), last=str(period.last))],
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


Days = tuple[date, date]


def _chosen(
    app: App, *, day: str | None, span: tuple[str | None, str | None], week: str | None, month: str | None
) -> tuple[Days, Literal["", "week", "month"]]:
    """The days that were asked for, and the calendar unit they were asked for as."""
    named = [
        name
        for name, value in (("--date", day), ("--from and --to", any(span)), ("--week", week), ("--month", month))
        if value
    ]
    if len(named) > 1:
        raise UsageError(Text("{named} goes without {names}", named=named[0], names=" and ".join(named[1:])))
    if week is not None:
        return _week(app, week), "week"
    if month is not None:
        return _month(app, month), "month"
    if not any(span):
        one = one_day(app, day or "yesterday", "--date")
        return (one, one), ""
    if not all(span):
        raise UsageError(Text("--from and --to go together"))
    first, last = (one_day(app, text or "", option) for text, option in zip(span, ("--from", "--to"), strict=True))
    if first > last:
        raise UsageError(Text("--from {first} is after --to {last}", first=str(span[0]), last=str(span[1])))
    return (first, last), ""


def _week(app: App, text: str) -> Days:
    """Monday to Sunday, as ISO 8601 has it."""
    one = _today(app) - timedelta(days=7) if text == _LAST else one_day(app, text, "--week", _WEEK)
    monday = one - timedelta(days=one.weekday())
    return monday, monday + timedelta(days=6)


def _month(app: App, text: str) -> Days:
    one = _today(app).replace(day=1) - timedelta(days=1) if text == _LAST else one_day(app, text, "--month", _MONTH)
    first = one.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _today(app: App) -> date:
    from heartbeat_cli.passes.report.report import today

    return today(app.now(), app.config.timezone)


def _require_begun(app: App, days: Days) -> Days:
    """Raise UsageError for a period that lies wholly in the future."""
    if days[0] > _today(app):
        raise UsageError(Text("{day} is still to come", day=str(days[0])))
    return days


def one_day(app: App, text: str, option: str, also: str = "") -> date:
    """The day that a person named, or the first one of what `also` names the form of. Raises UsageError for what is no
    day."""
    here = _today(app)
    words = {"today": here, "yesterday": here - timedelta(days=1)}
    try:
        found = words.get(text) or date.fromisoformat(f"{text}-01" if also == _MONTH and len(text) == 7 else text)
    except ValueError:
        raise UsageError(
            Text(
                "{option} {text} is no day; expected YYYY-MM-DD, {also}today or yesterday",
                option=option,
                text=repr(text),
                also=also,
            )
        ) from None
    if not 1970 < found.year < 9999:
        raise UsageError(
            Text("{option} {text} is out of reach; expected a day from 1971 to 9998", option=option, text=repr(text))
        )
    return found


def _send(app: App, keeper: "Keeper", summary: "Summary", again: bool) -> None:
    """Put the report into the outbox under the period's own id, so that it goes out once however often this is called.
    A report of days that are not over goes out once, too, under another id."""
    from heartbeat_cli.commands._deliver import deliver
    from heartbeat_cli.domain.alerting.alert import Alert
    from heartbeat_cli.store.outbox import alerts
    from heartbeat_cli.views import report as view

    config, now = app.config, app.now()
    names = config.report.channels if config.report.channels is not None else config.channels
    made = view.letter(summary, config.heartbeat.locale, tuple(config.secrets), config.heartbeat.templates)
    id_ = summary.period.id if summary.period.end <= now else f"{summary.period.id}_so_far"
    alert = Alert(id_, "report", "low", made.title, "report", now, None, Text("asked for"), made._asdict())

    def save(db: "Database") -> str | None:
        with db.transaction():
            for name in (id_, f"{id_}_again_{round(now)}") if again else (id_,):
                if alerts.add(db, alert._replace(id=name), names, now):
                    return name
        return None

    added = keeper.run(save, now)
    for one in deliver(app, keeper):
        if one.alert == added:
            went = one.error or (Text("printed") if one.printed else Text("sent"))
            app.remark(Text("{channel}: {went}", channel=one.channel, went=went))
    if not added:
        _say_waiting(app, keeper, id_)
    elif not names:
        app.remark(Text("{id}: no channel to send it through", id=id_))


def _say_waiting(app: App, keeper: "Keeper", id_: str) -> None:
    """Say what became of a report that was put into the outbox before."""
    from heartbeat_cli.store.outbox import alerts

    left = [one for one in keeper.run(lambda db: alerts.deliveries(db, [id_]), app.now()) if one.state == "waiting"]
    if not left:
        app.remark(Text("{id}: already sent; send it once more with --again", id=id_))
        return
    app.remark(Text("{id}: waits to be sent", id=id_))
    for one in left:
        why = one.last_error or Text("not tried yet")
        app.remark(Text("{channel}: waiting: {why}", channel=one.channel, why=why))
