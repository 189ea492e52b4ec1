"""A recorded nvidia-smi: a program that prints what `tests/monitors/nvidia_smi/` holds, and notes how it is called.

Each file begins with lines `# …`, of which one may say `# exit CODE`; the rest is standard output, and standard error
after a line `--- stderr`.
"""

import re
import shlex
import stat
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "monitors" / "nvidia_smi"
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))


def recorded(name: str) -> tuple[str, str, int]:
    """Standard output, standard error and exit code."""
    head, body = re.fullmatch(r"((?:#[^\n]*\n)*)(.*)", (FOLDER / f"{name}.txt").read_text(), re.S).groups()  # type: ignore[union-attr]
    code = re.search(r"^# exit (\d+)$", head, re.M)
    out, _, err = body.partition("--- stderr\n")
    return out, err, int(code[1]) if code else 0


class NvidiaSmi:
    """The program in `folder`; what it answers can be exchanged."""

    def __init__(self, folder: Path, name: str = "two", without_newer_fields: str = "") -> None:
        self.path, self._calls = folder / "nvidia-smi", folder / "calls"
        self.answer(name, without_newer_fields)

    def answer(self, name: str, without_newer_fields: str = "") -> None:
        """Answer as recorded; otherwise where the fields that only newer drivers have are not asked for."""
        first = self._script(name)
        other = self._script(without_newer_fields or name)
        text = f'case "$1" in *remapped_rows*) {first};; *) {other};; esac'
        self.run(f'echo "$@" >> {shlex.quote(str(self._calls))}\n{text}')

    def run(self, script: str) -> None:
        """Be this shell script."""
        self.path.write_text(f"#!/bin/sh\n{script}\n")
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)

    def _script(self, name: str) -> str:
        out, err, code = recorded(name)
        return f"printf %s {shlex.quote(out)}; printf %s {shlex.quote(err)} >&2; exit {code}"

    @property
    def calls(self) -> list[str]:
        """The arguments of each call."""
        return self._calls.read_text().splitlines() if self._calls.exists() else []
