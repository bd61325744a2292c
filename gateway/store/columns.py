"""The types of the store's columns."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, DateTime, Dialect, Integer, TypeDecorator

Number = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer that SQLite can count up by itself."""


class Instant(TypeDecorator[datetime]):
    """An aware moment; kept in UTC, and read as UTC also where the database knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


def count(name: str) -> Column[int]:
    """A column that counts, from zero."""
    return Column(name, BigInteger, nullable=False, server_default="0")
