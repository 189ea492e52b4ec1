"""Looks for what blocks with `match` stand for: one list of containers for each Engine, one list of units for each
service manager. What does not answer forgets nothing: what was found last stands.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from heartbeat_cli.config.groups import FILE, Found, Group, as_kept, remembered, units_by
from heartbeat_cli.discovery.engine import MOST_LISTED, ask, name_of
from heartbeat_cli.domain.kinds import docker_host, systemd
from heartbeat_cli.system import files, in_threads, process, trusted

_Names = dict[str, Sequence[str]]  # of what was found, by block
_SECONDS, _SLACK = 2.0, 0.3
_MAX_UNITS = 8_000_000  # bytes of a list of units
_ONEOFF, _PROJECT = "com.docker.compose.oneoff", "com.docker.compose.project"
_NEVER = frozenset({"not-found", "masked"})
_MEANT = frozenset({"enabled", "enabled-runtime", "linked", "linked-runtime", "alias"})


def find(folder: Path, groups: Sequence[Group]) -> Found:
    """What there is now of each group, and of those whose manager does not answer what there was; kept in a file of
    `folder`, the configuration's own."""
    before = remembered(folder, groups)
    asked: dict[tuple[str, Any], list[Group]] = {}
    for group in groups:
        asked.setdefault(_asked(group), []).append(group)
    calls = {key: partial(_LISTS[key[0]], key[1], some, before) for key, some in asked.items()}
    answers = in_threads.results(calls, time.monotonic() + _SECONDS + _SLACK)
    names, fresh = dict(before.names), set[str]()
    for answer in answers.values():
        if isinstance(answer, dict):
            names |= answer
            fresh |= answer.keys()
    now = Found(names, frozenset(fresh), before.elsewhere)
    if {id_: one for id_, one in names.items() if one} != before.names:
        _keep(folder, groups, now)
    return now


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


def _containers(host: str, groups: Sequence[Group], before: Found) -> _Names | None:
    """Names by group; None where the Engine does not answer."""
    try:
        engine = docker_host.find(host, os.environ)
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


def _units(how: tuple[tuple[str, ...], bool], groups: Sequence[Group], before: Found) -> _Names | None:
    """Names by group; None where the manager does not answer. systemd unloads a unit that has stopped: what is enabled,
    or was seen before and still has a file, is there all the same, and down."""
    systemctl, user = how
    wanted = {group.match["unit"] for group in groups}
    patterns = sorted({*wanted, *map(_template, wanted)})
    ends = time.monotonic() + _SECONDS
    loaded = _lines(systemctl, user, ends, "list-units", "--all", "--plain", "--no-legend", "--full", "--", *patterns)
    kept = _lines(systemctl, user, ends, "list-unit-files", "--no-legend", "--full", "--", *patterns)
    if loaded is None or kept is None:
        return None
    there = {one[0]: one[2:] for one in loaded if len(one) > 2 and one[1] not in _NEVER}
    states = {one[0]: one[1] for one in kept if len(one) > 1}
    found: _Names = {}
    for group in groups:
        known = set(before.names.get(group.id, ()))
        names = {one for one, (active, *_) in there.items() if _counts(active, states.get(one), one in known)}
        names |= {one for one, state in states.items() if state in _MEANT and "@." not in one}
        names |= {one for one in known if states.get(one, states.get(_template(one), "masked")) not in _NEVER}
        pattern = systemd.full_name(group.match["unit"])
        found[group.id] = sorted(one for one in names if fnmatchcase(one, pattern))
    return found


def _template(unit: str) -> str:
    """The unit file of an instance: `web@.service` of `web@1.service`; of any other unit its own."""
    return re.sub("@[^.]*[.]", "@.", unit, count=1)


def _counts(active: str, state: str | None, known: bool) -> bool:
    """Whether a unit that is loaded is one to watch: not one that is merely read, as when somebody asked for its
    status."""
    return active != "inactive" or known or state in _MEANT


def _lines(systemctl: Sequence[str], user: bool, ends: float, *words: str) -> list[list[str]] | None:
    """The words of each line of an answer; None where there is none."""
    try:
        finished = process.run(
            systemd.command(systemctl, user, *words),
            timeout=max(0.05, ends - time.monotonic()),
            env=process.minimal_env(systemd.extra_env(os.environ, os.getuid())),
            max_output=_MAX_UNITS,
        )
    except (OSError, ValueError):
        return None
    nothing = finished.code == 1 and not finished.stdout.strip() and not finished.stderr.strip()  # since systemd 246
    lines: Iterable[str] = finished.stdout.splitlines()
    cut = len(finished.stdout) >= _MAX_UNITS // 4  # characters may have four bytes; what is cut off is not gone
    return [line.split() for line in lines if line.strip()] if (finished.code == 0 and not cut) or nothing else None


_LISTS: Mapping[str, Callable[[Any, Sequence[Group], Found], _Names | None]] = {
    "docker": _containers,
    "service": _units,
}
