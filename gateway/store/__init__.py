"""The store: holds, records, counts and joins, on SQLite or PostgreSQL."""
