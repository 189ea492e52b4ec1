"""Packages with plug-ins for tests, written into a folder as pip would have installed them."""

import textwrap
from pathlib import Path

from tests.parts.verb import Ended, from_nothing

HEAD = '''"""A plug-in of a test."""
from typing import Any, Literal, NamedTuple
from heartbeat_cli.plugin_api import *
class Settings(NamedTuple):
    """Keys.

    how: what it does
    token: a secret of the other side
    """
    how: str = "well"
    token: str | None = None
'''


class Packages:
    """A folder for `PYTHONPATH`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def add(self, name: str, version: str = "1.0", **entries: str) -> None:
        """A package with these plug-ins: keywords are `<room>_<kind>`, values the source of their modules."""
        code = self.folder / f"hb_{name}"
        code.mkdir()
        (code / "__init__.py").write_text("")
        info = self.folder / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = []
        for entry, source in entries.items():
            room, _, kind = entry.partition("_")
            (code / f"{kind}.py").write_text(textwrap.dedent(source))
            lines.append(f"[heartbeat_cli.{room}]\n{kind} = hb_{name}.{kind}\n")
        (info / "entry_points.txt").write_text("\n".join(lines))

    def heartbeat(self, home: Path, *words: str, **variables: str) -> Ended:
        """heartbeat where these packages are installed."""
        return from_nothing(home, *words, PYTHONPATH=str(self.folder), **variables)
