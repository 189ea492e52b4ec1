"""All SQL over our tables, for PostgreSQL and SQLite alike."""
