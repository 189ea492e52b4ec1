"""A log under random appends, rotations, truncations and checks, some of them killed: each line is reported once."""

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heartbeat_cli.domain.kinds.log_pattern import Wanted
from heartbeat_cli.domain.kinds.log_place import kept, remembered
from heartbeat_cli.monitors import _log_files
from heartbeat_cli.monitors._log_tally import Tally

FAR = 1e12  # a deadline that never comes
STEPS = st.sampled_from(
    [
        "append",
        "append",
        "half",
        "rename",
        "rename",
        "copytruncate",
        "trim",
        "compress",
        "late",
        "check",
        "check",
        "killed",
    ]
)


class Collector(Tally):
    """Keeps every line, not the last ones only."""

    def __init__(self, most: int) -> None:
        super().__init__(Wanted("line"), most, FAR)
        self.seen: list[str] = []

    def take(self, lines: Any) -> int:
        judged = super().take(lines)
        self.seen += [line.decode().rstrip("\n") for line in lines[:judged]]
        return judged


class World:
    """A log and the one who follows it. Times are counted, so that they do not depend on the machine."""

    def __init__(self, folder: Path, most: int, dated: bool) -> None:
        self.path, self.most, self.dated = folder / "app.log", most, dated
        self.clock, self.number, self.day = 1_000_000_000.0, 0, 0
        self.written: list[str] = []
        self.reported: list[str] = []
        self.open_line, self.renamed = "", False
        self.memory: dict[str, Any] = {}
        self.path.write_text("old line\n")
        self._stamp(self.path)
        self.check()
        assert self.reported == []

    def _stamp(self, path: Path) -> None:
        self.clock += 1
        os.utime(path, (self.clock, self.clock))

    def _write(self, path: Path, text: str) -> None:
        with path.open("a") as file:
            file.write(text)
        self._stamp(path)

    def append(self) -> None:
        self.number += 1
        self.written.append(f"{self.open_line}line {self.number} " + "x" * (self.number % 7))
        self._write(self.path, self.written[-1][len(self.open_line) :] + "\n")
        self.open_line = ""

    def half(self) -> None:
        """The beginning of a line; its rest is written before two checks have passed."""
        if not self.open_line:
            self.open_line = f"begun {self.number} "
            self._write(self.path, self.open_line)

    def finish(self) -> None:
        if self.open_line:
            self.append()

    def _rotated(self) -> Path:
        """The name for the next rotated file."""
        self.day += 1
        if self.dated:
            return self.path.with_name(f"app.log-{20260100 + self.day}")
        self._shift()
        return self.path.with_name("app.log.1")

    def _newest(self) -> Path:
        return self.path.with_name(f"app.log-{20260100 + self.day}" if self.dated else "app.log.1")

    def _shift(self) -> None:
        for n in range(30, 0, -1):
            for end in ("", ".gz"):
                old = self.path.with_name(f"app.log.{n}{end}")
                if old.exists():
                    old.rename(self.path.with_name(f"app.log.{n + 1}{end}"))

    def rename(self) -> None:
        self.finish()
        self.path.rename(self._rotated())
        self.renamed = True
        self.path.touch()
        self._stamp(self.path)

    def late(self) -> None:
        """The writer has the file that was renamed open for one more line, perhaps after it was read to its end."""
        if self.renamed and self._newest().exists():
            self.number += 1
            self.written.append(f"line {self.number} late")
            self._write(self._newest(), self.written[-1] + "\n")

    def copytruncate(self) -> None:
        self.finish()
        copy = self._rotated()
        self.renamed = False
        shutil.copyfile(self.path, copy)
        self._stamp(copy)
        os.truncate(self.path, 0)
        self._stamp(self.path)

    def trim(self) -> None:
        """All but the last dozen of the lines that were reported are cut off; a few bytes would not be known again."""
        lines = self.path.read_text().splitlines(keepends=True)
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

    def compress(self) -> None:
        """Of the newest rotated file; its time stays, as with gzip(1)."""
        plain = self._newest()
        if plain.exists():
            found = plain.stat()
            packed = plain.with_name(f"{plain.name}.gz")
            with packed.open("wb") as raw, gzip.open(raw, "wb") as file:
                file.write(plain.read_bytes())
            os.utime(packed, (found.st_mtime, found.st_mtime))
            plain.unlink()

    def check(self, *, killed: bool = False) -> None:
        self.clock += 1
        tally = Collector(self.most)
        followed = _log_files.follow(str(self.path), remembered(self.memory, "k"), "k", self.clock, tally)
        assert followed.lost == () and followed.vanished == () and followed.moved == ()
        if not killed:
            self.memory = kept(followed.state)
            self.reported += tally.seen

    def killed(self) -> None:
        self.check(killed=True)


def drained(world: World) -> Iterator[int]:
    world.finish()
    for n in range(200):
        before = len(world.reported)
        world.check()
        yield n
        if len(world.reported) == before and n > 2:
            return


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=25), st.sampled_from([30, 200, 4_000_000]), st.booleans())
def test_each_line_is_reported_once_and_in_order(steps: list[str], most: int, dated: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), most, dated)
        checks = 0
        for step in steps:
            checks = checks + 1 if step == "check" else 0 if step == "append" else checks
            if step == "check" and world.open_line and checks > 1:
                world.finish()
            getattr(world, step)()
        list(drained(world))
        assert sorted(world.reported) == sorted(world.written)
