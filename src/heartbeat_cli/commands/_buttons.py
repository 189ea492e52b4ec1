"""Buttons under messages, as `run` handles them: it asks for presses beside its checks, carries them out once alerts
are on their way, and hands orders to recovery. No run without such a channel imports this."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from heartbeat_cli.commands._base import App, print_remark
from heartbeat_cli.domain.plain import own_fault
from heartbeat_cli.errors import StoreError
from heartbeat_cli.passes.buttons import collect, effects
from heartbeat_cli.system import in_threads

if TYPE_CHECKING:
    from heartbeat_cli.passes.buttons.collect import Question
    from heartbeat_cli.passes.buttons.effects import Answer
    from heartbeat_cli.store.standby.keeper import Keeper
    from heartbeat_cli.store.state.presses import Order

_FURTHER = 1.0  # seconds for further presses of a source, when there are more than fit into one answer
_ANSWER = 1.0  # seconds that showing people what came of their press may take


class Buttons:
    """The presses of one pass. While a spool replaces the store nothing is collected: they stay where they are, for a
    day."""

    def __init__(self, app: App, keeper: "Keeper", log: Callable[[str], None]) -> None:
        self._app, self._keeper, self._log = app, keeper, log
        self._said: dict[str, Any] = {}
        self._asked: list[Question] = []
        self._threads: list[threading.Thread] = []
        self._until = 0.0
        self._orders: list[Order] = []

    def begin(self) -> None:
        """Ask for presses, without waiting."""
        if self._keeper.degraded is not None:
            return
        with suppress(StoreError):  # who needs the store next finds that out, too
            self._asked = collect.questions(self._keeper.db, self._app.config, self._app.now())
        self._until = time.monotonic() + collect.TIMEOUT
        for one in self._asked:
            self._threads.append(threading.Thread(target=self._ask, args=(one,), daemon=True))
            self._threads[-1].start()

    def _ask(self, one: "Question") -> None:
        try:
            self._said[one.source.id] = collect.ask(one)
        except Exception as error:  # a fault of this must not end the pass
            self._said[one.source.id] = error

    def carry_out(self) -> bool:
        """Carry out what was pressed. Returns whether anything was written."""
        for thread in self._threads:
            thread.join(max(0.0, self._until - time.monotonic()))
        answers: list[Answer] = []
        before, until = self._keeper.db.rows_written, time.monotonic() + _FURTHER
        said = [(one, self._said.get(one.source.id) or collect.silence()) for one in self._asked]
        while said and self._keeper.degraded is None:
            for one, what in said:
                if isinstance(what, Exception):
                    self._log(f"buttons of {one.source.id}: {type(what).__name__}: {what}")
                answers += self._carried_out(one, what)
            said = self._further(said, until)
        self._show(answers)
        return self._keeper.db.rows_written != before

    def _further(self, said: "Sequence[tuple[Question, Any]]", until: float) -> "list[tuple[Question, Any]]":
        """What the sources say that had more than fits into an answer, until that moment (time.monotonic())."""
        found = []
        with suppress(StoreError):
            for one in collect.unfinished(self._keeper.db, said, self._app.now()):
                if (left := until - time.monotonic()) > 0:
                    found.append((one, collect.ask(one, left)))
        return found

    def _carried_out(self, one: "Question", said: object) -> "list[Answer]":
        """Carry out what a source said. What is not saved is collected again."""
        try:
            return effects.carry_out(self._keeper.db, self._app.config, one, said, self._app.now())
        except StoreError as error:
            self._log(f"buttons of {one.source.id}: {error}")
        except Exception as error:  # the rest of the pass matters more
            print_remark(f"heartbeat: buttons of {one.source.id}: {own_fault(error)}")
        return []

    def _show(self, answers: "Sequence[Answer]") -> None:
        """Answer those who pressed, as far as that can be done at once; their chats get a message anyway."""

        def shown(one: "Answer") -> None:
            collect.module(one.channel).answer(one.channel.settings, one.press, one.text, timeout=_ANSWER)

        for one in answers:
            self._log(f"{one.press.by} pressed: {one.text}")
        if answers:
            calls = {number: partial(shown, one) for number, one in enumerate(answers)}
            in_threads.results(calls, time.monotonic() + _ANSWER)

    def take_orders(self) -> list[str]:
        """The components that people ordered this host to recover now."""
        if self._keeper.degraded is None:
            from heartbeat_cli.passes.buttons import orders

            with suppress(StoreError):
                self._orders = orders.take(self._keeper.db, self._app.config, self._app.now())
        return [one.component for one in self._orders]

    def settle_orders(self, results: Sequence[Any]) -> None:
        """Tell people what came of their orders."""
        if self._orders:
            from heartbeat_cli.passes.buttons import orders

            config, now = self._app.config, self._app.now()
            self._keeper.run(lambda db: orders.settle(db, config, self._orders, results, now), now)


def begun(app: App, keeper: "Keeper", log: Callable[[str], None]) -> Buttons:
    """The buttons of this pass, with presses asked for."""
    found = Buttons(app, keeper, log)
    found.begin()
    return found
