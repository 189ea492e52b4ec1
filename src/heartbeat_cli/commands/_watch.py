"""`status --watch` on a terminal: draws the same picture again and again, until `q` or Ctrl-C.

It uses the alternate screen, so that what was on the terminal before is there afterwards. Where there is no terminal,
what changed is printed once, as a log would have it.
"""

import os
import select
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from heartbeat_cli.domain.record import Record

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _REST, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


class Picture(Record):
    """What is to be shown: its lines, the exit code, and what tells whether anything changed (times and durations
    always do, and do not count)."""

    lines: list[str]
    code: int
    news: object


def watch(picture: Callable[[int | None], Picture], every: float, hint: str) -> int:
    """Show `picture(columns)` every `every` seconds until a person ends it. Returns the last picture's code."""
    code = 0
    with suppress(KeyboardInterrupt):
        if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            with _screen():
                while True:
                    seen = picture(shutil.get_terminal_size().columns)
                    code = seen.code
                    _draw(seen.lines, hint)
                    if _quit_within(every):
                        return code
        else:
            before = object()
            while True:
                seen = picture(None)
                code = seen.code
                if seen.news != before:
                    click.echo("\n".join([*seen.lines, ""]))
                    sys.stdout.flush()
                before = seen.news
                time.sleep(every)
    return code


def _draw(lines: list[str], hint: str) -> None:
    """One write, line over line: the screen does not flicker. What does not fit is counted."""
    size = shutil.get_terminal_size()
    room = max(1, size.lines - 1)
    shown = lines if len(lines) <= room else [*lines[: room - 1], f"… +{len(lines) - room + 1}"]
    body = "".join(f"{line}{_REST}\n" for line in shown)
    click.echo(_HOME + body + hint[: size.columns - 1] + _REST + _BELOW, nl=False, color=True)
    sys.stdout.flush()


@contextmanager
def _screen() -> Iterator[None]:
    """A screen of our own, on which keys are heard at once and not shown."""
    sys.stdout.write(_ENTER)
    before = _listen()
    try:
        yield
    finally:
        if before is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()


def _listen() -> Any:
    """Hear single keys; returns how the terminal was before, None when there is no keyboard."""
    if not sys.stdin.isatty():
        return None
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    return before


def _quit_within(seconds: float) -> bool:
    """Wait, and say whether the reader has had enough; any other key looks again at once."""
    if not sys.stdin.isatty():
        time.sleep(seconds)
        return False
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    if not ready:
        return False
    key = os.read(sys.stdin.fileno(), 64)
    return not key or key[:1] in (b"q", b"Q", b"\x04")
