"""What differs from database to database: its clock, its bulk statements, how a row is locked past others.

Everything else is SQLAlchemy's. What a dialect would drop silently is refused at start.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    and_,
    literal,
    literal_column,
    or_,
    text,
    tuple_,
)

from gateway.contract import ConfigError

_NOW: Mapping[str, str] = {
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
    "mysql": "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)",
    "mariadb": "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)",
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "mssql": "DATEDIFF_BIG(MILLISECOND, '1970-01-01', SYSUTCDATETIME())",
    "oracle": "ROUND((CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - DATE '1970-01-01') * 86400000)",
    "db2": "(BIGINT(DAYS(CURRENT TIMESTAMP - CURRENT TIMEZONE)) - 719163) * 86400000"
    " + BIGINT(MIDNIGHT_SECONDS(CURRENT TIMESTAMP - CURRENT TIMEZONE)) * 1000",
}
"""Milliseconds since 1970 in UTC, by the database's clock, read anew by each statement."""
LOCKS: Mapping[str, str] = {
    "postgresql": "SKIP LOCKED", "mysql": "SKIP LOCKED", "mariadb": "SKIP LOCKED", "oracle": "SKIP LOCKED",
    "mssql": "READPAST", "db2": "SKIP LOCKED DATA",
}  # fmt: skip
"""How a dialect passes over rows that somebody has locked; SQLite has one writer at a time instead."""
DB2_LOCK = " FOR UPDATE WITH RS USE AND KEEP UPDATE LOCKS SKIP LOCKED DATA"


def name_of(dialect: Dialect) -> str:
    """The dialect's name as used here."""
    return {"ibm_db_sa": "db2"}.get(dialect.name, dialect.name)


def now(dialect: str) -> ColumnElement[int]:
    """Milliseconds since 1970 by the database's clock."""
    return literal_column(_NOW[dialect], BigInteger())


def later(dialect: str, seconds: float) -> ColumnElement[int]:
    """So many seconds from now, on the same clock."""
    # The value has a type, or its parameter would be named after the clock, which Oracle takes for no name at all.
    return now(dialect) + literal(int(seconds * 1000), BigInteger())


def among(columns: Sequence[Column[Any]], keys: Sequence[Sequence[Any]], dialect: str) -> ColumnElement[bool]:
    """Whether a row's key is one of these, all values bound."""
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    if dialect in ("mssql", "oracle", "db2"):  # Oracle takes no more than 1000 in a list, SQL Server no tuples
        return or_(*(_equal(columns, key) for key in keys))
    return tuple_(*columns).in_([tuple(key) for key in keys])


def _equal(columns: Sequence[Column[Any]], key: Sequence[Any]) -> ColumnElement[bool]:
    return and_(*(one == value for one, value in zip(columns, key, strict=True)))


def chunk(dialect: str, width: int) -> int:
    """Keys that one statement may name: parameters are limited."""
    return {"mssql": 1000, "sqlite": 20_000, "oracle": 900, "db2": 5000}.get(dialect, 20_000) // max(width, 1)


def skipping(statement: Select[Any], table: Any, dialect: str) -> Select[Any]:
    """The statement, passing over rows that somebody has locked, and locking those it gives; on PostgreSQL so that
    rows of other tables may go on being made that refer to them."""
    if dialect == "mssql":
        return statement.with_hint(table, "WITH (UPDLOCK, READPAST, ROWLOCK)", "mssql")
    if dialect == "db2":
        return statement.suffix_with(text(DB2_LOCK.strip()))
    if dialect == "sqlite":
        return statement
    of = None if dialect == "oracle" else table  # which wants a column there, and locks no other tables than these
    return statement.with_for_update(of=of, skip_locked=True, key_share=True)


def check_lock(statement: Select[Any], dialect: Dialect, where: str) -> None:
    """Nothing if the dialect renders the lock clause. Raises ConfigError where it would drop it silently."""
    name = name_of(dialect)
    if name == "sqlite":
        return  # BEGIN IMMEDIATE: nobody else writes meanwhile
    wanted = LOCKS.get(name)
    if wanted is None or wanted not in str(statement.compile(dialect=dialect)):
        raise ConfigError(
            f"{where}: {name} drops the clause that keeps two pollers apart; say `lock: token`, or leave `columns` out"
        )


def row_by_row(connection: Connection, dialect: str) -> None:
    """Until the transaction ends: has what is asked of each row of a page looked up by its key. PostgreSQL would rather
    read the other table, answers or claims, from its beginning to where the page stands."""
    if dialect == "postgresql":
        connection.execute(_BY_KEY)


_BY_KEY = text("SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)")
