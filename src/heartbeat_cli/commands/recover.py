"""`heartbeat recover`: the recovery steps that are due, verified by the same check."""

import click

from heartbeat_cli.commands._app import (
    App,
    by_option,
    dry_run_option,
    format_option,
    pass_app,
    print_json,
    requester,
    show,
)
from heartbeat_cli.commands._complete import component_option
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import UsageError


@click.command("recover")
@component_option("Only these; repeatable.")
@click.option(
    "--force", is_flag=True, help="Run the next step now, whatever backoff and budget say (wants --component)."
)
@click.option("--exact", is_flag=True, help="Each --component is an id, neither a kind nor a glob.")
@by_option
@format_option("table", "json")
@dry_run_option
@click.option(
    "--no-check",
    is_flag=True,
    help="With --dry-run: go by what is stored, and ask neither components nor their actions.",
)
@pass_app
def command(
    app: App, names: tuple[str, ...], force: bool, exact: bool, by: str, form: str, dry_run: bool, no_check: bool
) -> int:
    """Run the recovery steps that are due, and verify them.

    Each component has a ladder of steps; when a step does not help, the next one follows. A step is verified by the
    check that failed. Naming a component whose recovery is `ask` is the consent that it waits for. Exit
    code 1 when a recovery failed.

    \b
    Example:
      heartbeat recover --dry-run
      heartbeat recover --component gateway --force
    """
    from heartbeat_cli.commands import _decisions, _recover

    if force and not names:
        raise UsageError(Text("--force wants --component: say what to recover"))
    if exact and not names:
        raise UsageError(Text("--exact wants --component: say what to recover"))
    if by and not names:
        raise UsageError(Text("--by wants --component: say what to recover"))
    if no_check and not dry_run:
        raise UsageError(Text("--no-check wants --dry-run: no step is taken without a check"))
    wanted = app.components(names, exact) if names else None
    if dry_run:
        steps = _recover.foreseen(app, wanted, force, asks=not no_check)
    else:
        steps = _recover.by_hand(app, wanted, force, requester(by) if by else "person")
    if form == "json":
        print_json([step._asdict() for step in steps])
    else:
        for one in steps:
            show(app.words(_decisions.step(one)))
        if not steps:
            app.remark(Text("Nothing to recover: no component is in fault."))
    return 1 if any(one.failed for one in steps) else 0
