"""How work is found: which rows wait, which may still be answered, and what the incumbent has answered.

By a status column, by a result table that lacks the key, or by a watermark on a table that only grows.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    types,
)

from adapters.database.config import Watermark
from adapters.database.layout import Key, Layout

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
        found = list(self.layout.filters)
        if self.status:
            found.append(self._state().in_(self.status.new))
        if self.layout.result is not None:
            found.append(~self.resulted())
        if self.mark:
            found += self.mark.conditions()
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


@dataclass(slots=True)
class Mark:
    """The watermark of an append-only table: how far nothing can appear any more.

    What was the highest value at some moment becomes the mark once every transaction of that moment has ended: on
    PostgreSQL when the oldest that runs began later (pg_snapshot_xmin), elsewhere after `overlap`. All above the mark
    is read again at each look, and what was answered is told apart by our claims. A number is taken before its
    transaction has one itself, so `reconcile` looks at everything since `from`, now and then."""

    layout: Layout
    settings: Watermark
    low: Any = None
    _highs: deque[tuple[Any, int, float]] = field(default_factory=deque)
    _reconciled: float = float("-inf")
    _whole: bool = True

    @property
    def column(self) -> Any:
        """What grows."""
        return self.layout.source.c[self.settings.column]

    def conditions(self) -> Sequence[ColumnElement[bool]]:
        """The rows that may be new."""
        low = self._start if self._whole else self.low
        return [] if low is None else [self.column >= low]

    _start: Any = None

    def begin(self, connection: Connection) -> None:
        """Finds out where to start."""
        if self._reconciled > float("-inf"):
            return
        if self.settings.start == "now":
            self._start = connection.execute(select(func.max(self.column))).scalar()
        elif self.settings.start != "beginning":
            self._start = self._parsed(self.settings.start)
        self.low, self._reconciled = self._start, time.monotonic()

    def _parsed(self, start: Any) -> Any:
        if isinstance(self.column.type, types.DateTime) and isinstance(start, str):
            return datetime.fromisoformat(start)
        return start

    def look(self, connection: Connection) -> None:
        """Before a look: moves the mark as far as is safe, and says whether this look is a whole one."""
        self.begin(connection)
        if self._whole:
            return
        self._whole = time.monotonic() - self._reconciled >= self.settings.reconcile
        ended, begun = self._horizon(connection)
        while self._highs and self._highs[0][1] <= ended:
            self.low = self._highs.popleft()[0]
        if not self._highs or time.monotonic() - self._highs[-1][2] > self.settings.overlap / 100:
            high = connection.execute(select(func.max(self.column))).scalar()
            if high is not None:
                self._highs.append((high, begun, time.monotonic()))

    def looked(self, more: bool) -> None:
        """After a look: a whole one has ended unless there is more."""
        if self._whole and not more:
            self._whole, self._reconciled = False, time.monotonic()

    def _horizon(self, connection: Connection) -> tuple[int, int]:
        """Until which moment all transactions have ended, and which moment it is now."""
        if self.layout.dialect == "postgresql":
            row = connection.execute(
                text("SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint"
                     " FROM pg_current_snapshot() AS s")
            ).one()  # fmt: skip
            return int(row[0]), int(row[1])
        now = time.monotonic()
        return int((now - self.settings.overlap) * 1000), int(now * 1000)


def position(layout: Layout, row: Sequence[Any]) -> Position:
    """Where a row stands in the table's order."""
    return tuple([row[at] for at in layout.order_at])


def key_of(layout: Layout, row: Sequence[Any]) -> Key:
    """A row's key."""
    return layout.keyed([row[at] for at in layout.key_at])
