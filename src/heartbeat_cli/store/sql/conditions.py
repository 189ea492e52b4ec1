"""Conditions on what one host checks, in tables that hold what all hosts check."""

from heartbeat_cli.store.sql.database import Database

# Of each host, with the observer as its value. The primary key of the table begins with it.
_CHECKED = "SELECT component FROM heartbeat_looks WHERE observer = ?"


def among(db: Database, select: str) -> str:
    """The condition that a column is among what `select` returns. PostgreSQL is made to expect few values, so that it
    uses an index of that column where the table is big: it would read all of it for a hundredth. (An array by itself,
    `= ANY`, would be searched for every row where it reads the table all the same.)"""
    return f"IN (SELECT unnest(ARRAY({select})))" if db.dialect == "postgres" else f"IN ({select})"


def checked_by(db: Database, besides: str = "") -> str:
    """The condition that a component is among those that an observer (its value) has checked, or `besides`, a SELECT of
    other components."""
    return among(db, f"{_CHECKED} UNION {besides}" if besides else _CHECKED)
