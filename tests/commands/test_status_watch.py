"""`heartbeat status --watch`: drawn again and again in a terminal until `q`, once per change where there is none."""

import fcntl
import os
import pty
import re
import select
import signal
import sqlite3
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.outage import Outage
from tests.parts.verb import heartbeat

WATCH = ("-m", "heartbeat_cli", "status", "--watch", "--every", "0.1")


def surroundings(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "xterm"}


class Screen:
    """A terminal of 12 lines, and what has been drawn on it."""

    def __init__(self, handle: int, child: subprocess.Popen[bytes]) -> None:
        self.handle, self.child, self.text = handle, child, ""

    def until(self, pattern: str) -> str:
        """Read until it shows; what has not come within a minute never will."""
        ends = time.monotonic() + 60
        while not re.search(pattern, self.text):
            ready, _, _ = select.select([self.handle], [], [], max(0.0, ends - time.monotonic()))
            assert ready and time.monotonic() < ends, f"{pattern!r} never came: {self.text[-2000:]}"
            try:
                self.text += os.read(self.handle, 65_536).decode()
            except OSError:
                raise AssertionError(f"it ended without {pattern!r}: {self.text[-2000:]}") from None
        return self.text

    def type(self, keys: str) -> None:
        self.text = ""
        os.write(self.handle, keys.encode())


@contextmanager
def screen(folder: Path, columns: int = 100) -> Iterator[Screen]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 12, columns, 0, 0))
    before = termios.tcgetattr(theirs)
    argv = [sys.executable, *WATCH]
    with subprocess.Popen(
        argv, cwd=folder, env=surroundings(folder), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as child:
        try:
            yield Screen(ours, child)
            child.wait(60)
            assert termios.tcgetattr(theirs) == before, "the terminal is as it was"
        finally:
            child.kill()
            os.close(theirs)
            os.close(ours)


def test_it_follows_what_happens_and_ends_on_q(tmp_path: Path) -> None:
    thing = Outage(tmp_path)
    thing.run()
    with screen(tmp_path) as seen:
        seen.until(r"All components are healthy")
        assert "\x1b[?1049h" in seen.text and "anew every 0.1 s · q ends" in seen.until("q ends")
        thing.down()
        seen.until(r"1 of 1 components are not healthy(.|\n)*fault")
        seen.type("q")
        seen.until(r"\x1b\[\?1049l")
        assert seen.child.wait(60) == 1, "as plain status would say"


def test_it_ends_on_ctrl_c_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    Outage(tmp_path).run()
    with screen(tmp_path) as seen:
        seen.until("q ends")
        os.killpg(seen.child.pid, signal.SIGINT)
        seen.until(r"\x1b\[\?1049l")
        assert seen.child.wait(60) == 0


def test_a_narrow_terminal_is_not_overrun_and_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    more = "".join(f'[components.job-{n}]\nkind = "push"\nperiod = 60\n' for n in range(20))
    thing = Outage(tmp_path, more=more)
    thing.down()
    with screen(tmp_path, columns=40) as seen:
        seen.until("q ends")
        frame = re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", seen.text[seen.text.index("\x1b[H") :].partition("q ends")[0])
        lines = frame.splitlines()
        assert len(lines) == 12 and max(map(len, lines)) <= 40
        assert lines[-2].startswith("… +") and any(line.startswith("thing ") for line in lines)
        seen.type("q")


def test_without_a_terminal_the_table_comes_once_per_change(tmp_path: Path) -> None:
    thing = Outage(tmp_path, more=f'[channels.log]\nkind = "file"\npath = "{tmp_path}/log"\n')
    thing.run()
    argv = [sys.executable, *WATCH]
    with subprocess.Popen(argv, cwd=tmp_path, env=surroundings(tmp_path), stdout=subprocess.PIPE, text=True) as child:
        try:
            first = _block(child)
            assert "All components are healthy" in first and re.search(r"thing +command +healthy", first)
            thing.run()
            thing.breaks()
            thing.run()
            assert "suspect (1)" in _block(child), "another good check in between was no news"
            child.send_signal(signal.SIGINT)
            assert child.wait(60) == 1
        finally:
            child.kill()


def _block(child: subprocess.Popen[str]) -> str:
    """The next table with its heading, up to the blank line after it."""
    assert child.stdout is not None
    lines = [child.stdout.readline() for _ in range(2)]
    while line := child.stdout.readline().strip():
        lines.append(line)
    return "\n".join(lines)


def test_a_watch_of_another_format_is_refused(tmp_path: Path) -> None:
    Outage(tmp_path)
    ended = heartbeat(tmp_path, "status", "--watch", "--format", "json")
    assert (ended.code, ended.err) == (2, "heartbeat: --watch shows tables; take --format json without it\n")


def test_a_name_from_another_host_steers_no_terminal(tmp_path: Path) -> None:
    """The silences of a shared store are written by its other hosts, too."""
    thing = Outage(tmp_path)
    thing.run()
    silenced = heartbeat(tmp_path, "silence", "--for", "10", "*")
    assert silenced.code == 0, silenced.err
    with sqlite3.connect(next(tmp_path.rglob("heartbeat.db"))) as db:
        db.execute("UPDATE heartbeat_silences SET target = ?", ("main\x1b]0;taken\x07\r\nsecond line",))
    with screen(tmp_path) as seen:
        seen.until(r"(?s)of main ]0;taken second line.*q ends")
        assert "\x1b]" not in seen.text and "\x07" not in seen.text and "\x9b" not in seen.text
        seen.type("q")
