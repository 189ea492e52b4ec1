"""`heartbeat notify`: deliver what waits."""

import click

from heartbeat_cli.commands._app import App, pass_app, say
from heartbeat_cli.errors import UsageError


@click.command("notify")
@click.option("--test", "channel", metavar="CHANNEL", help="Send a test message through this channel, now.")
@pass_app
def command(app: App, channel: str | None) -> int:
    """Deliver what is waiting in the outbox. Exit code 1 when something is still undelivered."""
    from heartbeat_cli.passes import deliver
    from heartbeat_cli.store import alerts

    if channel is not None:
        return _test(app, channel)
    with app.working_store() as db:
        for one in deliver.deliver(db, app.config):
            click.echo(f"{one.alert} to {one.channel}: {one.error or 'sent'}")
        left = alerts.undelivered(db)
    if left:
        say(f"{left} still undelivered; the next run tries again")
    return 1 if left else 0


def _test(app: App, channel: str) -> int:
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.passes import deliver
    from heartbeat_cli.redact import redact
    from heartbeat_cli.settings import nearest
    from heartbeat_cli.views import messages

    if channel not in app.config.channels:
        raise UsageError(f"no channel {channel!r}{nearest(channel, app.config.channels)}")
    message = messages.trial(channel, app.config.heartbeat.locale, app.now())
    error = deliver.send(app.config.channels[channel], message)
    said = "sent" if error is None else one_line(redact(str(error), app.secrets))
    click.echo(f"{channel}: {said}")
    return 0 if error is None else 1
