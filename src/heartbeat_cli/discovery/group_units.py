"""The units that blocks with `match` stand for: those that are enabled or run, each once, by its Id."""

import os
import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.plain import lines_of
from heartbeat_cli.domain.record import Record
from heartbeat_cli.system import hung, process

_MAX_OUTPUT = 8_000_000  # bytes of an answer
_MOST_ASKED = 4_000  # units of one `systemctl show`: the kernel bounds an argument list
_PROPERTIES = "Id,Names,Type,LoadState,ActiveState,UnitFileState"
_NEVER = frozenset({"not-found", "masked"})
_DOWN = frozenset({"inactive", "failed"})
_MEANT = frozenset({"enabled", "enabled-runtime", "linked", "linked-runtime"})
_ALIAS = "alias"  # the state of a file that is a second name


class _Listed(Record):
    """What the lists say: LoadState and ActiveState of what is loaded, by Id, and the states of unit files."""

    loaded: Mapping[str, tuple[str, str]]
    files: Mapping[str, str]

    def state(self, unit: str) -> str:
        """The state of the unit's own file, or that of its template."""
        return self.files.get(unit) or self.files.get(_template(unit), "")


class Manager:
    """A service manager that is asked until `ends` (monotonic). `left` is the number of a systemctl that could not be
    killed: nothing more is asked while it hangs."""

    def __init__(self, systemctl: Sequence[str], user: bool, ends: float, left: int | None = None) -> None:
        self._systemctl, self._user, self._ends, self.left = systemctl, user, ends, left

    def run(self, *words: str) -> process.Finished | None:
        """What a systemctl gives; None where it cannot be run."""
        if self.left is not None:
            return None
        seconds = max(0.05, self._ends - time.monotonic())
        try:
            finished = process.run(
                systemd.command(self._systemctl, self._user, *words),
                timeout=seconds - hung.reserve(seconds),
                env=process.minimal_env(systemd.extra_env(os.environ, os.getuid())),
                max_output=_MAX_OUTPUT,
                reap_seconds=hung.reap(seconds),
            )
        except (OSError, ValueError):
            return None
        self.left = finished.left
        return finished


def units(manager: Manager, wanted: Mapping[str, tuple[str, Collection[str]]]) -> dict[str, Sequence[str]] | None:
    """Units by block; `wanted` has each block's pattern and what it stood for before. None where the manager does not
    answer in its time.

    systemd unloads a unit that has stopped: what is enabled, or was seen before and still has a file, is there all the
    same, and down. Of what the lists leave open (aliases, instances, what is not loaded) the manager is asked.
    """
    names = {pattern for pattern, _ in wanted.values()}
    patterns = sorted({*names, *map(_template, names)})
    loaded = _lines(manager, "list-units", "--all", "--plain", "--no-legend", "--full", "--", *patterns)
    kept = _lines(manager, "list-unit-files", "--no-legend", "--full", "--", *patterns)
    if loaded is None or kept is None:
        return None
    listed = _Listed(
        {one[0]: (one[1], one[2]) for one in loaded if len(one) > 2}, {one[0]: one[1] for one in kept if len(one) > 1}
    )
    sure, open_ = {}, {}
    for block, (pattern, known) in wanted.items():
        full = systemd.full_name(pattern)
        fitting = {one for one in (*listed.loaded, *listed.files, *known) if fnmatchcase(one, full)}
        sure[block] = {one for one in fitting if _is_there(one, listed, known)}
        open_[block] = {one for one in fitting - sure[block] if _is_open(one, listed, known)}
    said = _shown(manager, sorted(set().union(*open_.values())))
    if said is None:
        return None
    return {
        block: sorted(sure[block].union(*(_told(one, said.get(one), listed, wanted[block][1]) for one in open_[block])))
        for block in wanted
    }


def _is_there(unit: str, listed: _Listed, known: Collection[str]) -> bool:
    """Whether the lists alone say that it is one to watch: not one that is merely read, as when somebody asked for its
    status. One that runs after its file was removed is there until it ends."""
    if unit not in listed.loaded:
        return False
    load, active = listed.loaded[unit]
    if load in _NEVER:
        return active not in _DOWN
    return active != "inactive" or unit in known or listed.files.get(unit) in _MEANT


def _is_open(unit: str, listed: _Listed, known: Collection[str]) -> bool:
    """Whether the lists leave it open: the files of instances are not listed, nor whose second name an alias is."""
    if unit in listed.loaded:
        return listed.loaded[unit][0] not in _NEVER and unit not in listed.files
    if unit in known and listed.state(unit) not in ("", *_NEVER):
        return True
    return listed.files.get(unit) in (*_MEANT, _ALIAS) and "@." not in unit


def _told(unit: str, said: systemd.Properties | None, listed: _Listed, known: Collection[str]) -> set[str]:
    """The Id under which a unit is there by what the manager `said` of it; empty where it is not."""
    if said is None:
        return set() if unit in listed.loaded else {unit}
    id_, active = said.get("Id") or unit, said.get("ActiveState", "inactive")
    if said.get("LoadState") in _NEVER:
        return set() if active in _DOWN else {id_}
    if active != "inactive" or (said.get("UnitFileState") or listed.state(unit)) in _MEANT:
        return {id_}
    ended_job = "@" in id_ and unit not in listed.loaded and said.get("Type") == "oneshot"  # nothing is left of it
    return {id_} if {unit, id_} & {*known} and not ended_job else set()


def _template(unit: str) -> str:
    """The unit file of an instance: `web@.service` of `web@1.service`; of any other unit its own."""
    return re.sub("@[^.]*[.]", "@.", unit, count=1)


# --- asking ----------------------------------------------------------------------------------------------------------


def _shown(manager: Manager, asked: Sequence[str]) -> dict[str, systemd.Properties] | None:
    """What the manager says of units, by every name that they have; None where it does not answer."""
    asked = [one for one in asked if not systemd.problems(one, ["systemctl"])][:_MOST_ASKED]
    if not asked:
        return {}
    finished = manager.run("show", f"--property={_PROPERTIES}", "--", *asked)
    if finished is None or finished.code != 0 or _is_cut(finished):
        return None
    found: dict[str, systemd.Properties] = {}
    for one in systemd.blocks(finished.stdout):
        found |= dict.fromkeys([one.get("Id", ""), *one.get("Names", "").split()], one)
    return found


def _lines(manager: Manager, *words: str) -> list[list[str]] | None:
    """The words of each line of an answer; None where there is none."""
    finished = manager.run(*words)
    if finished is None:
        return None
    nothing = finished.code == 1 and not finished.stdout.strip() and not finished.stderr.strip()  # since systemd 246
    whole = finished.code == 0 and not _is_cut(finished)
    lines: Iterable[str] = lines_of(finished.stdout)
    return [line.split() for line in lines if line.strip()] if whole or nothing else None


def _is_cut(finished: process.Finished) -> bool:
    """Whether the answer may go on: characters may have four bytes, and what is cut off is not gone."""
    return len(finished.stdout) >= _MAX_OUTPUT // 4
