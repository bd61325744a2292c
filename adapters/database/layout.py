"""A configured table, checked against the reflected catalogue: every identifier names something that is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Column, ColumnElement, Connection, Engine, MetaData, Table, exc, inspect, null, types
from sqlalchemy import Table as AnyTable

from adapters.database.config import Filter, TableSettings, side_table
from adapters.database.dialect import name_of
from adapters.database.engine import translated
from adapters.database.values import RowReader, Step, key_step, row_reader, writer
from gateway.contract import ConfigError

Columns = Sequence[Column[Any]]
Key = tuple[Any, ...]


class Missing(ConfigError):
    """Something that the configuration names is not in the database. Looked for again while the gateway runs."""


@dataclass(slots=True)
class Layout:
    """What the statements of one table are made of."""

    where: str
    """Its place in the configuration."""
    settings: TableSettings
    source: AnyTable
    key: Columns
    order: Columns
    columns: Columns
    filters: Sequence[ColumnElement[bool]]
    result: AnyTable | None
    """Where answers are rows of their own."""
    result_key: Columns
    """Its columns, in the order of `key`."""
    read: RowReader
    """Reads rows that begin with `columns`."""
    read_result: RowReader
    """Reads rows of the target."""
    writers: Mapping[str, Step]
    """By column of the target how a value is written into it."""
    dialect: str
    key_steps: Sequence[Step]
    key_at: Sequence[int] = ()
    """Where the key stands among `columns`."""
    order_at: Sequence[int] = ()

    def keyed(self, values: Sequence[Any]) -> Key:
        """A row's key as it is remembered and compared, from the database's own values."""
        return tuple(step(value) for step, value in zip(self.key_steps, values, strict=True))

    @property
    def target(self) -> AnyTable:
        """The table whose columns an answer sets."""
        return self.source if self.result is None else self.result

    def column(self, name: str, setting: str) -> Column[Any]:
        """A column of the source. Raises Missing."""
        return column_of(self.source, name, f"{self.where}.{setting}")


def reflect(where: str, settings: TableSettings, engine: Engine, timezone: str | None, typed: bool = False) -> Layout:
    """The layout of a table as the database has it now; `typed` keeps the types that SQLite only claims to have.

    Raises Missing with every problem, DatabaseDown."""
    zone = ZoneInfo(timezone) if timezone else None
    with translated(), engine.connect() as connection:
        metadata = MetaData()
        source = found(connection, metadata, settings.table, f"{where}.table")
        name = settings.find.result.table if settings.find.result else settings.answer.table
        result = found(connection, metadata, name, f"{where}.answer.table") if name else None
    key = [column_of(source, name, f"{where}.key") for name in settings.key] or list(source.primary_key)
    if not key:
        raise Missing(f"{where}.key: {settings.table} has no primary key; name the columns that identify a row")
    read = [column_of(source, name, f"{where}.columns") for name in settings.columns] or list(source.c)
    filters = [
        test for name, one in settings.where.items()
        for test in tests(column_of(source, name, f"{where}.where"), one)
    ]  # fmt: skip
    dialect = name_of(engine.dialect)
    order = [column_of(source, name, f"{where}.order") for name in settings.order]
    target = source if result is None else result
    columns = [*read, *(one for one in [*key, *order] if one not in read)]
    layout = Layout(
        where, settings, source, key, [*order, *(one for one in key if one not in order)],
        columns, filters, result,
        _result_key(where, settings, key, result), row_reader(columns, zone, dialect),
        row_reader(list(target.c), zone, dialect),
        {str.__str__(one.name): writer(one, zone, dialect) for one in target.c},
        dialect, [key_step(one, dialect) for one in key],
    )  # fmt: skip
    layout.key_at = [layout.columns.index(one) for one in key]
    layout.order_at = [layout.columns.index(one) for one in layout.order]
    _check(layout)
    _check_order(layout)
    if layout.dialect == "sqlite" and not typed:
        _untyped(source, *([result] if result is not None else []))
    return layout


def found(connection: Connection, metadata: MetaData, name: str, where: str) -> AnyTable:
    """A table or view of the catalogue. Raises Missing."""
    schema, _, bare = name.rpartition(".")
    try:
        return Table(bare, metadata, schema=schema or None, autoload_with=connection, resolve_fks=False)
    except exc.NoSuchTableError:
        inspector = inspect(connection)
        there = sorted([*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)])
        listed = f"; there are: {', '.join(there[:20])}" if there else ""
        raise Missing(f"{where}: the database has no table or view {name!r} for this user{listed}") from None


def column_of(table: AnyTable, name: str, where: str) -> Column[Any]:
    """A column of a table. Raises Missing."""
    if name not in table.c:
        raise Missing(f"{where}: {table.fullname} has no column {name!r}; it has: {', '.join(table.c.keys())}")
    return table.c[name]


def tests(column: Column[Any], one: Filter) -> list[ColumnElement[bool]]:
    """The conditions of a filter, their values bound."""
    made: list[ColumnElement[bool]] = []
    if one.equals is not None:
        made.append(column == one.equals)
    if one.is_in is not None:
        made.append(column.in_(one.is_in))
    if one.without is not None:
        made.append(column.not_in(one.without))
    if one.above is not None:
        made.append(column > one.above)
    if one.below is not None:
        made.append(column < one.below)
    if one.missing is not None:
        made.append(column.is_(null()) if one.missing else column.is_not(null()))
    return made


def _result_key(where: str, settings: TableSettings, key: Columns, result: AnyTable | None) -> Columns:
    if result is None:
        return ()
    names: Mapping[str, str] = (settings.find.result.key if settings.find.result else {}) or settings.answer.key
    if alien := names.keys() - {one.name for one in key}:
        raise Missing(f"{where}.answer.key: {', '.join(sorted(alien))} is not in the key")
    return [column_of(result, names.get(one.name, one.name), f"{where}.answer.key") for one in key]


def _check(layout: Layout) -> None:
    """Sees that every other column that the settings name is there."""
    settings = layout.settings
    named = {
        "find.status.column": settings.find.status and settings.find.status.column,
        "find.watermark.column": settings.find.watermark and settings.find.watermark.column,
        "answered.column": None if layout.result is not None or not settings.answered else settings.answered.column,
        "as_of": settings.as_of,
    }
    for setting, name in named.items():
        if name:
            layout.column(name, setting)
    for name in settings.answer.constants:
        column_of(layout.target, name, f"{layout.where}.answer.constants")
    if settings.claim.columns:
        for name in settings.claim.columns.model_dump().values():
            layout.column(name, "claim.columns")
    if settings.refusal:
        for name in filter(None, (settings.refusal.code, settings.refusal.message)):
            column_of(layout.target, name, f"{layout.where}.refusal")
    for name in (*settings.formats, *settings.lists):
        if name not in layout.source.c and name not in layout.target.c:
            column_of(layout.source, name, f"{layout.where}.formats")


def _check_order(layout: Layout) -> None:
    """Sees that reading on behind a row passes over none: what is NULL comes neither before nor after another value."""
    for name in layout.settings.order:
        kept = layout.settings.where.get(name)
        if layout.source.c[name].nullable and not (kept and kept.missing is False):
            raise Missing(
                f"{layout.where}.order: {name} may be NULL, and such rows would be passed over; name a column that is"
                f" NOT NULL, or say `where: {{{name}: {{missing: false}}}}` where no row has NULL there"
            )


def _untyped(*tables: AnyTable) -> None:
    """Leaves SQLite's values as they are stored: it has no decimals and no dates to convert."""
    for table in tables:
        for column in table.c:
            if isinstance(column.type, types.Numeric | types.DateTime | types.Date | types.Time):
                column.type = types.NullType()


def side_name(settings: TableSettings) -> tuple[str | None, str]:
    """Schema and name of a table's side table."""
    schema, _, name = side_table(settings).rpartition(".")
    return schema or None, name
