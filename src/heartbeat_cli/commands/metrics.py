"""`heartbeat metrics`: the figures for Prometheus."""

import click

from heartbeat_cli.commands._app import App, pass_app
from heartbeat_cli.domain.plain import system_words
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import HeartbeatError

_MODE = 0o644  # read by node_exporter, which is another user


@click.command("metrics")
@click.option("-o", "--output", metavar="FILE", help="Write to a file, at once and whole, instead of printing.")
@pass_app
def command(app: App, output: str | None) -> int:
    """Print the figures in Prometheus' text format.

    States, response times, counters and the last metrics, as stored: nothing is checked. With -o the file is replaced
    in one step, as node_exporter's textfile collector wants.

    \b
    Example:
      heartbeat metrics -o /var/lib/prometheus/node-exporter/heartbeat.prom
    """
    from heartbeat_cli.store.board import figures
    from heartbeat_cli.views import prometheus

    with app.store_to_read() as db:
        made = figures.read(db, app.config.observer, app.now(), app.config.components.values())
        text = prometheus.text(made, app.config)
    if output in (None, "-"):
        click.echo(text, nl=False)
        return 0
    from heartbeat_cli.system.files import write_named

    try:
        write_named(output, text, _MODE)
    except OSError as error:
        raise HeartbeatError(
            Text("{output}: cannot be written: {why}", output=output, why=system_words(str(error.strerror)))
        ) from error
    return 0
