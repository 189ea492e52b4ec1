"""Looks for what blocks with `match` stand for: one list of containers for each Engine, one list of units for each
service manager. What does not answer forgets nothing: what was found last stands. Where that is nothing, it is not
known any more what there is.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from heartbeat_cli.config.groups import FILE, Found, Group, as_kept, remembered, taken, units_by
from heartbeat_cli.discovery import notes
from heartbeat_cli.discovery.engine import MOST_LISTED, ask, name_of
from heartbeat_cli.discovery.group_units import Manager, units
from heartbeat_cli.discovery.notes import Notes
from heartbeat_cli.domain.kinds import docker_host
from heartbeat_cli.system import files, hung, in_threads, trusted

_Names = dict[str, Sequence[str]]  # of what was found, by block
_How = tuple[tuple[str, ...], bool]  # how systemctl is called, and whether for the units of the user
_SECONDS, _SLACK = 2.0, 0.3
_ONEOFF, _PROJECT = "com.docker.compose.oneoff", "com.docker.compose.project"


def find(folder: Path, groups: Sequence[Group]) -> Found:
    """What there is now of each group, and of those whose manager does not answer what there was; kept in a file of
    `folder`, the configuration's own."""
    before = remembered(folder, groups)
    asked: dict[tuple[str, Any], list[Group]] = {}
    for group in groups:
        asked.setdefault(_asked(group), []).append(group)
    noted = notes.read(folder)
    managers = {how: _manager(how, noted) for kind, how in asked if kind == "service"}
    calls: dict[tuple[str, Any], Callable[[], _Names | None]] = {
        (kind, how): partial(_containers, how, some)
        if kind == "docker"
        else partial(_units, managers[how], some, before)
        for (kind, how), some in asked.items()
    }
    answers = in_threads.results(calls, time.monotonic() + _SECONDS + _SLACK)
    names, left_out = {id_: some for id_, some in before.names.items() if some}, dict[str, int]()
    new, day = dict[str, tuple[int, int]](), int(time.time() // 86_400)
    said = {id_: one for answer in answers.values() if isinstance(answer, dict) for id_, one in answer.items()}
    for group in groups:
        if group.id in said:
            known = before.names.get(group.id, ())
            today = noted.taken(group.id, day)
            names[group.id], left_out[group.id] = taken(group, said[group.id], known, today)
            if more := len({*names[group.id]} - {*known}):
                new[group.id] = (day, today + more)
    now = Found(names, frozenset(said), before.elsewhere, left_out)
    if names != before.names:
        _keep(folder, groups, now)
    _note(folder, groups, noted, new, managers)
    return now


def _note(
    folder: Path,
    groups: Sequence[Group],
    before: Notes,
    new: Mapping[str, tuple[int, int]],
    managers: Mapping[_How, Manager],
) -> None:
    """Note what the next pass has to know, where that has changed."""
    counts = {one.id: before.new[one.id] for one in groups if one.id in before.new}
    left = {repr(how): hung.kept(one.left) for how, one in managers.items() if one.left is not None}
    if (now := Notes({**counts, **new}, left)) != before:
        notes.keep(folder, now)


def _manager(how: _How, noted: Notes) -> Manager:
    return Manager(*how, time.monotonic() + _SECONDS, noted.hanging(repr(how)))


def _keep(folder: Path, groups: Sequence[Group], found: Found) -> None:
    try:
        trusted.make_folder(folder)
        files.write_own(folder / FILE, as_kept(folder, groups, found))
    except OSError:  # the disk is full, or another user could change the folder: this pass says so by itself
        return


def _asked(group: Group) -> tuple[str, Any]:
    """Whom to ask: the kind, and the Engine's address or how systemctl is called."""
    return group.kind, str(group.table.get("host", docker_host.AUTO)) if group.kind == "docker" else units_by(group)


# --- Docker --------------------------------------------------------------------------------------------------------


def _containers(host: str, groups: Sequence[Group]) -> _Names | None:
    """Names by group; None where the Engine does not answer."""
    try:
        engine = docker_host.find(host, os.environ, trusted.why_not)
    except ValueError:
        return None
    (listed,) = ask(engine, ["/containers/json?all=1"], MOST_LISTED, time.monotonic() + _SECONDS)
    if not isinstance(listed, list):
        return None
    there = [one for one in listed if isinstance(one, Mapping) and name_of(one) and not _passing(one)]
    return {group.id: sorted(name_of(one) for one in there if _fits(group.match, one)) for group in groups}


def _passing(listed: Mapping[str, Any]) -> bool:
    """Whether it is on its way out, or one of `docker compose run`."""
    return listed.get("State") == "removing" or _labels(listed).get(_ONEOFF) == "True"


def _labels(listed: Mapping[str, Any]) -> Mapping[str, Any]:
    labels = listed.get("Labels")
    return labels if isinstance(labels, Mapping) else {}


def _fits(match: Mapping[str, str], listed: Mapping[str, Any]) -> bool:
    labels = _labels(listed)
    if "label" in match:
        key, equals, value = match["label"].partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    if "project" in match and labels.get(_PROJECT) != match["project"]:
        return False
    return "name" not in match or fnmatchcase(name_of(listed), match["name"])  # not by the names others have for it


# --- systemd -------------------------------------------------------------------------------------------------------


def _units(manager: Manager, groups: Sequence[Group], before: Found) -> _Names | None:
    """Names by group; None where the manager does not answer."""
    wanted = {group.id: (group.match["unit"], before.names.get(group.id, ())) for group in groups}
    return units(manager, wanted)
