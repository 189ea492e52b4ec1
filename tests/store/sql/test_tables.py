"""Rows that came from elsewhere (another store, a file): what is let through, every store takes."""

import math

import pytest

from heartbeat_cli.store.sql import tables
from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.tables import PortableTable

_ODD = (
    *(None, True, 0, 1, -1, 0.5, -0.5, 3.0, 1e30, 1e308, math.nan, math.inf, -math.inf, "NaN", "Infinity", "", "x"),
    *(2**15, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 10**400, "\0", "\ud800", "漢", [], {}, ["x"], b"x"),
)


def ordinary(table: PortableTable) -> list[object]:
    """A row that fits."""
    return [
        False if name in table.flags else 1.0 if name in table.times else 1 if name in table.numbers else "x"
        for name in table.columns
    ]


@pytest.mark.parametrize("table", tables.ALL, ids=lambda table: table.name)
def test_what_is_let_through_every_store_takes(store: Database, table: PortableTable) -> None:
    assert table.usable([tuple(ordinary(table))]), "an ordinary row fits"
    for place, column in enumerate(table.columns):
        for odd in _ODD:
            row = ordinary(table)
            row[place] = odd
            rows = table.usable([tuple(row), tuple(ordinary(table)), tuple(row)])
            with store.transaction():
                table.merge(store, rows)  # raises nothing
            assert rows, column


@pytest.mark.parametrize("table", tables.ALL, ids=lambda table: table.name)
def test_what_may_be_empty_is_let_through(store: Database, table: PortableTable) -> None:
    for place, column in enumerate(table.columns):
        row = ordinary(table)
        row[place] = None
        assert (table.fitted(tuple(row)) is not None) == (column in table.optional), column
        if column not in table.optional:
            continue
        with store.transaction():
            table.merge(store, [tuple(row)])


def test_of_two_rows_of_one_key_the_last_is_taken() -> None:
    assert tables.BEATS.usable([("job", math.inf, "start", 1, "", ""), ("job", 1e300, "start", 2, "", "")]) == [
        ("job", tables.LATEST, "start", 2, "", "")
    ]
