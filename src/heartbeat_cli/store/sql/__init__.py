"""The database: SQLite and PostgreSQL behind one interface; schema, locks, settings rows."""
