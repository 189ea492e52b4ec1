"""Components that are found anew at every pass: a block with `match` stands for every container, or unit, that fits.

    [components.containers]
    kind = "docker"
    match = { label = "heartbeat.watch=true" }    # or name = "openclaw-*", or project = "compose-project"

    [components.units]
    kind = "service"
    match = { unit = "openclaw-*.service" }

Each is a component of its own, `<block>/<name>`; in the block's strings `{name}` is the name. Who looks for them is
`discovery.groups`; what was found last stands in a file of the state folder, for the verbs that do not look.
"""

import json
import re
from binascii import crc32
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from heartbeat_cli.config.expand import put
from heartbeat_cli.config.problems import Problems, format_value, suggestion
from heartbeat_cli.domain.kinds import docker_host, systemd
from heartbeat_cli.system import trusted

FILE = "found.json"
_MAX_BYTES = 4_000_000
_MAX_FOUND = 2_000  # components of one block
_LONGEST = 100  # characters of a name in an id
KEYS: Mapping[str, tuple[str, ...]] = {"docker": ("label", "name", "project"), "service": ("unit",)}
_GIVES = {"docker": "container", "service": "unit"}  # the key that the name is the value of


class Group(NamedTuple):
    """A block with `match`: its id, its kind, what must fit, and the rest of its table."""

    id: str
    kind: str
    match: Mapping[str, str]
    table: Mapping[str, Any]


class Found(NamedTuple):
    """The names that were found, by block, and who gave them (an Engine's address, how systemctl is called); `fresh`
    are the blocks of which the same manager as before has just said what there is."""

    names: Mapping[str, Sequence[str]] = {}
    managers: Mapping[str, str] = {}
    fresh: frozenset[str] = frozenset()


Finder = Callable[[Path, Sequence[Group]], Found]


def split(tables: Mapping[str, Any], problems: Problems) -> tuple[dict[str, Any], list[Group]]:
    """The components that are written, and the blocks that stand for what is found."""
    written, groups = {}, []
    for id_, table in tables.items():
        if isinstance(table, Mapping) and "match" in table:
            if (group := _group(id_, table, problems)) is not None:
                groups.append(group)
        else:
            written[id_] = table
    return written, groups


def _group(id_: str, table: Mapping[str, Any], problems: Problems) -> Group | None:
    where, kind, match = f"components.{id_}", table.get("kind"), table["match"]
    if not isinstance(kind, str) or kind not in KEYS:
        problems.add(f"{where}.match", f"goes with the kinds {' and '.join(KEYS)}")
        return None
    if not isinstance(match, Mapping) or not match or not all(isinstance(one, str) and one for one in match.values()):
        problems.add(f"{where}.match", f"expected a table of {', '.join(KEYS[kind])}, got {format_value(match)}")
        return None
    for key in match:
        if key not in KEYS[kind]:
            problems.add(f"{where}.match.{key}", f"unknown key{suggestion(key, KEYS[kind])}")
            return None
    own = _GIVES[kind]
    if own in table:
        problems.add(f"{where}.{own}", "goes without match, which finds it")
        return None
    rest = {key: value for key, value in table.items() if key != "match"}
    return Group(id_, kind, match, rest)


def tables_of(group: Group, names: Sequence[str]) -> dict[str, Any]:
    """The tables of the components that a group stands for, by id. A manager may name what no component can be, as the
    unit `-.mount`: that is left out."""
    found = {}
    for name in sorted(name for name in names if _usable(group.kind, name))[:_MAX_FOUND]:
        id_ = id_of(group.id, name)
        own = {key: one if key == "recovery" else put(one, {"id": id_}) for key, one in group.table.items()}
        found[id_] = {**put(own, {"name": name}), _GIVES[group.kind]: name}  # ladders fill in the id themselves
    return found


def _usable(kind: str, name: str) -> bool:
    return not (systemd.problems(name, ["systemctl"]) if kind == "service" else docker_host.problems(name, ""))


def sample(group: Group) -> dict[str, Any]:
    """A table as of a component that was found, to be checked while there is none."""
    name = "sample.service" if group.kind == "service" else "sample"
    return next(iter(tables_of(group, [name]).values()))


def id_of(group: str, name: str) -> str:
    """`<block>/<name>`: the only ids with a slash. Where the name has other characters than an id, or is too long, a
    checksum tells it from those that look the same."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:_LONGEST]
    return f"{group}/{plain}" if plain == name else f"{group}/{plain}-{crc32(name.encode()):08x}"


def group_of(id_: str, groups: Sequence[Group]) -> str | None:
    """The block of a found component, also of one that is found no more."""
    block, slash, _ = id_.partition("/")
    return block if slash and any(one.id == block for one in groups) else None


def may_stand_for(name: str, groups: Sequence[Group]) -> bool:
    """Whether a name that channels, windows or commands give, an id, a kind or a glob, may be of what is found, though
    just now there is none."""
    block = name.partition("/")[0]
    return any(one.kind == name or ("/" in name and fnmatchcase(one.id, block)) for one in groups)


def remembered(folder: Path, groups: Sequence[Group]) -> Found:
    """What was found last, as far as the blocks are still there."""
    with suppress(OSError, ValueError, RecursionError):
        data = trusted.read(folder / FILE, _MAX_BYTES)
        known = json.loads(data) if len(data) <= _MAX_BYTES else None
        blocks = {one.id: known.get(one.id) for one in groups} if isinstance(known, dict) else {}
        fit = {id_: one for id_, one in blocks.items() if isinstance(one, dict)}
        names = {id_: _names(one.get("names")) for id_, one in fit.items()}
        return Found(names, {id_: str(one.get("manager")) for id_, one in fit.items()})
    return Found()


def as_kept(found: Found) -> str:
    """The text of the file that `remembered` reads."""
    return json.dumps(
        {id_: {"manager": found.managers.get(id_), "names": list(names)} for id_, names in found.names.items()}
    )


def _names(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str) and one] if isinstance(value, list) else []
