"""What one check has found in the lines of a log so far, within its time and its bytes."""

import time
from collections.abc import Sequence

from heartbeat_cli.domain.kinds.log_pattern import KEPT, Wanted
from heartbeat_cli.domain.kinds.log_place import shown, text_of
from heartbeat_cli.domain.plain import one_line, system_words
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.system import bounded_match

_SHOWN = 300  # characters of a line


class Tally:
    """Counts lines and those that are wanted. `left` is how many bytes may still be read, `deadline` a moment of
    time.monotonic()."""

    def __init__(self, wanted: Wanted, most: int, deadline: float) -> None:
        self._wanted, self.left, self.deadline = wanted, most, deadline
        self.lines = self.matches = self.undecided = 0
        self.last: list[str] = []
        self._stopped = False

    @property
    def is_over(self) -> bool:
        """Whether no more lines can be judged in this check."""
        return self._stopped or self.left <= 0 or time.monotonic() > self.deadline

    def take(self, lines: Sequence[bytes], before: bytes | None = None) -> int:
        """Judge lines; how many of them have been judged before the time was over. They follow one another behind the
        bytes `before`; where that is None, each begins as a whole line. Raises Unobservable when no process can be
        started to match them."""
        try:
            judged = bounded_match.judge(self._wanted, [text_of(line) for line in lines], self.deadline)
        except OSError as error:
            why = system_words(str(error.strerror or type(error).__name__).lower())
            raise Unobservable(Text("cannot match the lines: {why}", why=why)) from None
        self.lines += judged.lines
        self.matches += judged.matches
        self.undecided += judged.undecided
        found = [shown(lines[at], b"" if before is None else lines[at - 1] if at else before) for at in judged.last]
        self.last = [*self.last, *(one_line(line, _SHOWN) for line in found)][-KEPT:]
        self.left -= sum(len(line) for line in lines[: judged.lines])
        self._stopped = judged.lines < len(lines)
        return judged.lines
