"""A statement rendered once and run as the driver takes it: SQLAlchemy's part of a run costs more than the driver's.

Values are bound and results converted as the statement's types say, so it gives what SQLAlchemy would.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, Dialect, SelectBase, UpdateBase

Processors = Sequence[tuple[int, Callable[[Any], Any]]]
Row = Sequence[Any]
First = tuple[str, Sequence[Any]]
"""A statement in the driver's own spelling, and its values."""


class Prepared:
    """One statement that gives rows, for drivers whose parameters have names."""

    def __init__(self, statement: SelectBase | UpdateBase, dialect: Dialect, names: Collection[str]) -> None:
        """`names` are the parameters that each run is given."""
        compiled = statement.compile(dialect=dialect)
        state = compiled.construct_expanded_state(dict.fromkeys(names))
        self.text = state.statement
        self._order = state.positiontup or ()
        processors = {name: one.type.dialect_impl(dialect).bind_processor(dialect)
                      for name, one in compiled.binds.items()} | dict(state.processors)  # fmt: skip
        self._binds = {name: processor for name, processor in processors.items() if callable(processor)}
        self._constants = self._bound({name: one for name, one in state.parameters.items() if name not in names})
        self._dialect = dialect
        self._types = [column.type for column in statement.exported_columns]
        self._results: Processors | None = None

    def run(self, connection: Connection, given: Mapping[str, Any], first: First | None = None) -> Sequence[Row]:
        """All rows. On psycopg a statement may go first, in the same message and transaction.

        Raises the driver's own errors, after which the connection is of no use."""
        values = {**self._constants, **self._bound(given)}
        with closing(connection.connection.cursor()) as cursor:
            if first is None:
                cursor.execute(self.text, values)
            else:
                driver: Any = connection.connection.driver_connection
                with driver.pipeline() as pipeline:
                    driver.execute(*first)
                    cursor.execute(self.text, values)
                    pipeline.sync()  # ends the transaction: the server is not to wait for us to read what it says
            rows: Sequence[Row] = cursor.fetchall()
            if self._results is None:
                self._results = self._processors(cursor.description)
        return [_converted(row, self._results) for row in rows] if self._results else rows

    def ordered(self, given: Mapping[str, Any]) -> Sequence[Any]:
        """The values that the driver is given, in order: for a dialect whose parameters have numbers."""
        values = {**self._constants, **self._bound(given)}
        return [values[name] for name in self._order]

    def _bound(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._binds.keys().isdisjoint(values):
            return values
        return {name: self._binds[name](one) if name in self._binds else one for name, one in values.items()}

    def _processors(self, described: Sequence[Row]) -> Processors:
        """By column what converts it; the driver's own type of a column is known once it has given one."""
        found = [(at, kind.dialect_impl(self._dialect).result_processor(self._dialect, described[at][1]))
                 for at, kind in enumerate(self._types)]  # fmt: skip
        return [(at, processor) for at, processor in found if processor is not None]


def _converted(row: Row, processors: Processors) -> Row:
    changed = list(row)
    for at, processor in processors:
        changed[at] = processor(changed[at])
    return changed
