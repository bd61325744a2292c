"""How work is found: which rows wait, which may still be answered, and what the incumbent has answered.

By a status column, by a result table that lacks the key, or by a watermark on a table that only grows.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, literal, literal_column, or_, select, tuple_

from adapters.database.layout import Key, Layout
from adapters.database.mark import Mark

Position = tuple[Any, ...]
"""The order columns of a row: where a scan goes on."""


class Finder:
    """The conditions of one table."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.status = layout.settings.find.status
        self.mark = Mark(layout, layout.settings.find.watermark) if layout.settings.find.watermark else None

    def waiting(self) -> Sequence[ColumnElement[bool]]:
        """The rows that wait for an answer, whoever gives it."""
        return [*self.unanswered(), *(self.mark.conditions() if self.mark else ())]

    def unanswered(self) -> Sequence[ColumnElement[bool]]:
        """The same, also of those below the mark."""
        found = list(self.layout.filters)
        if self.status:
            found.append(self._state().in_(self.status.new))
        if self.layout.result is not None:
            found.append(~self.resulted())
        return found

    def ours(self) -> Sequence[ColumnElement[bool]]:
        """The rows that we may claim: those that wait, and those marked as ours by somebody who was killed."""
        if not self.status or self.status.claimed is None:
            return self.waiting()
        return [*self.layout.filters, self._state().in_([*self.status.new, self.status.claimed])]

    def open(self) -> Sequence[ColumnElement[bool]]:
        """The rows that may still be given an answer, seen from the moment of writing it."""
        if not self.status:
            return []
        column, values = self.states()
        return [column.in_(values)]

    def states(self) -> tuple[Any, Sequence[str | int]]:
        """The status column, and its values while a row may still be given an answer."""
        assert self.status is not None  # noqa: S101 - asked for only then
        ours = [self.status.claimed] if self.status.claimed is not None else self.status.new
        return self._state(), ours

    def resulted(self) -> ColumnElement[bool]:
        """Whether the result table has the row's key."""
        result = self.layout.result
        assert result is not None  # noqa: S101 - asked for only then
        same = and_(*(a == b for a, b in zip(self.layout.result_key, self.layout.key, strict=True)))
        return exists(select(literal_column("1")).select_from(result).where(same))

    def page(self, conditions: Sequence[ColumnElement[bool]], limit: int, after: Position | None = None,
             ordered: bool = True) -> Select[Any]:  # fmt: skip
        """At most `limit` rows, in the table's order behind a position, or in whatever order costs least."""
        layout = self.layout
        chosen = select(*layout.columns).where(*conditions).limit(limit)
        if after is not None:
            chosen = chosen.where(beyond(layout.order, after, layout.dialect))
        return chosen.order_by(*layout.order) if ordered else chosen

    def _state(self) -> Any:
        assert self.status is not None  # noqa: S101 - asked for only then
        return self.layout.source.c[self.status.column]


def beyond(columns: Sequence[Any], position: Position, dialect: str) -> ColumnElement[bool]:
    """Whether a row comes after a position in the order of these columns."""
    if len(columns) == 1:
        return bool_(columns[0] > position[0])
    if dialect in ("postgresql", "mysql", "mariadb", "sqlite"):
        bound = [literal(value, one.type) for one, value in zip(columns, position, strict=True)]
        return bool_(tuple_(*columns) > tuple_(*bound))
    steps = [and_(*(columns[at] == position[at] for at in range(to)), columns[to] > position[to])
             for to in range(len(columns))]  # fmt: skip
    return or_(*steps)


def bool_(condition: Any) -> ColumnElement[bool]:
    """The condition, as its type is."""
    made: ColumnElement[bool] = condition
    return made


def position(layout: Layout, row: Sequence[Any]) -> Position:
    """Where a row stands in the table's order."""
    return tuple([row[at] for at in layout.order_at])


def key_of(layout: Layout, row: Sequence[Any]) -> Key:
    """A row's key."""
    return layout.keyed([row[at] for at in layout.key_at])
