"""`heartbeat notify`: deliver what waits."""

import click

from heartbeat_cli.commands._app import App, pass_app, say
from heartbeat_cli.errors import UsageError


@click.command("notify")
@click.option("--test", "channel", metavar="CHANNEL", help="Send a test message through this channel, now.")
@pass_app
def command(app: App, channel: str | None) -> int:
    """Deliver what is waiting in the outbox. Exit code 1 when something is still undelivered."""
    from heartbeat_cli.commands._deliver import deliver, line
    from heartbeat_cli.store import outbox

    if channel is not None:
        return _test(app, channel)
    with app.keeper() as keeper:
        for one in deliver(app, keeper):
            click.echo(line(one))
        left = keeper.do(outbox.undelivered, app.now())
    if left:
        say(f"{left} still undelivered; the next run tries again")
    return 1 if left else 0


def _test(app: App, channel: str) -> int:
    from heartbeat_cli.domain.plain import one_line
    from heartbeat_cli.passes import send
    from heartbeat_cli.redact import redact
    from heartbeat_cli.settings import nearest
    from heartbeat_cli.views import messages

    if channel not in app.config.channels:
        raise UsageError(f"no channel {channel!r}{nearest(channel, app.config.channels)}")
    message = messages.trial(channel, app.config.heartbeat.locale, app.now(), app.config.heartbeat.templates)
    tried = send.send(app.config.channels[channel], message)
    told = str(tried.error) if tried.error else f"sent ({tried.note})" if tried.note else "sent"
    click.echo(f"{channel}: {one_line(redact(told, app.secrets))}")
    return 1 if tried.error else 0
