"""`heartbeat run`: the whole chain, as cron starts it."""

import click

from heartbeat_cli.commands._app import App, pass_app


@click.command("run")
@click.option("-v", "--verbose", is_flag=True, help="Print on standard error what was decided and done.")
@pass_app
def command(app: App, verbose: bool) -> int:
    """Make one whole pass: check, detect, recover, notify, dashboard.

    Prints nothing when nothing happened, so that cron mails only news. If another run is still busy, this one
    exits quietly; if that one has been busy for longer than a pass may take, it says so with exit code 3.
    Exit code 0 unless heartbeat itself failed: alerts say what is wrong with components.
    A component or channel whose `env:` or `file:` reference cannot be resolved is left out; then the exit code is 2.
    """
    from heartbeat_cli.commands._chain import whole_pass

    return whole_pass(app, verbose)
