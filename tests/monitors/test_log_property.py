"""Logs under random appends, rotations, truncations and checks, some of them killed: each line is reported once, and
nothing is said to be missing."""

import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from heartbeat_cli.domain.kinds.log_pattern import Wanted
from heartbeat_cli.domain.kinds.log_place import kept, remembered
from heartbeat_cli.monitors import _log_files
from heartbeat_cli.monitors._log_tally import Tally

FAR = 1e12  # a deadline that never comes
CHECKS = ["check", "check", "check", "killed", "later"]
STEPS = [
    *["append"] * 3,
    *["rename"] * 3,
    *["half", "move", "copytruncate", "trim", "compress", "packed", "late", "touch", "restore", "stale"],
]
# svlogd does none of these: its names do not say of which log a file is, and one with another inode is not found.
COPIES = {"copytruncate", "compress", "packed", "trim"}
# How rotation names the files of app.log, by a number that rises; without {n} the files move on from .1 to .2.
SCHEMES = {
    "numbers": "app.log.{}",
    "extension": "app.{}.log",
    "dateext": "app.log-202601{n:02}",
    "dated": "app-2026-01-{n:02}.log",
    "seconds": "app.log.2026-11-28_19-49-{n:02}",
    "lumberjack": "app-2026-11-28T19-49-{n:02}.123.log",
    "index": "app.2026-11-28.{n}.log",
    "monthly": "app.log_{n:04}-11",
    "svlogd": "@400000006{n:05}a12b1a7a2c.s",
}


class Collector(Tally):
    """Keeps every line, not the last ones only."""

    def __init__(self, most: int) -> None:
        super().__init__(Wanted("line"), most, FAR)
        self.seen: list[str] = []

    def take(self, lines: Any, before: bytes | None = None) -> int:
        judged = super().take(lines, before)
        self.seen += [line.decode().rstrip("\n") for line in lines[:judged]]
        return judged


class Log:
    """One file and the one who writes it. `time` gives the time of each change, `reported` is what was read."""

    def __init__(self, path: Path, scheme: str, time: Any, reported: list[str]) -> None:
        self.path, self.scheme, self._time, self.reported = path, scheme.replace("app", path.stem), time, reported
        self.number, self.day, self.waits = 0, 0, 0
        self.written: list[str] = []
        self.open_line, self.renamed = "", False
        self.touched: set[Path] = set()
        self._write(self.path, "# the same in each file\n")

    def _stamp(self, path: Path) -> None:
        now = self._time()
        os.utime(path, (now, now))

    def _write(self, path: Path, text: str) -> None:
        with path.open("a") as file:
            file.write(text)
        self._stamp(path)

    def append(self) -> None:
        self.number += 1
        self.written.append(f"{self.open_line}line {self.number} of {self.path.name} " + "x" * (self.number % 7))
        self._write(self.path, self.written[-1][len(self.open_line) :] + "\n")
        self.open_line = ""

    def half(self) -> None:
        """The beginning of a line; its rest is written before two checks have passed."""
        if not self.open_line:
            self.open_line, self.waits = f"begun {self.number} ", 0
            self._write(self.path, self.open_line)

    def finish(self, *, after: int = 0) -> None:
        """`after`: how many checks the rest of a line may still wait for."""
        self.waits += 1
        if self.open_line and self.waits > after:
            self.append()

    def _name(self, n: int) -> Path:
        return self.path.with_name(self.scheme.format(n, n=n))

    def _newest(self) -> Path:
        return self._name(self.day if "{n" in self.scheme else 1)

    def _rotated(self) -> Path:
        """The name for the next rotated file."""
        self.day += 1
        if "{n" not in self.scheme:
            for n in range(30, 0, -1):
                for end in ("", ".gz"):
                    old = Path(f"{self._name(n)}{end}")
                    if old.exists():
                        old.rename(f"{self._name(n + 1)}{end}")
        return self._newest()

    def rename(self) -> None:
        self.move()
        self._write(self.path, "")

    def move(self) -> None:
        """The next file is made when something is written."""
        self.finish()
        if self.path.exists():
            self.path.rename(self._rotated())
            self.renamed = True

    def late(self) -> None:
        """The writer has the file that was renamed open for one more line, perhaps after it was read to its end."""
        if self.renamed and self._newest().exists():
            self.number += 1
            self.written.append(f"line {self.number} of {self.path.name} late")
            self._write(self._newest(), self.written[-1] + "\n")

    def copytruncate(self) -> None:
        self.finish()
        if self.path.exists():
            copy = self._rotated()
            self.renamed = False
            shutil.copyfile(self.path, copy)
            self._stamp(copy)
            os.truncate(self.path, 0)
            self._stamp(self.path)

    def trim(self) -> None:
        """All but the last dozen of the lines that were reported are cut off; a few bytes would not be known again."""
        lines = self.path.read_text().splitlines(keepends=True) if self.path.exists() else []
        known = [number for number, line in enumerate(lines) if line.rstrip("\n") in self.reported]
        first = max(0, known[-1] - 12 if known else 0)
        kept = "".join(lines[first:])
        if not known or sum(map(len, lines[first : known[-1] + 1])) < 80:
            return
        if len(kept) % 2:
            self.path.write_text(kept)
        else:
            other = self.path.with_name("kept")
            other.write_text(kept)
            other.rename(self.path)
        self._stamp(self.path)

    def _pack(self, path: Path, packed: Path) -> None:
        with packed.open("wb") as raw, gzip.open(raw, "wb") as file:
            file.write(path.read_bytes())

    def compress(self) -> None:
        """Of the newest rotated file; its time stays, as with gzip(1)."""
        plain = self._newest()
        if plain.exists() and plain not in self.touched:
            found = plain.stat()
            packed = plain.with_name(f"{plain.name}.gz")
            self._pack(plain, packed)
            os.utime(packed, (found.st_mtime, found.st_mtime))
            plain.unlink()

    def packed(self) -> None:
        """The file is compressed and removed at once, and the new one may have its inode, as with Python's logging."""
        self.finish()
        if self.path.exists():
            packed = Path(f"{self._rotated()}.gz")
            self._pack(self.path, packed)
            self._stamp(packed)
            self.path.unlink()
            self.renamed = False
            self._write(self.path, "# the same in each file\n")

    def touch(self) -> None:
        if self._newest().exists():
            self._stamp(self._newest())
            self.touched.add(self._newest())

    def restore(self) -> None:
        """Somebody wants to read a compressed file."""
        plain = self._newest()
        packed = plain.with_name(f"{plain.name}.gz")
        if packed.exists() and not plain.exists():
            with gzip.open(packed) as file:
                plain.write_bytes(file.read())
            self._stamp(plain)
            self.touched.add(plain)
            self.renamed = False

    def stale(self) -> None:
        """A file of last year, which somebody has just brought back."""
        path = self.path.with_name(f"{self.path.name}.bak")
        path.write_text("line of last year\n")
        os.utime(path, (999_000_000.0, 999_000_000.0))


class World:
    """Logs and the one who follows them. Times are counted, so that they do not depend on the machine."""

    def __init__(self, folder: Path, most: int, scheme: str, names: list[str], is_glob: bool) -> None:
        self.clock, self.most = 1_000_000_000.0, most
        self.reported: list[str] = []
        self.memory: dict[str, Any] = {}
        self.logs = [Log(folder / name, SCHEMES[scheme], self.time, self.reported) for name in names]
        self.path = str(folder / ("*.log" if is_glob else names[0]))
        self.check()
        assert self.reported == []

    @property
    def written(self) -> list[str]:
        return [line for log in self.logs for line in log.written]

    def time(self) -> float:
        self.clock += 1
        return self.clock

    def check(self, *, killed: bool = False) -> None:
        self.clock += 1
        tally = Collector(self.most)
        followed = _log_files.follow(self.path, remembered(self.memory, "k"), "k", self.clock, tally)
        assert not any(followed[2:]), followed
        if not killed:
            self.memory = json.loads(json.dumps(kept(followed.state)))
            self.reported += [line for line in tally.seen if not line.startswith("#")]
            for log in self.logs:
                log.touched.clear()

    def killed(self) -> None:
        self.check(killed=True)

    def later(self) -> None:
        self.clock += 1_000


def drained(world: World) -> Iterator[int]:
    for log in world.logs:
        log.finish()
    for n in range(200):
        before = len(world.reported)
        world.check()
        yield n
        if len(world.reported) == before and n > 2:
            return


def play(world: World, steps: list[tuple[str, int]]) -> None:
    for step, number in steps:
        log = world.logs[number % len(world.logs)]
        if step == "check":
            for each in world.logs:
                each.finish(after=1)
        if "@" not in log.scheme or step not in COPIES:
            getattr(world if step in CHECKS else log, step)()


def _of_one(*steps: str) -> list[tuple[str, int]]:
    return [(step, 0) for step in steps]


@example(_of_one("move", "compress", "check", "append", "move"), 30, "dateext", "one")
@example(_of_one("append", "rename", "check", "append", "late", "compress"), 30, "dated", "one")
@example(_of_one("append", "half", "packed", "check", "copytruncate"), 30, "seconds", "one")
@example(_of_one("append", "append", "packed", "check", "packed"), 30, "extension", "path")
@example(
    _of_one("copytruncate", "packed", "check", "append", "rename", "compress", "restore"), 4_000_000, "index", "one"
)
@example(_of_one("half", "packed", "check", "restore", "packed"), 4_000_000, "monthly", "one")
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from([*STEPS, *CHECKS]), st.integers(0, 1)), max_size=25),
    st.sampled_from([30, 200, 4_000_000]),
    st.sampled_from(sorted(SCHEMES)),
    st.sampled_from(["path", "one", "two"]),
)
def test_each_line_is_reported_once_and_in_order(
    steps: list[tuple[str, int]], most: int, scheme: str, logs: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        is_alone = logs != "two" or scheme == "svlogd"  # its names do not say which log they are of
        world = World(Path(folder), most, scheme, ["app.log"] if is_alone else ["app.log", "b.log"], logs != "path")
        play(world, steps)
        list(drained(world))
        assert sorted(world.reported) == sorted(world.written)
