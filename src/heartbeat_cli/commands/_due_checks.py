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
from heartbeat_cli.commands._base import App, print_remark
from heartbeat_cli.domain.plain import own_fault
from heartbeat_cli.passes.check import check, confirm

if TYPE_CHECKING:
    from collections.abc import Callable

    from heartbeat_cli.commands._deliver import PassDelivery
    from heartbeat_cli.passes.check.check import Begun, Checked
    from heartbeat_cli.store.standby.keeper import Keeper

_SPACING = 1.0  # seconds from one to the next at least, and until the first: most steps are over by then
_PATIENCE = 0.2  # seconds that a message which is sent meanwhile is waited for; it goes on by itself


class DueChecks:
    """Call it again and again; it returns whether something was judged since."""

    def __init__(self, app: App, keeper: "Keeper", post: "PassDelivery", log: "Callable[[str], None]") -> None:
        self._app, self._keeper, self._post, self._log = app, keeper, post, log
        self._next = time.monotonic() + _SPACING
        self._asked = False  # whether `_next` is a moment at which something is due
        self._wanted: list[str] | None = None  # what is to be checked then; None: what is due
        self._seen: list[Checked] = []
        self._under_way: threading.Thread | None = None

    def __call__(self) -> bool:
        if self._under_way is not None:
            return not self._under_way.is_alive() and self._judge()
        if time.monotonic() < self._next:
            return False
        if self._asked:
            self._begin()
        else:
            self._ask()
        return False

    def _ask(self) -> None:
        now = self._app.now()
        due_in: float = self._keeper.run(partial(check.due_in, config=self._app.config, now=now), now)
        self._next, self._asked, self._wanted = time.monotonic() + due_in, True, None

    def _begin(self) -> None:
        now, config = self._app.now(), self._app.config
        self._keeper.extend()
        begun: Begun = self._keeper.run(partial(check.begin, config=config, now=now, wanted=self._wanted), now)

        def work() -> None:
            try:
                self._seen.append(check.conclude(config, begun, check.run(begun.asked)))
            except Exception as error:  # the steps under way matter more; the next run checks
                print_remark(f"heartbeat: {own_fault(error)}")

        self._under_way = threading.Thread(target=work, daemon=True)
        self._under_way.start()

    def _judge(self) -> bool:
        """Store what was seen and act on it, but for recovery."""
        self._under_way, self._asked, self._next = None, False, time.monotonic() + _SPACING
        if not self._seen:
            return False
        seen = self._seen.pop()
        self._log(f"checked {len(seen.readings)} meanwhile")
        _judge.keep_and_judge(self._app, self._keeper, seen, self._log)
        self._keeper.refresh_mirror(self._app.now())
        self._post.go(_PATIENCE)
        _judge.draw(self._app, self._keeper)
        again = self._keeper.run(partial(confirm.due, config=self._app.config, seen=seen), self._app.now())
        if again is not None:
            self._next, self._asked, self._wanted = time.monotonic() + again.wait, True, again.components
        return True
