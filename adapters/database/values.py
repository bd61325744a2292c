"""Column values on their way in and out: what the driver gives becomes a scalar of the contract, and back."""

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Column, types

Step = Callable[[Any], Any]
RowReader = Callable[[Sequence[Any]], dict[str, Any]]
"""How a row is read that begins with certain columns."""
_MOST = frozenset((str, int, type(None), Decimal, float))
"""What nearly every value is: asked for first, since each value of each row is."""
_CERTAIN = (types.Integer, types.VARCHAR, types.TEXT)
"""Types whose values need no step: drivers give what the column says, but for SQLite, whose columns only claim it."""


def reader(column: Column[Any], zone: ZoneInfo | None) -> Step:
    """How a column's value is read. CHAR loses its padding; a time without a zone gets the configured one; a NULL
    stays None and an empty text empty."""
    if isinstance(column.type, types.CHAR):
        return lambda value: value.rstrip(" ") if isinstance(value, str) else plain(value)
    if isinstance(column.type, types.Numeric) and not isinstance(column.type, types.Float):
        return exact
    if isinstance(column.type, types.DateTime) and zone is not None:
        return lambda value: _zoned(plain(value), zone)
    return plain


def row_reader(columns: Sequence[Column[Any]], zone: ZoneInfo | None, dialect: str) -> RowReader:
    """How rows that begin with these columns are read, into values by name."""
    names = [str.__str__(one.name) for one in columns]  # SQLAlchemy's own kind of str is no key
    steps = [(name, reader(one, zone)) for name, one in zip(names, columns, strict=True)
             if dialect == "sqlite" or not isinstance(one.type, _CERTAIN)]  # fmt: skip

    def read(row: Sequence[Any]) -> dict[str, Any]:
        values = dict(zip(names, row, strict=False))
        for name, step in steps:
            values[name] = step(values[name])
        return values

    return read


def exact(value: Any) -> Any:
    """A decimal, also where the database itself has only floats: by its shortest spelling."""
    return Decimal(repr(value)) if isinstance(value, float) and math.isfinite(value) else plain(value)


def plain(value: Any) -> Any:
    """A scalar of the contract, or a structure that the driver has read from a JSON column."""
    if (
        value.__class__ in _MOST
        or value is None
        or isinstance(value, str | int | float | Decimal | date | time | bytes | dict | list)
    ):
        return value
    if isinstance(value, timedelta):  # a TIME of MySQL
        return (datetime.min + value).time() if timedelta() <= value < timedelta(days=1) else str(value)
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    return value.value if isinstance(value, Enum) else str(value)


def _zoned(value: Any, zone: ZoneInfo) -> Any:
    return value.replace(tzinfo=zone) if isinstance(value, datetime) and value.tzinfo is None else value


def writer(column: Column[Any], zone: ZoneInfo | None, dialect: str) -> Step:
    """How a value is written into a column. A time with a zone loses it where the column has none, in the configured
    zone, else in UTC; SQLite is given text where it has no type."""
    sqlite = dialect == "sqlite"
    naive = isinstance(column.type, types.DateTime) and not column.type.timezone

    def write(value: Any) -> Any:
        if naive and isinstance(value, datetime) and value.tzinfo is not None:
            value = value.astimezone(zone or ZoneInfo("UTC")).replace(tzinfo=None)
        if sqlite and isinstance(value, Decimal):
            return str(value)
        if sqlite and isinstance(value, date | time):
            return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
        return value

    return write


def jsonable(value: Any) -> str:
    """A value that is no JSON by itself as a bulk statement carries it. Raises TypeError for what must be bound by
    itself."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)


def key_step(column: Column[Any], dialect: str) -> Step:
    """How a key's value is remembered and compared: without the padding that the database ignores, too."""
    if isinstance(column.type, types.CHAR) and dialect != "sqlite":
        return lambda value: value.rstrip(" ") if isinstance(value, str) else _keyed(value)
    return _keyed


def _keyed(value: Any) -> Any:
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return plain(value)
