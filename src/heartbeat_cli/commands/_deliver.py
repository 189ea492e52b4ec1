"""Delivering as every verb does it: through the keeper, so that what is out is known even if the store goes away."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from heartbeat_cli.commands._base import App, say

if TYPE_CHECKING:
    from heartbeat_cli.passes.deliver import Delivered
    from heartbeat_cli.store.database import Database
    from heartbeat_cli.store.keeper import Keeper

_PATIENCE = 2.0  # seconds that the rest of a pass waits for what it has to tell; a send that takes longer goes on


class Post:
    """The delivering of one pass: `go` between its other work, `end` when all else is done."""

    def __init__(self, app: App, keeper: "Keeper") -> None:
        from heartbeat_cli.passes.deliver import Delivering

        self._app, self._keeper = app, keeper
        self._delivering = Delivering(app.config, app.now)

    def go(self) -> None:
        """Send what is due; what a slow channel has not taken soon goes on beside the rest of the pass."""
        self._keeper.do(lambda db: self._delivering.work(db, self._keep, _PATIENCE), self._app.now())

    def end(self) -> list["Delivered"]:
        """Wait for the slow ones as long as a send may take; how all of it went."""
        if self._delivering.unfinished:
            self._keeper.do(lambda db: self._delivering.work(db, self._keep), self._app.now())
            self._delivering.finish(self._keep)
        for note in dict.fromkeys(f"{one.channel}: {one.note}" for one in self.results if one.note):
            say(note)
        return self.results

    @property
    def results(self) -> list["Delivered"]:
        return self._delivering.results

    def _keep(self, outcome: Callable[["Database"], None]) -> None:
        self._keeper.note(outcome, self._app.now())  # it has happened outside: a spool that comes in later must know


def deliver(app: App, keeper: "Keeper") -> list["Delivered"]:
    """Send what is due and wait for it; the copy for the next pass then knows of it."""
    post = Post(app, keeper)
    found = post.end()
    keeper.refresh_mirror(app.now())
    return found


def line(one: "Delivered") -> str:
    """How a notification went, for a person."""
    return f"{one.alert} to {one.channel}: {one.error or 'sent'}"
