"""Rows that come one at a time: on PostgreSQL the answer of one and the look for the next are one statement.

The statement is a transaction of its own, so no lock outlives it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, and_, bindparam, func, literal, not_, select, true

from adapters.database.answers import Place
from adapters.database.claims import Claims
from adapters.database.engine import driving
from adapters.database.find import Finder
from adapters.database.layout import Key
from adapters.database.prepared import Prepared
from gateway.contract import Payload


class Singles:
    """Answers of one table's rows, one at a time."""

    def __init__(self, engine: Engine, finder: Finder, place: Place, claims: Claims, ordered: bool) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._finder, self._place, self._claims, self._ordered = finder, place, claims, ordered
        self._prepared: dict[tuple[tuple[str, ...], int], Prepared] = {}

    def answer(self, key: Key, answer: Payload, limit: int) -> tuple[bool, Sequence[Sequence[Any]]]:
        """Writes one answer unless the row is claimed, locked or no longer waits; whether it did, and at most `limit`
        rows that wait. Raises RowRefused, DatabaseDown."""
        names, given = self._place.single(key, answer)
        if (prepared := self._prepared.get((names, limit))) is None:
            prepared = self._prepared[names, limit] = Prepared(
                self._statement(names, limit), self._engine.dialect, given
            )
        with driving(self._engine) as connection:
            rows = prepared.run(connection, given)
        return bool(rows[0][0]), [row[1:] for row in rows if row[-1]]

    def _statement(self, names: tuple[str, ...], limit: int) -> Any:
        layout, free = self._finder.layout, self._claims.free()
        written = (
            self._place.write_one(names, self._claims.untouched()).returning(literal(1).label("one")).cte("written")
        )
        other = not_(and_(*(one == bindparam(f"k{at}", type_=one.type) for at, one in enumerate(layout.key))))
        waiting = self._finder.page([*self._finder.ours(), free, other], limit, ordered=self._ordered)
        more = waiting.add_columns(true().label("us_there")).subquery("more")
        count = select(func.count().label("us_written")).select_from(written).subquery("count")
        return select(count, more).select_from(count.outerjoin(more, true()))
