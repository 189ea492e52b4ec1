"""The servers that messages go to, real ones in moods: what they can do to a message, on a script."""

import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from tests.parts.bot_api import BotApi, Step, bot_api, receiver, refusal
from tests.parts.smtp import MailBox, Whim, smtp_server

HTTP = {
    "429": lambda asked: refusal(429, "Too Many Requests", retry_after=asked),
    "500": lambda asked: Step(500, b"oops"),
    "took, then 500": lambda asked: Step(500, b"oops", accept=True),
    "markup": lambda asked: refusal(400, "Bad Request: can't parse entities: so it says"),
    "hang": lambda asked: Step(instead="hang"),
    "took, then hang": lambda asked: Step(instead="hang", accept=True),
    "reset": lambda asked: Step(instead="reset"),
    "took, then reset": lambda asked: Step(instead="reset", accept=True),
    "took, then dropped": lambda asked: Step(instead="drop", accept=True),
}
SMTP = {
    "451": Whim("451 try again"),
    "554": Whim("554 not this one"),
    "hang": Whim(instead="hang"),
    "took, then hang": Whim(instead="hang", accept=True),
    "reset": Whim(instead="reset"),
    "took, then reset": Whim(instead="reset", accept=True),
    "took, then dropped": Whim(instead="drop", accept=True),
}
MOODS = {
    "telegram": [*HTTP, "refuse"],
    "webhook": [name for name in (*HTTP, "refuse") if name != "markup"],
    "email": [name for name in (*SMTP, "refuse") if name != "554"],
    "file": ["refuse"],
}


class Servers:
    """One of each, for as many worlds as there are, one after the other."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> "Servers":
        self.api: BotApi = self._stack.enter_context(bot_api())
        self.hook: BotApi = self._stack.enter_context(receiver())
        self.box: MailBox = self._stack.enter_context(smtp_server())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def holding(self) -> int:
        return len(self.api.held) + len(self.hook.held) + self.box.held

    def let_go(self) -> None:
        """End what hangs."""
        while self.holding:
            for server in (self.api, self.hook, self.box):
                server.let_go()
            time.sleep(0.002)

    def outlive(self) -> None:
        """Wait until the last connection of clients that are dead is gone: nothing arrives from them after this."""
        mine = {f"{one.port:04X}" for one in (self.api, self.hook, self.box)}
        while True:
            self.let_go()
            rows = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
            if not any(here[-4:] in mine and state in ("01", "08") for here, _, state in rows):  # open, half closed
                return
            time.sleep(0.002)


class Mood(NamedTuple):
    """What a channel's other side does, to each message with this likelihood."""

    name: str = "well"
    likely: float = 1.0


def why(step: Step | Whim | None) -> str:
    """Why the answer to a message that was taken does not arrive, or does not say so."""
    if step is None:
        return ""
    status = step.status if isinstance(step, Step) else 250 if step.answer in ("", "250 OK") else 500
    return step.instead or (f"status {status}" if status >= 400 else "")
