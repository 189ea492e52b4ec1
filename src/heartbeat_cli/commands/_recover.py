"""Recovery as `run` and `heartbeat recover` do it. `run` does without click."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heartbeat_cli.commands._base import App
    from heartbeat_cli.commands._deliver import PassDelivery
    from heartbeat_cli.domain.incident import Attempt
    from heartbeat_cli.passes.recover.results import StepResult
    from heartbeat_cli.store.standby.keeper import Keeper


def by_hand(app: "App", wanted: Sequence[str] | None, forced: bool, by: str) -> "list[StepResult]":
    """Run the recovery that a person, or a program, asks for, in a pass of its own. Raises Busy when another one is at
    work."""
    from heartbeat_cli.commands._deliver import PassDelivery
    from heartbeat_cli.store.sql import sentences

    with app.keeper() as keeper:
        post = PassDelivery(app, keeper)
        steps = recover(app, keeper, post, lambda text: None, wanted, forced, by=by)
        known: list[StepResult] = keeper.run(lambda db: sentences.known(db, steps, app.locale), app.now())
        keeper.refresh_mirror(app.now())
        if post.begun:
            post.end()
    return known


def foreseen(app: "App", wanted: Sequence[str] | None, forced: bool, asks: bool) -> "list[StepResult]":
    """What recovery would do now. It only reads, and holds up no pass: the lock is neither waited for nor taken.
    `asks`: whether what is due is checked again and its action asked, as before a step, or what is stored counts."""
    from heartbeat_cli.passes.recover import recover
    from heartbeat_cli.store.sql import sentences

    with app.store_to_read() as db:
        store = recover.one_store(db)
        steps = recover.recover(store, app.config, wanted=wanted, forced=forced, dry_run=True, asks=asks)
        return sentences.known(db, steps, app.locale)


def recover(
    app: "App",
    keeper: "Keeper",
    post: "PassDelivery",
    log: Callable[[str], None],
    wanted: Sequence[str] | None = None,
    forced: bool = False,
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
        meanwhile=meanwhile,
        asked=asked,
        by=by,
        tick=tick,
    )
    meanwhile.finish()
    return results
