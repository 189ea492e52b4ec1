"""One query of an SQLite file, which is opened for reading only, and only where no other user can exchange it, or put
files beside it: SQLite takes what has the name of its `-wal`, `-shm` or `-journal` for its own. The query runs in a
child process, `_sqlite_child.py`: the content of the file decides how much memory it takes."""

import json
import os
import stat
import sys
import time
from contextlib import suppress
from itertools import chain
from typing import Any
from urllib.parse import quote

from heartbeat_cli.domain import foreign_json
from heartbeat_cli.domain.checking.result import Reading
from heartbeat_cli.domain.kinds.sql_errors import of_sqlite
from heartbeat_cli.domain.plain import one_line
from heartbeat_cli.domain.text import Text
from heartbeat_cli.errors import Unobservable
from heartbeat_cli.monitors import _sql_rows
from heartbeat_cli.system import trusted
from heartbeat_cli.system.process import Finished, minimal_env, run

_SIDES = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a file
_CHILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_sqlite_child.py")
_SPARE, _SPARE_SHARE = 0.4, 0.15  # seconds, and of the time left, that the child leaves for being asked to end
_WRITTEN, _FRAME = 7, 65_536  # bytes of JSON for each byte of an answer (\u0000 takes six), and around them
_LARGEST = 2**63  # an integer of SQLite is smaller


def read(dsn: str, query: str, deadline: float, *, most_bytes: int, most_rows: int) -> _sql_rows.Table:
    """The rows, by the deadline (time.monotonic()). Raises `Failed`, or Unobservable where heartbeat cannot or must not
    read the file."""
    path = os.path.expanduser(dsn.removeprefix(_sql_rows.SQLITE))
    path = (
        path if path.startswith("/") else f"/{path}"
    )  # one slash more or less: there is no folder that it could be in
    left = deadline - time.monotonic()
    if left <= 0:
        raise _too_late(path)
    ends = deadline - min(_SPARE, left * _SPARE_SHARE)
    uri = f"file:{quote(path)}?mode=ro"
    asked = {"uri": uri, "query": query, "deadline": ends, "most_bytes": most_bytes, "most_rows": most_rows}
    given = json.dumps(asked).encode()
    _check(path)
    try:
        argv = [sys.executable, "-I", "-S", _CHILD]
        most = most_bytes * _WRITTEN + _FRAME
        done = run(argv, timeout=left, env=minimal_env({}), max_output=most, given=given)
    except OSError as error:
        raise _unreadable(path, error) from None
    if done.timed_out:
        raise _too_late(path)
    said = _understood(done, path, most_rows)
    if said.get("trouble") is not None:
        raise _trouble(path, said, most_bytes)
    rows = said["rows"]
    kept = tuple(map(tuple, rows[:most_rows]))
    cut, columns = len(rows) > most_rows, tuple(said["columns"])
    return _sql_rows.Table(columns, kept, cut, said["seconds"], said["query_seconds"])


def _check(path: str) -> None:
    """The path is looked at, and the file not opened: to close it would end every lock that this process has on it,
    and it may be heartbeat's own store. Raises as `read` does."""
    shown = one_line(path)
    try:
        trusted.check(path)
        real = os.path.realpath(path)  # its other files are beside what a link leads to
        trusted.check_alone(os.path.dirname(real))
        for side in _SIDES:  # one may be left from when the folder was open to others
            with suppress(FileNotFoundError), trusted.folder(f"{real}{side}") as handle:
                _require_regular(os.fstat(handle), f"{real}{side}")
        _require_regular(os.stat(path), path)
    except FileNotFoundError:
        text = Text("there is no file {path}", path=shown)
        raise _sql_rows.Failed(Reading("error", None, text, category="configuration")) from None
    except OSError as error:
        raise _unreadable(path, error) from None


def _require_regular(found: os.stat_result, path: str) -> None:
    """SQLite opens what it finds, and a device may be set off by that alone."""
    if not stat.S_ISREG(found.st_mode):
        raise Unobservable(Text("{path} is not a regular file", path=one_line(path)))


def _understood(done: Finished, path: str, most_rows: int) -> dict[str, Any]:
    """What the child said, once it has the shape of that: whatever stands in a file of SQLite may have got hold of the
    process that read it. Raises Unobservable."""
    with suppress(foreign_json.NotJson):
        said = foreign_json.parse(done.stdout)
        if isinstance(said, dict) and _is_seconds(said.get("seconds")):
            if said.get("trouble") in ("memory", "bytes"):
                return said
            if said.get("trouble") == "error" and _are_texts([said.get("name"), said.get("text")]):
                return said
            if said.get("trouble") is None and _is_answer(said, most_rows):
                return said
    text = Text(
        "{path}: the process that reads it ended with exit code {code}", path=one_line(path), code=done.code or 0
    )
    raise Unobservable(text)


def _is_answer(said: dict[str, Any], most_rows: int) -> bool:
    columns, rows = said.get("columns"), said.get("rows")
    if not (isinstance(columns, list) and isinstance(rows, list) and _is_seconds(said.get("query_seconds"))):
        return False
    alike = all(isinstance(row, list) and len(row) == len(columns) for row in rows)
    return alike and len(rows) <= most_rows + 1 and _are_texts(columns) and all(map(_is_value, chain(*rows)))


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_seconds(value: Any) -> bool:
    return isinstance(value, float) and 0 <= value < _LARGEST


def _is_value(value: Any) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and -_LARGEST <= value < _LARGEST
    return value is None or isinstance(value, float | str)


def _trouble(path: str, said: dict[str, Any], most_bytes: int) -> Exception:
    shown = one_line(path)
    if said["trouble"] == "bytes":
        return Unobservable(Text("the query gives more than {n:,} bytes", n=most_bytes))
    if said["trouble"] == "memory":
        return Unobservable(Text("{path}: the query needs too much memory", path=shown))
    text = one_line(said["text"])
    shown_text = Text("{path}: {said}", path=shown, said=text)
    return _sql_rows.failed(of_sqlite(said["name"], text), shown_text, said["seconds"])


def _too_late(path: str) -> _sql_rows.Failed:
    """In SQLite's own word, which it gives where it notices the end of its time itself."""
    text = Text("{path}: {said}", path=one_line(path), said="interrupted")
    return _sql_rows.failed(of_sqlite("SQLITE_INTERRUPT", "interrupted"), text, 0.0)


def _unreadable(path: str, error: OSError) -> Unobservable:
    why = one_line(error.strerror or str(error))
    return Unobservable(Text("cannot read {path}: {why}", path=one_line(path), why=why))
