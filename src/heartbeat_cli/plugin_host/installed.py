"""Which plug-ins are installed: the entry points in the groups `heartbeat_cli.monitors`, `.actions`, `.channels`.

The `entry_points.txt` of every distribution on `sys.path` is read here, as the specification of the Python Packaging
Authority has it. `importlib.metadata` gives the same, but importing it costs a run ten times as much as the search.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache

from heartbeat_cli.domain.plain import lines_of
from heartbeat_cli.domain.record import Record

_FOLDER = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+?)(?:-py[\d.]+)?\.(?:dist|egg)-info")
_ENTRY = re.compile(r"([a-z][a-z0-9_]{0,39})\s*=\s*([\w.]+)(?:\s*[:[].*)?")  # kind and module; others are no kinds
_PREFIX = b"heartbeat_cli."
_MOST = 65_536  # bytes of one entry_points.txt


class Plugin(Record):
    """An entry point: the kind, the module that it names, the distribution that it is of, its version, and the path of
    the distribution's metadata. `room` is `monitors`, `actions` or `channels`."""

    room: str
    kind: str
    module: str
    distribution: str
    version: str
    place: str

    @property
    def origin(self) -> str:
        """The distribution and its version, for people."""
        return f"{self.distribution} {self.version}"


@cache
def installed(room: str) -> Mapping[str, tuple[Plugin, ...]]:
    """The plug-ins of a package (`monitors`, `actions`, `channels`) by kind, sorted; several of one kind if several
    distributions have one. Nothing of them is imported."""
    found: dict[str, tuple[Plugin, ...]] = {}
    for one in _every():
        if one.room == room:
            found[one.kind] = (*found.get(one.kind, ()), one)
    return dict(sorted(found.items()))


@cache
def _every() -> tuple[Plugin, ...]:
    seen: set[str] = set()
    found: list[Plugin] = []
    for folder in dict.fromkeys(sys.path):
        for name, version, place in _distributions(folder or "."):
            if (key := re.sub(r"[-_.]+", "-", name).lower()) not in seen:  # of one installed twice the first counts
                seen.add(key)
                found += _plugins(key, version, place)
    return tuple(found)


def _distributions(folder: str) -> Iterator[tuple[str, str, str]]:
    """Name, version and metadata of each distribution in a folder of `sys.path`."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # a zip file, or not there
        return
    for name in names:
        if name.endswith("-info") and (match := _FOLDER.fullmatch(name)):
            yield match["name"], match["version"], os.path.join(folder, name)


def _plugins(distribution: str, version: str, place: str) -> Iterator[Plugin]:
    try:
        with open(os.path.join(place, "entry_points.txt"), "rb") as file:
            data = file.read(_MOST)
    except OSError:
        return
    if _PREFIX not in data:
        return
    room = ""
    for line in lines_of(data.decode("utf-8", "replace")):
        line = line.strip()
        if line.startswith("["):
            room = line.strip("[] ").removeprefix("heartbeat_cli.") if "heartbeat_cli." in line else ""
        elif room and (match := _ENTRY.fullmatch(line)):
            yield Plugin(room, match[1], match[2], distribution, version, place)
