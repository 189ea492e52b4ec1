"""Recovery as `run` and `heartbeat recover` do it. `run` does without click."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heartbeat_cli.commands._base import App
    from heartbeat_cli.commands._deliver import PassDelivery
    from heartbeat_cli.domain.incident import Attempt
    from heartbeat_cli.passes.recover.results import StepResult
    from heartbeat_cli.store.standby.keeper import Keeper


def recover(
    app: "App",
    keeper: "Keeper",
    post: "PassDelivery",
    log: Callable[[str], None],
    wanted: Sequence[str] | None = None,
    forced: bool = False,
    dry_run: bool = False,
    asked: Sequence[str] = (),
    by: str = "person",
) -> "list[StepResult]":
    """Run recovery, and meanwhile make the checks that fall due. `asked` are components that a person has asked to
    recover, `by` is recorded as who did. An attempt is recorded through the keeper, because the
    store may be what a step restarts."""
    from heartbeat_cli.commands._due_checks import DueChecks
    from heartbeat_cli.passes.recover import recover
    from heartbeat_cli.store.state import recoveries

    def save(attempt: "Attempt") -> None:
        keeper.record(lambda db: recoveries.save(db, attempt), app.now())

    store = recover.Store(lambda work: keeper.run(work, app.now()), save)
    meanwhile = DueChecks(app, keeper, post, log)
    tick = post.tick if post.awaits else None
    results = recover.recover(
        store,
        app.config,
        wanted=wanted,
        forced=forced,
        dry_run=dry_run,
        meanwhile=meanwhile,
        asked=asked,
        by=by,
        tick=tick,
    )
    meanwhile.finish()
    return results
