"""Which rows a poller claims next: any that wait, or, where answered rows stay in the way, those not passed yet.

Rows that a status column tells apart are found by its index. Who looks for rows that a result table lacks, or that have
no claim, would read past all that were ever answered, at each look. So it reads on, in passes: from a mark below which
nothing is left, each page behind the one before.
"""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, select, types

from adapters.database.claims import Claims
from adapters.database.config import Watermark
from adapters.database.dialect import row_by_row
from adapters.database.find import Finder, Position, position
from adapters.database.mark import Mark
from adapters.database.side import SideTable

LAPSED = 1.0
"""Seconds between two looks for claims that have lapsed: rows to be tried again, and those of whoever was killed."""
Rows = Sequence[Row[Any]]


class Choosing:
    """One poller's choice."""

    def __init__(self, finder: Finder, claims: Claims, reconcile: float) -> None:
        """`reconcile` in seconds: how often all is looked at, where no watermark is configured that says it."""
        self._finder, self._claims = finder, claims
        self._ordered = bool(finder.layout.settings.order)
        self._mark = finder.mark or self._own(reconcile)
        self._after: Position | None = None
        self._selects: dict[int, Select[Any]] = {}
        self._lapsed = float("-inf")

    def _own(self, reconcile: float) -> Mark | None:
        """A mark where none is configured and rows are in an order that grows."""
        layout = self._finder.layout
        if (
            layout.result is None
            or not isinstance(self._claims, SideTable)
            or not (self._ordered or _grows(layout.order[0]))
        ):
            return None
        every = Watermark.model_validate({"column": layout.order[0].name, "from": "beginning"})
        return Mark(layout, every.model_copy(update={"reconcile": reconcile}))

    def peek(self, connection: Connection, limit: int) -> Rows:
        """At most so many rows that could be claimed."""
        rows = self._back(connection, limit) or self._page(connection, limit)
        if not rows:
            self._passed(rows, more=False)
        return rows

    def take(self, connection: Connection, limit: int) -> Rows:
        """At most so many rows to be claimed now: the next look reads on behind them."""
        if not (rows := self._back(connection, limit)):
            rows = self._page(connection, limit)
            self._passed(rows, more=len(rows) == limit)
        return rows

    def again(self) -> None:
        """Has everything looked at anew: rows were given back as if they had never been claimed."""
        self._after = None
        if self._mark:
            self._mark.again()

    def _page(self, connection: Connection, limit: int) -> Rows:
        finder, mark = self._finder, self._mark
        if mark is None:
            if limit not in self._selects:  # made once: making it costs more than running it
                ours = [*finder.ours(), self._claims.free()]
                self._selects[limit] = finder.page(ours, limit, ordered=self._ordered)
            return connection.execute(self._selects[limit]).all()
        mark.look(connection, self._after is None)
        if self._after is not None or not mark.whole:
            row_by_row(connection, finder.layout.dialect)
        conditions = [*finder.unanswered(), *mark.conditions(), self._claims.free()]
        return connection.execute(finder.page(conditions, limit, self._after)).all()

    def _passed(self, rows: Rows, more: bool) -> None:
        if self._mark:
            self._mark.looked(more)
            self._after = position(self._finder.layout, rows[-1]) if more else None

    def _back(self, connection: Connection, limit: int) -> Rows:
        """Rows with a claim that has lapsed, wherever they are."""
        if self._mark is None or not isinstance(self._claims, SideTable):
            return ()
        if time.monotonic() - self._lapsed < LAPSED:
            return ()
        meant = [*self._finder.unanswered(), self._claims.lapsed()]
        there: Select[Any] = select(*self._finder.layout.columns).where(*meant).limit(limit)
        rows = connection.execute(there).all()
        if not rows:
            self._lapsed = time.monotonic()
        return rows


def _grows(column: Column[Any]) -> bool:
    return isinstance(column.type, types.Integer | types.DateTime | types.Date)
