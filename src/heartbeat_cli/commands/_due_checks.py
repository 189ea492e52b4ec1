"""The checks that fall due while recovery steps are taken and verified: the run that has the lock makes them.

A step may take a minute, and the runs that cron starts meanwhile end at once, because the lock is held. So that nobody
waits for another component's recovery, the run checks what is due, judges it, sends messages and draws the page in
their place. Checks are made in a thread of their own: the steps are watched meanwhile.
"""

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from heartbeat_cli.commands import _judge
from heartbeat_cli.commands._base import App
from heartbeat_cli.domain.plain import own_fault
from heartbeat_cli.domain.text import Text
from heartbeat_cli.passes.check import check, confirm

if TYPE_CHECKING:
    from collections.abc import Callable

    from heartbeat_cli.commands._deliver import PassDelivery
    from heartbeat_cli.passes.check.check import Begun, Checked
    from heartbeat_cli.store.standby.keeper import Keeper

_SPACING = 1.0  # seconds from one to the next at least, and until the first: most steps are over by then
_PATIENCE = 0.2  # seconds that a message which is sent meanwhile is waited for; it goes on by itself


class DueChecks:
    """Call it again and again; it returns whether something was judged since. `finish` ends it."""

    def __init__(self, app: App, keeper: "Keeper", post: "PassDelivery", log: "Callable[[str], None]") -> None:
        self._app, self._keeper, self._post, self._log = app, keeper, post, log
        self._next = time.monotonic() + _SPACING
        self._asked = False  # whether `_next` is a moment at which something is due
        self._confirmations = _Confirmations()
        self._seen: list[Checked] = []
        self._under_way: threading.Thread | None = None

    def __call__(self) -> bool:
        self._post.tick()
        if self._under_way is not None:
            return not self._under_way.is_alive() and self._judge()
        if not self._asked and time.monotonic() >= self._next:
            self._ask()
        if time.monotonic() >= min(self._next, self._confirmations.next):
            self._begin()
        return False

    def finish(self) -> None:
        """Wait for the checks that are under way, which end by their timeouts, and judge them: no program of theirs is
        left behind, and what they have seen is not lost."""
        if self._under_way is not None:
            self._under_way.join()
            self._judge()

    def _ask(self) -> None:
        now = self._app.now()
        due_in: float = self._keeper.run(partial(check.due_in, config=self._app.config, now=now), now)
        self._next, self._asked = time.monotonic() + due_in, True

    def _begin(self) -> None:
        now, config = self._app.now(), self._app.config
        begin = partial(check.begin, config=config, now=now, besides=self._confirmations.due(), confirms=True)
        self._keeper.extend()
        begun: Begun = self._keeper.run(begin, now)

        def work() -> None:
            try:
                self._seen.append(check.conclude(config, begun, check.run(begun.asked)))
            except Exception as error:  # the steps under way matter more; the next run checks
                self._app.remark(Text("heartbeat: {line}", line=own_fault(error)))

        self._under_way = threading.Thread(target=work, daemon=True)
        self._under_way.start()

    def _judge(self) -> bool:
        """Store what was seen and act on it, but for recovery."""
        self._under_way, self._asked, self._next = None, False, time.monotonic() + _SPACING
        if not self._seen:
            return False
        seen = self._seen.pop()
        self._log(Text("checked {count} meanwhile", count=len(seen.readings)))
        self._post.await_recovery(_judge.keep_and_judge(self._app, self._keeper, seen, self._log, further=True))
        self._keeper.refresh_mirror(self._app.now())
        self._post.go(_PATIENCE)
        _judge.draw(self._app, self._keeper)
        again = self._keeper.run(partial(confirm.due, config=self._app.config, seen=seen), self._app.now())
        self._confirmations.take(set(seen.readings), again)
        return True


class _Confirmations:
    """Which components are to be checked again to confirm a certain failure, and when (time.monotonic())."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._until: dict[str, float] = {}  # no longer than `run` confirms: what wants longer is checked when it is due

    @property
    def next(self) -> float:
        return min(self._at.values(), default=float("inf"))

    def due(self) -> set[str]:
        now = time.monotonic()
        return {id_ for id_, at in self._at.items() if at <= now}

    def take(self, checked: set[str], again: confirm.Next | None) -> None:
        """What is to be confirmed after a pass over these components."""
        now, wanted = time.monotonic(), set(again.components) if again is not None else set()
        for id_ in checked:
            self._at.pop(id_, None)
        self._until = {id_: until for id_, until in self._until.items() if id_ in wanted or id_ not in checked}
        for id_ in wanted:
            until = self._until.setdefault(id_, now + confirm.LONGEST)
            if again is not None and now + again.wait <= until:
                self._at[id_] = now + again.wait
