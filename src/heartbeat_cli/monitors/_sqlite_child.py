"""One query of an SQLite file in a child process. `_sqlite.py` starts it by the path of this file, without `site`, so
it imports the standard library only, and little of that: each check pays for it.

While SQLite prepares a statement it copies a view for each mention of it and calls no progress handler: with a file of
64 kB this can use up the host's memory. Here the kernel limits the memory, and the parent kills the process at the
deadline. The query comes as JSON on standard input; the answer goes as JSON to standard output.
"""

import json
import resource
import signal
import sqlite3
import sys
import time

_MEMORY = 134_217_728  # bytes for the query, besides Python and SQLite: a few at once fit into a unit's MemoryMax=512M
_STEPS = 10_000  # instructions of SQLite's machine between two looks at the clock: some microseconds
_BUSY_SHARE = 0.9  # of the time left that a lock is waited for
_SLACK = 2  # seconds after the deadline at which this ends by itself, should nobody be there to end it
_LONGEST = 2_000  # characters of an error's text
_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})


class _TooMuch(Exception):
    """The answer has more bytes than it may have."""


def main() -> None:
    """Run one query. The answer has `seconds`, and either `columns`, `rows` and `query_seconds` or `trouble`: error
    (with SQLite's `name` and `text`), memory or bytes."""
    given = json.load(sys.stdin)
    left = given["deadline"] - time.monotonic()
    signal.alarm(max(0, int(left)) + _SLACK)
    begun = time.monotonic()
    try:
        _bound_memory()
        said = _answered(**given)
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        said = {"trouble": "error", "name": name, "text": str(error)[:_LONGEST]}
    except MemoryError:
        said = {"trouble": "memory"}
    except _TooMuch:
        said = {"trouble": "bytes"}
    said.setdefault("seconds", time.monotonic() - begun)
    sys.stdout.buffer.write(json.dumps(said, ensure_ascii=False).encode("utf-8", "replace"))


def _answered(uri: str, query: str, deadline: float, most_bytes: int, most_rows: int) -> dict[str, object]:
    """What the query gives by the deadline (time.monotonic()): at most one row more than `most_rows`."""
    begun = time.monotonic()
    db = sqlite3.connect(uri, timeout=max(0.05, (deadline - begun) * _BUSY_SHARE), isolation_level=None, uri=True)
    try:
        db.execute(f"PRAGMA hard_heap_limit = {_MEMORY}")  # for systems whose kernel keeps no bound
        db.execute("PRAGMA temp_store = MEMORY")  # a file would have no bound
        db.execute("PRAGMA trusted_schema = OFF")
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most_bytes)
        db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        db.set_authorizer(_authorize)
        db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        asked = time.monotonic()
        cursor = db.execute(query)
        columns = [str(column[0]) for column in cursor.description or ()]
        rows = _fetched(cursor, sum(map(len, columns)), most_bytes, most_rows)
        now = time.monotonic()
    finally:
        db.close()
    return {"columns": columns, "rows": rows, "seconds": now - begun, "query_seconds": now - asked}


def _authorize(action: int, *_details: object) -> int:
    """Nothing but reading: no ATTACH, no PRAGMA, no transaction, no extension."""
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


def _fetched(cursor: sqlite3.Cursor, size: int, most_bytes: int, most_rows: int) -> list[list[object]]:
    """The rows; bytes are their hexadecimal digits. `size`: of what comes before them. Raises _TooMuch."""
    rows: list[list[object]] = []
    if size > most_bytes:
        raise _TooMuch
    for row in cursor:
        size += sum(max(8, len(value)) if isinstance(value, str | bytes) else 8 for value in row)
        if size > most_bytes:
            raise _TooMuch
        rows.append([value.hex() if isinstance(value, bytes) else value for value in row])
        if len(rows) > most_rows:
            break
    return rows


def _bound_memory() -> None:
    """From here on the process gets so much and no more, and leaves no core."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            used = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmData"))
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        most = used + _MEMORY if hard == resource.RLIM_INFINITY else min(hard, used + _MEMORY)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")  # where memory runs out all the same, the kernel ends this process first
    except OSError:
        return  # no Linux: SQLite keeps its bound itself


if __name__ == "__main__":
    main()
