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
import os
import re
from binascii import crc32
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from heartbeat_cli.config.each import NAME, put
from heartbeat_cli.config.problems import Problems, format_value, suggestion
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.redact import redact
from heartbeat_cli.system import trusted

FILE = "found.json"
_MAX_BYTES = 4_000_000
_MANAGERS = 3  # others that are remembered of one block, as by $DOCKER_HOST of a run by hand
_MAX_FOUND = 2_000  # components of one block
# Components that a block takes in: each leaves rows in the store, and who names them may never stop.
_MAX_NEW, MAX_NEW_A_DAY = 200, 4_000  # in one pass, in one day
_LONGEST = 100  # characters of a name in an id
KEYS: Mapping[str, tuple[str, ...]] = {"docker": ("label", "name", "project"), "service": ("unit",)}
_GIVES = {"docker": "container", "service": "unit"}  # the key that the name is the value of
_USUAL: Mapping[str, Mapping[str, Any]] = {"service": {"inactive_job_ok": True}}  # where the block does not say it


class Group(Record):
    """A block with `match`: its id, its kind, what must fit, and the rest of its table."""

    id: str
    kind: str
    match: Mapping[str, str]
    table: Mapping[str, Any]


class Found(Record):
    """The names that were found, by block, none for one whose manager said that nothing fits, and no entry for one of
    which nothing is known; `fresh` are the blocks whose manager has just said what there is,
    `elsewhere` the names that another manager has given (an Engine, as by $DOCKER_HOST), by block, and `left_out` how
    many names there are besides."""

    names: Mapping[str, Sequence[str]] = {}
    fresh: frozenset[str] = frozenset()
    elsewhere: Mapping[str, Sequence[str]] = {}
    left_out: Mapping[str, int] = {}


Finder = Callable[[Path, Sequence[Group]], Found]


def split(
    tables: Mapping[str, Any], problems: Problems, fleet: Collection[str] = (), lost: Mapping[str, str] = {}
) -> tuple[dict[str, Any], list[Group], dict[str, str]]:
    """The components that are written, the blocks that stand for what is found, and why components cannot be checked,
    by id: those that are `lost`, and what stands for a block that is wrong. What is wrong with one of the `fleet`, made
    from a file, is noted as unresolved: a component of its id stands for it."""
    written, groups, unseen = {}, list[Group](), dict(lost)
    for id_, table in tables.items():
        if not isinstance(table, Mapping) or "match" not in table:
            written[id_] = table
            continue
        noted = len(problems.lines)
        if id_ not in lost:
            if (group := _group(id_, table, problems, in_full=id_ in fleet)) is not None:
                groups.append(group)
                continue
            if id_ not in fleet:
                continue
            unseen[id_] = getattr(problems.demote(noted), "text", "")
        from heartbeat_cli.config import fleets  # only where a file is wrong

        written |= fleets.stand_in(id_, table, {})
    return written, groups, unseen


def _group(id_: str, table: Mapping[str, Any], problems: Problems, *, in_full: bool) -> Group | None:
    """None for a block that is wrong. `in_full`: a placeholder in `match` is one that its entry says nothing for."""
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
    left = re.search(rf"\{{{NAME}\}}", " ".join(match.values())) if in_full else None
    if left is not None:
        problems.add(f"{where}.match", f"the entry says nothing for {format_value(left[0])}")
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
        found[id_] = {
            **_USUAL.get(group.kind, {}),
            **put(own, {"name": name}),
            _GIVES[group.kind]: name,
        }  # ladders fill in the id themselves
    return found


def _usable(kind: str, name: str) -> bool:
    """Whether a component can be of that name; one that begins as a reference would be followed."""
    from heartbeat_cli.domain.kinds import docker_host, systemd  # few configurations have such a block

    return not name.startswith(("env:", "file:")) and not (
        systemd.problems(name, ["systemctl"]) if kind == "service" else docker_host.problems(name, "")
    )


def taken(group: Group, names: Sequence[str], known: Sequence[str], today: int = 0) -> tuple[list[str], int]:
    """Those of the names that a block takes now (what is `known` stays, and a part of what is new comes in), and how
    many are left. `today`: how many new ones it has taken in today."""
    usable, old = sorted(name for name in names if _usable(group.kind, name)), set(known)
    new = [one for one in usable if one not in old]
    now = [*(one for one in usable if one in old), *new[: max(0, min(_MAX_NEW, MAX_NEW_A_DAY - today))]][:_MAX_FOUND]
    return sorted(now), len(usable) - len(now)


def sample(group: Group) -> dict[str, Any]:
    """A table as of a component that was found, to be checked while there is none."""
    name = "sample.service" if group.kind == "service" else "sample"
    return next(iter(tables_of(group, [name]).values()))


def stand_in(group: Group, taken: Collection[str], host: str) -> Mapping[str, Any]:
    """The table of the one component that stands for a block of which nothing is known, by its id; nothing where this
    `host` does not watch the block. Keys that depend on what is found are left out."""
    from heartbeat_cli.config import fleets
    from heartbeat_cli.domain.component import goes_to

    observer = group.table.get("observer", "*")
    is_plain = isinstance(observer, str) and "{" not in observer and not observer.startswith(("env:", "file:"))
    if is_plain and not goes_to(observer, host):
        return {}
    return fleets.stand_in(group.id, {**group.table, "match": group.match}, taken)


def why_unknown(group: Group) -> str:
    """What is said of a block of which nothing is known. It names the manager: that two of them are away is no one
    cause."""
    who, asked = "Docker" if group.kind == "docker" else "systemd", redact(manager(group))
    if not asked:
        return Text("{who} did not say what there is, so nothing of it is watched", who=who)
    return Text("{who} did not say what there is, so nothing of it is watched ({manager})", who=who, manager=asked)


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
    from heartbeat_cli.domain.blocks import Block

    return any(one.kind == name or Block(one.id, True).may_have(name) for one in groups)


def manager(group: Group) -> str:
    """Who knows what there is: the Engine by its address (as $DOCKER_HOST has it now), or how systemctl is called."""
    if group.kind == "docker":
        from heartbeat_cli.domain.kinds import docker_host

        with suppress(ValueError):
            return docker_host.address(str(group.table.get("host", docker_host.AUTO)), os.environ)
        return ""
    systemctl, user = units_by(group)
    return f"{' '.join(systemctl)}{' --user' if user else ''}"


def units_by(group: Group) -> tuple[tuple[str, ...], bool]:
    """How systemctl is called for a group of units, and whether for those of the user."""
    given = group.table.get("systemctl")
    words = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
    return tuple(words) or ("systemctl",), group.table.get("user") is True


def remembered(folder: Path, groups: Sequence[Group]) -> Found:
    """What was found last, as far as the blocks are still there: what another manager has said is of no use."""
    kept = _kept(folder)
    names, elsewhere = {}, {}
    for one in groups:
        said = {who: _names(value) for who, value in kept.get(one.id, {}).items()}
        if (own := said.pop(manager(one), None)) is not None:
            names[one.id] = own
        if others := [name for some in said.values() for name in some or ()]:
            elsewhere[one.id] = others
    return Found(names, elsewhere=elsewhere)


def as_kept(folder: Path, groups: Sequence[Group], found: Found) -> str:
    """The text of the file that `remembered` reads, with what other managers have said before."""
    kept = _kept(folder)
    blocks = {}
    for one in groups:
        others = [pair for pair in kept.get(one.id, {}).items() if pair[0] != manager(one)]
        own = {manager(one): list(found.names[one.id])} if one.id in found.names else {}
        blocks[one.id] = {**dict(others[-_MANAGERS:]), **own}
    return json.dumps(blocks)


def _kept(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """What the file holds: names by manager, by block; nothing where it is damaged."""
    with suppress(OSError, ValueError, RecursionError):
        data = trusted.read(folder / FILE, _MAX_BYTES)
        known = json.loads(data) if len(data) <= _MAX_BYTES else None
        return {id_: one for id_, one in known.items() if isinstance(one, dict)} if isinstance(known, dict) else {}
    return {}


def _names(value: Any) -> list[str] | None:
    """None for what is no list of names."""
    sound = isinstance(value, list) and all(isinstance(one, str) and one for one in value)
    return value if sound else None
