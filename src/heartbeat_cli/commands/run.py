"""`heartbeat run`: the whole chain, as cron starts it."""

import click

from heartbeat_cli.commands._app import App, pass_app


@click.command("run")
@click.option("-v", "--verbose", is_flag=True, help="Say on standard error what was decided and done.")
@pass_app
def command(app: App, verbose: bool) -> int:
    """Make one whole pass: check, detect, recover, notify, dashboard.

    Prints nothing when nothing happened, so that cron mails only news. When another run is still busy, this one
    leaves quietly; when that one has been busy for longer than a pass may take, it says so with exit code 3.
    Exit code 0 unless heartbeat itself failed: what is wrong with components is told by alerts.
    A component or channel whose `env:` or `file:` reference leads nowhere is left out, and said with exit code 2.
    """
    from heartbeat_cli.commands._chain import whole_pass

    return whole_pass(app, verbose)
