"""`heartbeat detect`: evaluate the heartbeats that detection has not consumed."""

import click

from heartbeat_cli.commands._app import App, dry_run_option, format_option, pass_app, print_json, show


@click.command("detect")
@format_option("table", "json")
@dry_run_option
@pass_app
def command(app: App, form: str, dry_run: bool) -> int:
    """Evaluate new heartbeats: states, incidents, alerts.

    A component is healthy, suspect (failing, below its fail_threshold), in fault, or recovering (healthy again, below
    its recovery_threshold). Each decision is printed with its reason; alerts are delivered at once.
    """
    from heartbeat_cli.commands import _decisions
    from heartbeat_cli.commands._deliver import deliver
    from heartbeat_cli.passes.detect import detect

    with app.keeper() as keeper:
        now = app.now()
        verdicts = keeper.run(lambda db: detect.detect(db, app.config, now, dry_run=dry_run, recovers=False), now)
        if not dry_run:
            deliver(app, keeper)
    if form == "json":
        print_json([verdict._asdict() for verdict in verdicts])
    else:
        for one in verdicts:
            show(app.words(_decisions.verdict(one)))
    return 0
