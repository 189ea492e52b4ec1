"""Buttons under a message about a fault, and what comes of it when a person presses one."""

from heartbeat_cli.domain.record import Record

ACTIONS = ("ack", "silence", "recover")
SILENCE = 3_600.0  # seconds for which the button `silence` withholds messages


class Press(Record):
    """A button that was pressed. `number` is that of the press, counted up by its source; `chat` and `user` are where
    and who, `by` the person's name, fit to be shown; `mark` is what the button bears; `query` is what an answer
    names."""

    number: int
    chat: str
    user: int
    by: str
    mark: str
    query: str


class Collected(Record):
    """The presses that a source had, the number with which the next one begins (None: nothing was there), and whether
    there may be more already."""

    presses: tuple[Press, ...] = ()
    next: int | None = None
    more: bool = False


class NotAlone(Exception):
    """Somebody else collects the presses of this source; the text is what it says."""
