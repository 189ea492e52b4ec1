"""`heartbeat notify`: deliver what is waiting in the outbox."""

from typing import TYPE_CHECKING

import click

from heartbeat_cli.commands._app import App, pass_app, show
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError, UsageError

if TYPE_CHECKING:
    from heartbeat_cli.domain.alerting.alert import Alert
    from heartbeat_cli.domain.alerting.delivery import State


@click.command("notify")
@click.option("--test", "channel", metavar="CHANNEL", help="Send a test message through this channel, now.")
@pass_app
def command(app: App, channel: str | None) -> int:
    """Deliver what is waiting in the outbox.

    Exit code 1 when something is still undelivered.
    """
    from heartbeat_cli.commands._deliver import deliver, line
    from heartbeat_cli.store.outbox import outbox

    if channel is not None:
        return _test(app, channel)
    with app.keeper() as keeper:
        for one in deliver(app, keeper):
            show(line(one))
        left = keeper.run(outbox.count_waiting, app.now())
    if left:
        app.remark(Text("{left} still undelivered; the next run tries again", left=left))
    return 1 if left else 0


def _test(app: App, channel: str) -> int:
    from heartbeat_cli.config.problems import suggestion
    from heartbeat_cli.domain.alerting.delivery import Printed, State
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.passes.deliver import send
    from heartbeat_cli.redact import redact
    from heartbeat_cli.views import messages

    config = app.config
    if channel not in config.channels:
        raise UsageError(
            Text("no channel {channel}{nearest}", channel=repr(channel), nearest=suggestion(channel, config.channels))
        )
    alert = _alert(app, channel)
    message = messages.message(
        alert, config.heartbeat.locale, config.timezone, config.secrets, own=config.heartbeat.templates
    )
    tried = send.send(config.channels[channel], message)
    error, note = (
        None if one is None else one_line(redact(str(one), app.secrets)) for one in (tried.error, tried.note)
    )
    state: State = "failed" if error else "printed" if isinstance(tried.note, Printed) else "sent"
    went = error or (Text("{state} ({note})", state=Text(state), note=Text(note)) if note else Text(state))
    show(app.words(Text("{channel}: {went}", channel=channel, went=went)))
    _save(app, alert, channel, state, error, note, tried.took)
    return 1 if error else 0


def _alert(app: App, channel: str) -> "Alert":
    """The alert of a test message."""
    from heartbeat_cli.domain.alerting.alert import Alert
    from heartbeat_cli.views.wording import word

    now, locale = app.now(), app.config.heartbeat.locale
    details = {"text": word("test_text", locale), "observer": app.config.observer}
    title = word("test_title", locale)
    return Alert(f"test/{channel}/{round(now * 1000)}", "test", "low", title, "heartbeat", now, None, "", details)


def _save(
    app: App, alert: "Alert", channel: str, state: "State", error: str | None, note: str | None, took: float
) -> None:
    """Record the message like every other send. When the store does not answer, the test has worked all the same."""
    from heartbeat_cli.domain.alerting.delivery import Decision
    from heartbeat_cli.store.outbox import outcomes, trials

    outcome = outcomes.Outcome(app.now(), app.config.observer, Decision(state), error, note, took)
    try:
        with app.store_to_write_at_once() as db:
            trials.save(db, alert, channel, outcome)
    except HeartbeatError as trouble:
        app.remark(Text("heartbeat: the test is not recorded: {trouble}", trouble=str(trouble)))
