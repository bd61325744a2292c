"""`read: answered`: rows are read only once the batch has answered them, in the order of their answers."""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select, types

from adapters.database.calls import Calls
from adapters.database.desk import Desk
from adapters.database.engine import reading
from adapters.database.find import beyond, key_of
from adapters.database.layout import Key, column_of
from adapters.database.rows import RowRaw
from adapters.database.work import Seen
from gateway.contract import Gateway, Relayed

REMEMBERED = 100_000


class Hindsight:
    """One table's answered rows. Those with the highest value so far are read again: others may yet get the same.

    A transaction may commit after one with a later value: now and then all since the look before last is read anew."""

    def __init__(self, desk: Desk, calls: Calls, reconcile: float) -> None:
        """`reconcile` is the seconds between two such looks. Raises Missing."""
        settings = desk.layout.settings.answered
        assert settings is not None  # noqa: S101 - the settings see to that
        self._desk = desk
        self._calls = calls
        self._settings = settings
        self._column = column_of(desk.layout.target, settings.column, f"{desk.layout.where}.answered.column")
        self._low: Any = None
        self._reconcile = reconcile
        self._reconciled = time.monotonic()
        self._before: Any = None
        self._after: Any = None
        self._seen: dict[Key, None] = {}

    def page(self, limit: int) -> Sequence[Seen]:
        """Rows answered since the last look, as far as they have not been seen. Blocks."""
        with reading(self._desk.engine) as connection:
            if self._low is None:
                self._low = self._begin(connection.execute(select(func.max(self._column))).scalar())
            if self._after is None and time.monotonic() - self._reconciled >= self._reconcile:
                high, self._low = self._low, self._low if self._before is None else self._before
                self._before, self._reconciled = high, time.monotonic()
            rows = connection.execute(self._answered(limit)).all()
            if rows:
                # A page full of one moment would come again for ever: then we go on behind it, by the key.
                self._after = rows[-1] if len(rows) == limit else None
                self._low = max(self._low, *(row[-1] for row in rows)) if self._low is not None else rows[-1][-1]
        found = [Seen(key_of(self._desk.layout, row), (), self._desk.layout.read(row)) for row in rows]
        return [one for one in found if one.key not in self._seen]

    def _begin(self, highest: Any) -> Any:
        """The value to begin at: so far before the highest as the settings say."""
        if highest is None:
            return None
        back = self._settings.back
        if isinstance(self._column.type, types.DateTime) or hasattr(highest, "year"):
            return highest - timedelta(seconds=back)
        return highest if isinstance(highest, str) else highest - type(highest)(back)

    def _answered(self, limit: int) -> Select[Any]:
        layout = self._desk.layout
        conditions: list[ColumnElement[bool]] = list(layout.filters)
        if layout.result is not None:
            conditions.append(and_(*(a == b for a, b in zip(layout.result_key, layout.key, strict=True))))
        status = self._desk.finder.status
        if status:
            conditions.append(layout.source.c[status.column].in_(status.done))
        if self._low is not None:
            conditions.append(self._column >= self._low)
        if self._after is not None:
            place = (self._after[-1], *(self._after._mapping[one] for one in layout.key))
            conditions.append(beyond([self._column, *layout.key], place, layout.dialect))
        chosen = select(*layout.columns, self._column.label("understudy_answered")).where(*conditions)
        return chosen.order_by(self._column, *layout.key).limit(limit)

    async def tell(self, gateway: Gateway, rows: Sequence[Seen], replies: Mapping[Key, RowRaw]) -> int:
        """Has each row witnessed, and its answer with it; returns how many."""
        for row in rows:
            if row.key in replies:
                call = self._calls.call(row)
                await gateway.witness(call, None)
                await gateway.witness(call, Relayed(replies[row.key]))
                self._seen[row.key] = None
                if len(self._seen) > REMEMBERED:
                    self._seen.pop(next(iter(self._seen)))
        return len(rows)
