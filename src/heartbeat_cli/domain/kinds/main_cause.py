"""What the evidence of a failure names as its main cause: the largest folder of a full disk, who holds most of a
server's connections, when and how a container ended. Read from the sentences that the monitors made. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence

from heartbeat_cli.domain.kinds import container
from heartbeat_cli.domain.record import Record
from heartbeat_cli.domain.text import Text

_USED = "{span} ago: {used:.0f} of {most:.0f} connections used"
_GROUP = "{n} connection: {who}"
_FOLDER = "{size} {path}"
_SEARCHED = "searched {seen} of {used} used on {point}"
_MOSTLY = 0.5  # of the connections in use: less is not the main cause
_KILLED = "137"  # the exit code of what was ended by SIGKILL


_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,63}")


class Holder(Record):
    """Who holds most connections: its name (application, else role), its address ("": not known), how many it has of
    how many in use, in which state ("": several, or not known), and which of the two the name is ("": not known)."""

    name: str
    address: str
    held: int
    used: int
    state: str
    named: str = ""


class Folder(Record):
    """What takes most of a full disk, and how much is used there in all."""

    path: str
    size: str
    used: str
    point: str


def holder(evidence: object) -> Holder | None:
    """The largest group of sessions, where it holds at least half of the connections in use."""
    lines = [line for text in _pieces(evidence) for line in _lines(text)]
    used = next((line.values["used"] for line in lines if line.template == _USED and "used" in line.values), None)
    group = next((line for line in lines if line.template == _GROUP), None)
    count = group.values.get("n") if group is not None else None
    if group is None or not isinstance(used, int | float) or not isinstance(count, int):
        return None
    parts = {one.template: one for one in _in_a_row(group.values.get("who"))}
    application, role = _value(parts, "application {name}", "name"), _value(parts, "role {role}", "role")
    name, named = (application, "application") if application else (role, "role")
    if not name or count < used * _MOSTLY:
        return None
    state = next((one for one in ("idle in transaction", "idle", "active") if one in parts), "")
    return Holder(name, _value(parts, "from {address}", "address"), count, round(used), state, named)


def ending(held: Holder) -> str:
    """The statement that ends the sessions of who holds the connections, where its name needs no quoting; else ""."""
    columns = {"application": "split_part(application_name, ' - ', 1)", "role": "usename"}  # PgBouncer adds addresses
    if held.named not in columns or not _PLAIN.fullmatch(held.name):
        return ""
    state = f" and state = '{held.state}'" if held.state in ("idle in transaction", "idle") else ""
    return f"select pg_terminate_backend(pid) from pg_stat_activity where {columns[held.named]} = '{held.name}'{state};"  # noqa: S608


def folder(evidence: object) -> Folder | None:
    """The largest folder of the first full disk."""
    lines = [line for text in _pieces(evidence) for line in _lines(text)]
    note = next((part for line in lines for part in _in_a_row(line) if part.template == _SEARCHED), None)
    first = next((line for line in lines if line.template == _FOLDER), None)
    if note is None or first is None or isinstance(first.values.get("path"), Text):
        return None
    size, path, used, point = (str(one) for one in (*_of(first, "size", "path"), *_of(note, "used", "point")))
    return Folder(path, size, used, point) if path and size else None


def ended(evidence: object) -> float | None:
    """When a container that does not run ended (epoch seconds), by what Docker said of it."""
    return next((at for one in _values(evidence) if (at := container.ended_by(one)) is not None), None)


def was_killed(evidence: object) -> bool:
    """Whether a container was ended by SIGKILL, and not for want of memory, by what Docker said of it."""
    for one in _values(evidence):
        pieces = container.pieces(one)
        if pieces.get("Status") == "exited" and pieces.get("ExitCode") == _KILLED:
            return pieces.get("OOMKilled") == "False"
    return False


def _values(evidence: object) -> Sequence[object]:
    return list(evidence.values()) if isinstance(evidence, Mapping) else []


def _pieces(evidence: object) -> Iterator[Text]:
    return (one for one in _values(evidence) if isinstance(one, Text))


def _lines(text: Text) -> Iterator[Text]:
    """The sentences of a piece, the lines of what was stacked each by itself."""
    if text.template in (_USED, _GROUP, _FOLDER):
        yield text
        return
    if "\n" in text:
        for value in text.values.values():
            if isinstance(value, Text):
                yield from _lines(value)
    else:
        yield text


def _in_a_row(text: object) -> Iterator[Text]:
    """The sentences of a row."""
    if not isinstance(text, Text):
        return
    if set(text.values) == {"first", "then"}:
        for part in text.values.values():
            yield from _in_a_row(part)
    else:
        yield text


def _of(text: Text, *names: str) -> list[object]:
    return [text.values.get(name) or "" for name in names]


def _value(parts: Mapping[str, Text], template: str, name: str) -> str:
    return str(parts[template].values.get(name) or "") if template in parts else ""
