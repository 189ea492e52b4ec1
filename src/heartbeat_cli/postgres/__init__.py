"""The connection to PostgreSQL: the driver, bounded in bytes and time, and who owns a socket."""
