"""The tables that are copied between stores (mirror, spool, replay): their keys, columns, and the types of
their values."""

from collections.abc import Iterable
from math import isfinite
from typing import Any

from heartbeat_cli.domain.record import Record
from heartbeat_cli.store.sql.database import Database, Row
from heartbeat_cli.store.sql.text import storable

_INTEGER_BITS = 31  # of PostgreSQL's INTEGER, without the sign
_SMALLINT_BITS = {"failure": 15}  # by column
_FRACTIONAL = frozenset({"response_time"})
# In PostgreSQL's JSON; whoever may write to the store may have put it there.
_ENDLESS = ("Infinity", "-Infinity", "NaN")
# Seconds since the epoch, the second in the year 9999. What no heartbeat writes (`infinity`, a year of five digits, one
# before Christ) is read as the nearest of these: what words times for people has no such years.
EARLIEST, LATEST = 0.0, 253_370_764_800.0


class PortableTable(Record):
    """A table whose rows are the same in every store. `keys` identify a row. `merge` replaces a row that is there,
    except where the condition `only` does not hold (SQL: `{0}` is the table, `excluded` the new row)."""

    name: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    times: frozenset[str]
    flags: frozenset[str] = frozenset()
    only: str = ""
    numbers: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()

    def is_as_made(self, row: Row) -> bool:
        """Whether each value of the row is of the type that its column was made with: PostgreSQL's tables may have been
        altered. An empty value says nothing of that."""
        pairs = zip(self.columns, row, strict=True)
        return all(value is None or self._is_of_type(column, value) for column, value in pairs)

    def _is_of_type(self, column: str, value: object) -> bool:
        if column in self.flags:
            return isinstance(value, bool)
        if column in self.times or column in self.numbers:
            return value in _ENDLESS or (isinstance(value, int | float) and not isinstance(value, bool))
        return isinstance(value, str)

    def fitted(self, row: Row) -> Row | None:
        """A row of another store, or of a file, as this one can hold it and heartbeat reads it; None where a value is
        of another type. A time that no calendar has is the nearest that one has; an endless figure is none."""
        try:
            return tuple(self._fitted(column, value) for column, value in zip(self.columns, row, strict=True))
        except (TypeError, ValueError):
            return None

    def usable(self, rows: Iterable[Row]) -> list[Row]:
        """The rows, each as `fitted` returns it. Rows that do not fit are left out; of several with one key the last is
        kept, because PostgreSQL refuses a statement that writes a row twice."""
        places = [self.columns.index(key) for key in self.keys]
        fitted = (row for row in map(self.fitted, rows) if row is not None)
        return list({tuple(row[place] for place in places): row for row in fitted}.values())

    def _fitted(self, column: str, value: Any) -> Any:
        """Raises ValueError or TypeError."""
        if value is None and column in self.optional:
            return None
        if column in self.flags:
            fits = isinstance(value, bool)
        elif column in self.times:
            if not (_is_number(value) or value in _ENDLESS):
                raise ValueError
            return min(max(EARLIEST, float(value)), LATEST)
        elif column in self.numbers:
            if value in _ENDLESS or (isinstance(value, float) and not isfinite(value)):
                return self._fitted(column, None)
            fits = (
                _is_number(value)
                if column in _FRACTIONAL
                else _is_whole(value, _SMALLINT_BITS.get(column, _INTEGER_BITS))
            )
        else:
            fits = isinstance(value, str) and storable(value) == value
        if not fits:
            raise ValueError
        return value

    def select(self, db: Database, where: str = "", params: Row = ()) -> list[Row]:
        """Rows of the table, columns in order, with booleans as such, which SQLite stores as numbers."""
        rows = db.rows(f"SELECT {', '.join(self.columns)} FROM {self.name} {where}", params)
        places = [place for place, column in enumerate(self.columns) if column in self.flags]
        if not places:
            return rows
        return [tuple(bool(v) if n in places else v for n, v in enumerate(row)) for row in rows]

    def json_rows(self, where: str = "") -> str:
        """A PostgreSQL expression: the rows that `select` returns, as JSON."""
        parts = [f"extract(epoch FROM {one})::float8" if one in self.times else one for one in self.columns]
        rows = f"SELECT json_build_array({', '.join(parts)}) AS packed FROM {self.name} {where}"
        return f"(SELECT coalesce(json_agg(packed), '[]') FROM ({rows}) rows)"

    def merge(self, db: Database, rows: list[Row]) -> None:
        """Insert rows, and update those that are there."""
        db.read_ahead.clear()
        marks = ", ".join("to_timestamp(?)" if column in self.times else "?" for column in self.columns)
        rest = [column for column in self.columns if column not in self.keys]
        changes = ", ".join(f"{column} = excluded.{column}" for column in rest)
        only = f" WHERE {self.only.format(self.name)}" if self.only else ""
        action = f"UPDATE SET {changes}{only}" if rest else "NOTHING"
        head = f"INSERT INTO {self.name} ({', '.join(self.columns)})"
        db.insert(head, f"({marks})", rows, f"ON CONFLICT ({', '.join(self.keys)}) DO {action}")


def _is_number(value: object) -> bool:
    """Whether both stores take it as a number, with or without a fraction. SQLite's whole ones have 64 bits."""
    return isinstance(value, float) or _is_whole(value, 63)


def _is_whole(value: object, bits: int) -> bool:
    """Whether it is a whole number of at most `bits` bits, without the sign."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**bits) <= value < 2**bits


_COUNTS = "fail_count success_count degraded_count unknown_count grace_looks attempts alerts"
_NUMBERS = frozenset(f"{_COUNTS} response_time took_us failure rung exit_code day".split())  # in any table
# Columns that may be empty, in any table, except where a table's `required` names it.
_PERHAPS = "acked acked_by batch ended error exit_code failing_since failure finished held_by incident last_error"
_PERHAPS += " lease_by lease_until message note remark response_time rid sent unknown_since unobserved_alert"
_PERHAPS += " verified verify_until"
_OPTIONAL = frozenset(_PERHAPS.split())


def _table(
    name: str, keys: str, columns: str, times: str = "", flags: str = "", only: str = "", required: str = ""
) -> PortableTable:
    found = tuple(columns.split())
    sets = frozenset(times.split()), frozenset(flags.split())
    optional = _OPTIONAL.intersection(found) - {required}
    return PortableTable(name, tuple(keys.split()), found, *sets, only, _NUMBERS, optional)


SETTINGS = _table("heartbeat_settings", "name", "name value")
COMPONENTS = _table("heartbeat_components", "id", "id kind registered", "registered")
LAST_CHECKS = _table(
    "heartbeat_looks",
    "observer component",
    "observer component at status response_time error evidence memory failure",
    "at",
    only="excluded.at >= {0}.at",
)
STATE = _table(
    "heartbeat_state",
    "component",
    "component since state fail_count success_count flapping failing_since degraded_count degraded held_by grace_looks"
    " history unknown_count unknown_since unobserved unobserved_alert",
    "since failing_since unknown_since",
    "flapping degraded unobserved",
)
INCIDENTS = _table(
    "heartbeat_incidents",
    "id",
    "id component kind severity cause started declared ended held_by acked acked_by recovery category remedy relapses",
    "started declared ended acked",
)
ALERTS = _table(
    "heartbeat_alert_rows",
    "alert_id",
    "alert_id alert_type severity title component alert_time incident reason details",
    "alert_time",
)
OUTBOX = _table(
    "heartbeat_outbox",
    "id",
    "id alert_id channel state created attempts next_try lease_until lease_by sent last_error batch remark note"
    " failing_since",
    "created next_try lease_until sent failing_since",
    only="{0}.state = 'waiting'",  # a notification that was sent stays sent
)
SENDS = _table(
    "heartbeat_sends",
    "id",
    "id at observer channel alert_id batch alerts outcome error note took_us",
    "at",
    required="batch",
)
RECOVERIES = _table(
    "heartbeat_recoveries",
    "id",
    "id incident component rung action requested_by observer started finished outcome detail output verify_until"
    " verified reason",
    "started finished verify_until verified",
)
BEATS = _table("heartbeat_beats", "component at event", "component at event exit_code message rid", "at")
TEXTS = _table("heartbeat_texts", "line", "line source day")
SILENCES = _table("heartbeat_silences", "id", "id target kind starts ends reason created_by", "starts ends")

# In this order no row is inserted before the rows that it refers to.
ALL = (SETTINGS, COMPONENTS, LAST_CHECKS, STATE, INCIDENTS, ALERTS, OUTBOX, SENDS, RECOVERIES, BEATS, SILENCES, TEXTS)
