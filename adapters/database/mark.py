"""How far nothing can appear any more in a table that grows: what is below need not be looked at again and again."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, text, types

from adapters.database.config import Watermark
from adapters.database.layout import Layout


@dataclass(slots=True)
class Mark:
    """The watermark of one table, for one reader that reads on page by page, in passes.

    What was the highest value at some moment becomes the mark once every transaction of that moment has ended (on
    PostgreSQL when the oldest that runs began later, by pg_snapshot_xmin, elsewhere after `overlap`) and a whole pass
    that began after that has read all below. All above the mark is read again in each pass. A number is taken before
    its transaction has one itself, so `reconcile` has everything since `from` read, now and then."""

    layout: Layout
    settings: Watermark
    low: Any = None
    _start: Any = None
    _highs: deque[tuple[Any, int, float]] = field(default_factory=deque)
    """Highest values, when by the server's transactions, and when by the clock."""
    _reconciled: float = float("-inf")
    whole: bool = True
    """Whether this pass begins at the beginning."""
    _passing: bool = False
    _settled: Any = None
    """What becomes the mark at the end of this pass."""

    @property
    def column(self) -> Any:
        """What grows."""
        return self.layout.source.c[self.settings.column]

    def conditions(self) -> Sequence[ColumnElement[bool]]:
        """The rows that may be new."""
        low = self._start if self.whole else self.low
        return [] if low is None else [self.column >= low]

    def begin(self, connection: Connection) -> None:
        """Finds out where to start."""
        if self._reconciled > float("-inf"):
            return
        if self.settings.start == "now":
            self._start = connection.execute(select(func.max(self.column))).scalar()
        elif self.settings.start != "beginning":
            self._start = self._parsed(self.settings.start)
        self.low, self._reconciled = self._start, time.monotonic()

    def again(self) -> None:
        """Has the next pass read everything."""
        self.whole = True

    def _parsed(self, start: Any) -> Any:
        if isinstance(self.column.type, types.DateTime) and isinstance(start, str):
            return datetime.fromisoformat(start)
        return start

    def look(self, connection: Connection, first: bool) -> None:
        """Before a page is read; `first` where a pass begins with it."""
        self.begin(connection)
        if not first:
            return
        self._passing = True
        self.whole |= time.monotonic() - self._reconciled >= self.settings.reconcile
        ended, begun = self._horizon(connection)
        while self._highs and self._highs[0][1] <= ended:
            self._settled = self._highs.popleft()[0]
        if not self._highs or time.monotonic() - self._highs[-1][2] > self.settings.overlap / 100:
            high = connection.execute(select(func.max(self.column))).scalar()
            if high is not None:
                self._highs.append((high, begun, time.monotonic()))

    def looked(self, more: bool) -> None:
        """After a page: without more the pass has ended."""
        if more or not self._passing:
            return
        self._passing = False
        if self.whole:
            self.whole, self._reconciled = False, time.monotonic()
        if self._settled is not None:
            self.low, self._settled = self._settled, None

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
