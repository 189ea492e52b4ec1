"""`heartbeat run`: the whole chain, as cron starts it."""

import click

from heartbeat_cli.commands._app import App, pass_app


@click.command("run")
@click.option("-v", "--verbose", is_flag=True, help="Print to standard error what was decided and done.")
@pass_app
def command(app: App, verbose: bool) -> int:
    """Make one pass: check, detect, recover, notify, dashboard.

    Prints nothing when nothing happened, so that cron mails only news. When another run is still busy, this one ends
    without a word; when that one has been busy for longer than a pass may take, exit code 3 says so. Otherwise the exit
    code is 0 unless heartbeat itself failed: people are notified of faults by alerts. A component or channel whose
    `env:` or `file:` reference cannot be resolved is left out, with exit code 2.
    """
    from heartbeat_cli.commands._chain import whole_pass

    return whole_pass(app, verbose)
