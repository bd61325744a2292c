"""INSERT ... ON CONFLICT in bulk, the same on SQLite and PostgreSQL. Every function does nothing without rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table
from sqlalchemy.dialects import postgresql, sqlite

Rows = Sequence[Mapping[str, Any]]


def ignoring(connection: Connection, table: Table, rows: Rows, returning: Sequence[str]) -> Sequence[Row[Any]]:
    """Inserts the rows whose keys are new and returns the named columns of exactly those, in no certain order."""
    if not rows:
        return ()
    statement = _insert(connection, table).on_conflict_do_nothing().returning(*(table.c[name] for name in returning))
    return connection.execute(statement, rows).all()


def adding(connection: Connection, table: Table, rows: Rows, column: str) -> None:
    """Inserts the rows; where a primary key exists, `column` is added to instead."""
    if rows:
        insert = _insert(connection, table)
        sums = {column: table.c[column] + insert.excluded[column]}
        connection.execute(insert.on_conflict_do_update(index_elements=_key(table), set_=sums), rows)


def replacing(connection: Connection, table: Table, rows: Rows) -> None:
    """Inserts the rows; where a primary key exists, all other columns given are replaced."""
    if rows:
        insert = _insert(connection, table)
        values = {name: insert.excluded[name] for name in rows[0] if not table.c[name].primary_key}
        connection.execute(insert.on_conflict_do_update(index_elements=_key(table), set_=values), rows)


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _key(table: Table) -> list[str]:
    return [column.name for column in table.primary_key]
