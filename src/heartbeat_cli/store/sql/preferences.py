"""Rows of `heartbeat_settings`: what a command has set (the strategy), and small state between passes."""

from heartbeat_cli.store.sql.database import Database
from heartbeat_cli.store.sql.text import storable


def get(db: Database, name: str) -> str | None:
    """The value of a setting; None when it was never set."""
    if name in db.read_ahead:
        return db.read_ahead.pop(name)
    rows = db.rows("SELECT value FROM heartbeat_settings WHERE name = ?", (name,))
    return str(rows[0][0]) if rows else None


def put(db: Database, name: str, value: str) -> None:
    """Set a value."""
    db.read_ahead.pop(name, None)
    db.run(
        "INSERT INTO heartbeat_settings (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, storable(value)),
    )
