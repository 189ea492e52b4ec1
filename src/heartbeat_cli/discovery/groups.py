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

from heartbeat_cli.config.groups import FILE, Found, Group, as_kept, remembered
from heartbeat_cli.discovery.engine import MOST_LISTED, ask, listed_under, name_of
from heartbeat_cli.domain.kinds import docker_host, systemd
from heartbeat_cli.system import files, in_threads, process, trusted

_Names = dict[str, Sequence[str]]  # of what was found, by block
_Answer = tuple[str, _Names]  # who gave them, and the names
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
        asked.setdefault(_manager(group), []).append(group)
    calls = {key: partial(_LISTS[key[0]], key[1], some, before) for key, some in asked.items()}
    answers = in_threads.results(calls, time.monotonic() + _SECONDS + _SLACK)
    names, managers, fresh = dict(before.names), dict(before.managers), set[str]()
    for answer in answers.values():
        if not isinstance(answer, tuple):
            continue
        manager, found = answer
        # Another Engine, as by $DOCKER_HOST of a run by hand, does not say that anything was removed from the first.
        fresh |= {id_ for id_ in found if before.managers.get(id_, manager) == manager}
        names |= found
        managers |= dict.fromkeys(found, manager)
    now = Found(names, managers, frozenset(fresh))
    if answers and (names, managers) != (before.names, before.managers):
        _keep(folder, now)
    return now


def _keep(folder: Path, found: Found) -> None:
    try:
        trusted.make_folder(folder)
        files.write_own(folder / FILE, as_kept(found))
    except OSError:  # the disk is full, or another user could change the folder: this pass says so by itself
        return


def _manager(group: Group) -> tuple[str, Any]:
    """Whom to ask: the kind, and the Engine's address or how systemctl is called."""
    table = group.table
    if group.kind == "docker":
        return "docker", str(table.get("host", docker_host.AUTO))
    systemctl = table.get("systemctl", ["systemctl"])
    given = isinstance(systemctl, list) and systemctl and all(isinstance(one, str) for one in systemctl)
    return "service", (tuple(systemctl) if given else ("systemctl",), table.get("user") is True)


# --- Docker --------------------------------------------------------------------------------------------------------


def _containers(host: str, groups: Sequence[Group], before: Found) -> _Answer | None:
    """Names by group; None where the Engine does not answer."""
    try:
        engine = docker_host.find(host, os.environ)
    except ValueError:
        return None
    (listed,) = ask(engine, ["/containers/json?all=1"], MOST_LISTED, time.monotonic() + _SECONDS)
    if not isinstance(listed, list):
        return None
    there = [one for one in listed if isinstance(one, Mapping) and name_of(one) and not _passing(one)]
    found = {group.id: sorted(name_of(one) for one in there if _fits(group.match, one)) for group in groups}
    return engine.host, {**found}


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
    names = [str(name).removeprefix("/") for name in listed_under(listed, "Names")]
    return "name" not in match or any(fnmatchcase(name, match["name"]) for name in names)


# --- systemd -------------------------------------------------------------------------------------------------------


def _units(how: tuple[tuple[str, ...], bool], groups: Sequence[Group], before: Found) -> _Answer | None:
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
    return f"{' '.join(systemctl)}{' --user' if user else ''}", found


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


_LISTS: Mapping[str, Callable[[Any, Sequence[Group], Found], _Answer | None]] = {
    "docker": _containers,
    "service": _units,
}
