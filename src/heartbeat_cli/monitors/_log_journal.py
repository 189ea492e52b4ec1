"""Follows the journal of a systemd unit from check to check, with journalctl(1): each entry is read once.

It goes on from the cursor of the last entry. That entry is asked for once more: where it does not come, it has been
removed from the journal, and the entries written later are asked for by their time. An entry that is larger than what
is read at once counts with its beginning: nothing would ever come after it otherwise.
"""

import os
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.kinds import systemd
from heartbeat_cli.domain.kinds.log_place import LONGEST
from heartbeat_cli.domain.plain import one_line, system_words, whole
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors._log_tally import Tally
from heartbeat_cli.system import process

_ENTRY_BYTES = 400  # of an entry's JSON besides its message, about
_MORE_OUTPUT = 1_000_000
# As sd_journal_get_cursor(3) makes it. It is kept as it is, and stands on a command line: nothing else is one.
_ID, _HEX = "[0-9a-f]{32}", "[0-9a-f]{1,16}"
_FORM = f"s={_ID};i={_HEX};b={_ID};m={_HEX};t={_HEX};x={_HEX}"
_CURSOR = re.compile(f'"__CURSOR" ?: ?"({_FORM})"')
_MOMENT = re.compile(r'"__REALTIME_TIMESTAMP" ?: ?"([0-9]{1,19})"')
_MESSAGE = re.compile(r'"MESSAGE" ?: ?(["\[])')
_CHARACTERS = re.compile(r'(?:[^"\\\x00-\x1f]|\\u[0-9a-fA-F]{4}|\\["\\/bfnrt])*')
_HIDDEN = ("insufficient permissions", "other users")
_QUICK_SECONDS = 2.0


class Journal(Record):
    """Whose journal is read, and with which program."""

    unit: str
    user: bool
    program: Sequence[str]


class _Entry(Record):
    """`cursor`: "" where what is said to be one cannot be; what comes after it is asked for by the time. `message` has
    a line end where it is whole."""

    cursor: str
    moment: int  # microseconds since the epoch
    message: bytes


class _Page(Record):
    """Entries of one answer. `cut`: it was longer than what is read of it, and the last entry is not whole."""

    entries: list[_Entry]
    cut: bool = False


class Followed(Record):
    """`memory` for the next check; whether entries are `left` that have not been read; whether the unit does `exist`:
    asked only while its journal has been empty."""

    memory: dict[str, Any]
    left: bool = False
    exists: bool = True


def follow(journal: Journal, memory: Mapping[str, Any], key: str, now: float, tally: Tally) -> Followed:
    """Read on in the journal of a unit. Raises Unobservable where it cannot be read."""
    cursor, moment = _cursor(memory.get("cursor")), memory.get("moment")
    if memory.get("key") != key or cursor is None or not isinstance(moment, int):
        last = _lines(_asked(journal, ["--lines=1"], tally, field="_PID"))[0]
        place = (last[-1].cursor, last[-1].moment) if last else ("", int(now * 1e6))
        return Followed(_kept(key, *place), exists=bool(last) or _exists(journal))
    most = max(1, tally.left // _ENTRY_BYTES)
    entries, cut = _after(journal, cursor, moment, most, tally)
    if cut and len(entries) > 1:
        entries = entries[:-1]  # the last one comes whole next time
    judged = tally.take([entry.message for entry in entries]) if entries else 0
    if judged:
        cursor, moment = entries[judged - 1].cursor, entries[judged - 1].moment
    left = cut or judged < len(entries) or judged >= most
    behind = memory.get("behind")
    waiting = (behind + 1 if isinstance(behind, int) else 1) if left else 0
    return Followed({**_kept(key, cursor, moment), "behind": waiting}, left, bool(cursor) or _exists(journal))


def _kept(key: str, cursor: str, moment: int) -> dict[str, Any]:
    return {"key": key, "cursor": cursor, "moment": moment, "behind": 0}


def _after(journal: Journal, cursor: str, moment: int, most: int, tally: Tally) -> _Page:
    """The next entries, `most` at most."""
    if cursor:
        entries, cut = _page(journal, f"--cursor={cursor}", most + 1, tally)
        if entries and entries[0].cursor == cursor:
            if cut and len(entries) == 1:  # it is itself larger than what is read at once
                return _page(journal, f"--after-cursor={cursor}", most, tally)
            return _Page(entries[1:], cut)
    entries, cut = _page(journal, f"--since=@{moment // 1_000_000}", most, tally)
    return _Page([entry for entry in entries if entry.moment > moment], cut)


def _page(journal: Journal, start: str, most: int, tally: Tally) -> _Page:
    """The entries from `start` on, `most` at most."""
    said = _asked(journal, [start, f"--lines={most}"], tally)
    entries, rest, number = _lines(said)
    if not rest.startswith("{"):
        return _Page(entries)
    found, at = _CURSOR.search(rest), _MOMENT.search(rest)
    if found is not None and at is not None:
        cut = _Entry(found[1], whole(at[1]) or 0, _beginning(rest))
        return _Page([*entries, cut], cut=True)
    # They stand behind the message in some versions: asked for once more, without it.
    places = _lines(_asked(journal, [start, f"--lines={number + 1}"], tally, field="_PID"))[0]
    if len(places) <= len(entries):
        return _Page(entries, cut=True)
    return _Page([*entries, places[-1]._replace(message=_beginning(rest))], cut=True)


def _asked(journal: Journal, words: list[str], tally: Tally, *, field: str = "MESSAGE") -> str:
    """What journalctl says, a line of JSON for each entry; what is more than can be read is cut off."""
    option = "--user-unit" if journal.user else "--unit"
    unit = f"{option}={systemd.full_name(journal.unit)}"
    more = ("--no-pager", "--output=json", "--all", f"--output-fields={field}", unit, *words)
    most = tally.left + _MORE_OUTPUT
    done = _run([*journal.program, *more], max(0.05, tally.deadline - time.monotonic()), most)
    if any(words in done.stderr for words in _HIDDEN) and not journal.user:
        raise Unobservable(Text("may not read the journal: put its user into the group systemd-journal"))
    if done.code is None:
        raise Unobservable(Text("journalctl did not answer in time"))
    if done.code and "to cursor" not in done.stderr:
        said = one_line(done.stderr) or Text("exit code {code}", code=done.code)
        raise Unobservable(Text("cannot read the journal: {why}", why=said))
    return done.stdout


def _lines(said: str) -> tuple[list[_Entry], str, int]:
    """The entries in whole lines, what comes after the last line end, and the number of the lines."""
    *lines, rest = said.split("\n")
    lines = [line for line in lines if line.startswith("{")]
    found = map(_entry, lines)
    return [one for one in found if one is not None], rest, len(lines)


def _entry(line: str) -> _Entry | None:
    """The entry in a line of JSON. Format: https://systemd.io/JOURNAL_EXPORT_FORMATS/."""
    try:
        value = foreign_json.parse(line)
        message = value.get("MESSAGE")
        cursor, moment = _cursor(value.get("__CURSOR")), whole(str(value.get("__REALTIME_TIMESTAMP")))
    except (foreign_json.NotJson, AttributeError):
        return None
    if cursor is None or moment is None:
        return None
    raw = _bytes(message)
    end = b"\n" if len(raw) <= LONGEST else b""
    return _Entry(cursor, moment, raw[:LONGEST].replace(b"\n", b" ") + end)


def _cursor(said: object) -> str | None:
    """The cursor; "" for a text that cannot be one, None for no text."""
    if not isinstance(said, str):
        return None
    return said if re.fullmatch(_FORM, said) else ""


def _beginning(line: str) -> bytes:
    """The beginning of the message in a line of JSON that has been cut."""
    found = _MESSAGE.search(line)
    if found is None:
        return b""
    rest = line[found.end() : found.end() + 6 * LONGEST]  # an escaped character takes six at most
    if found[1] == "[":
        numbers = [int(one) for one in re.findall(r"[0-9]{1,3}", rest)[: LONGEST // 2]]
        return bytes(one for one in numbers if one < 256).replace(b"\n", b" ")
    characters = _CHARACTERS.match(rest)
    text = str(foreign_json.parse(f'"{characters[0]}"')) if characters else ""
    return text.encode("utf-8", "replace")[:LONGEST].replace(b"\n", b" ")


def _bytes(message: object) -> bytes:
    """A field: text, a list of its bytes where it is no UTF-8, or a list of several fields of the name."""
    if isinstance(message, str):
        return message.encode("utf-8", "replace")
    if isinstance(message, list):
        if all(isinstance(one, int) and 0 <= one < 256 for one in message):
            return bytes(message)
        return b" ".join(_bytes(one) for one in message if not isinstance(one, list))
    return b""


def _exists(journal: Journal) -> bool:
    """Whether systemd knows the unit; True where it does not say."""
    folder, slash, name = journal.program[-1].rpartition("/")
    if name != "journalctl":
        return True
    systemctl = [*journal.program[:-1], f"{folder}{slash}systemctl"]
    unit = systemd.full_name(journal.unit)
    try:
        argv = systemd.command(systemctl, journal.user, "show", "--property=Id,LoadState", "--", unit)
        done = _run(argv, _QUICK_SECONDS, _MORE_OUTPUT)
    except Unobservable:
        return True
    return done.code != 0 or "LoadState=not-found" not in done.stdout


def _run(argv: list[str], timeout: float, most: int) -> process.Finished:
    env = process.minimal_env(systemd.extra_env(os.environ, os.getuid()))
    try:
        return process.run(argv, timeout=timeout, env=env, max_output=most)
    except (OSError, ValueError) as error:
        why = system_words(str(getattr(error, "strerror", None) or type(error).__name__))
        raise Unobservable(Text("cannot run {command}: {why}", command=one_line(argv[0], 80), why=why)) from None
