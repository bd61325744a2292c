"""Taking an adapter out of a legacy database again, and what it keeps of rows that nobody could answer."""

import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, func, inspect, select, update
from sqlalchemy.schema import DropTable

from adapters.database.calls import locator
from adapters.database.claims import ERROR, RUN, WAIT
from adapters.database.config import TableSettings, side_table
from adapters.database.desk import Desk
from adapters.database.dialect import among, now
from adapters.database.engine import DatabaseDown, reading, writing
from adapters.database.erasing import erased
from adapters.database.layout import Key, side_name
from adapters.database.rows import RowCodec, encode
from adapters.database.side import SideTable
from gateway.capabilities import About, DeadLetter, Erased
from gateway.contract import Unfinished

LOOK = 0.2
"""Seconds between two looks at what is under way."""


class Estate:
    """What one table's operation has put into the legacy database."""

    def __init__(
        self, operation: str, where: str, settings: TableSettings, engine: Engine, timezone: str | None
    ) -> None:
        """Connects. Raises ConfigError, DatabaseDown."""
        self._operation = operation
        self._settings = settings
        self._engine = engine
        self.desk = Desk(where, settings, engine, timezone)

    def leave(self, patience: float) -> str:
        """Gives back what is claimed and drops the side table; says what was done. Raises Unfinished."""
        if self._settings.claim.columns:
            return self._clear()
        schema, name = side_name(self._settings)
        if not inspect(self._engine).has_table(name, schema=schema):
            return f"{self._operation}: there is no side table {name}; nothing to do"
        side = self._side()
        self._wait(side, patience)
        with writing(self._engine) as connection:
            ours = select(*side.key).where(side.table.c.us_state.in_((RUN, WAIT)))
            keys = [self.desk.layout.keyed(row) for row in connection.execute(ours)]
            busy = self.desk.place.release(connection, keys)
        if busy:
            raise Unfinished(f"{self._operation}: somebody has {len(busy)} claimed rows locked; try again")
        try:
            with writing(self._engine) as connection:
                connection.execute(DropTable(side.table))
        except DatabaseDown as error:
            raise Unfinished(
                f"{side_table(self._settings)} cannot be dropped, perhaps for the batch's view: {error}"
            ) from error
        if inspect(self._engine).has_table(name, schema=schema):
            raise Unfinished(f"{side_table(self._settings)} is still there although it was dropped")
        return f"{self._operation}: gave back {len(keys)} claimed rows and dropped {side_table(self._settings)}"

    def _clear(self) -> str:
        """Empties the claim's columns; they are the operator's own."""
        columns = self._settings.claim.columns
        assert columns is not None  # noqa: S101 - asked by leave()
        table = self.desk.layout.source
        token = table.c[columns.token]
        with writing(self._engine) as connection:
            values = {columns.token: None, columns.until: None}
            cleared = connection.execute(update(table).where(token.is_not(None)).values(values)).rowcount
        return f"{self._operation}: gave back {cleared} claimed rows"

    def _wait(self, side: SideTable, patience: float) -> None:
        """Returns when no lease runs any more. Raises Unfinished."""
        deadline = time.monotonic() + patience
        running = (side.table.c.us_state == RUN) & (side.table.c.us_lease >= now(self.desk.layout.dialect))
        while True:
            with reading(self._engine) as connection:
                count = connection.execute(select(func.count()).select_from(side.table).where(running)).scalar()
            if not count:
                return
            if time.monotonic() >= deadline:
                raise Unfinished(f"{self._operation}: {count} rows are being worked on; stop the other gateway first")
            time.sleep(LOOK)

    def dead(self, limit: int) -> tuple[int, Sequence[DeadLetter]]:
        """How many rows were given up, and the oldest of them with the row as it is now."""
        side = self._side()
        lost = side.table.c.us_state == ERROR
        columns = self._told(side)
        with reading(self._engine) as connection:
            count = connection.execute(select(func.count()).select_from(side.table).where(lost)).scalar() or 0
            oldest = select(*side.key, *columns).where(lost).order_by(side.table.c.us_since).limit(limit)
            rows = connection.execute(oldest).all()
        keys = [self.desk.layout.keyed(row[:-3]) for row in rows]
        now_there = {one.key: one.row for one in self.desk.rows(keys)}
        return count, [self._letter(key, row, now_there.get(key, {})) for key, row in zip(keys, rows, strict=True)]

    @staticmethod
    def _told(side: SideTable) -> Sequence[Any]:
        return (side.table.c.us_error, side.table.c.us_since, side.table.c.us_attempts)

    def _letter(self, key: Key, row: Any, values: Any) -> DeadLetter:
        since = datetime.fromtimestamp(row.us_since / 1000, UTC)
        properties = {"attempts": str(row.us_attempts)}
        return DeadLetter(self._name(key), self._operation, row.us_error or "", since, properties, encode(values))

    def _name(self, key: Key) -> str:
        return f"{self._operation}/{locator(key)}"

    def resubmit(self, ids: Collection[str] | None) -> Sequence[DeadLetter]:
        """Has rows that were given up tried again, as if for the first time; returns those, without what is in them."""
        side = self._side()
        with writing(self._engine) as connection:
            lost = select(*side.key, *self._told(side)).where(side.table.c.us_state == ERROR)
            letters = {(key := self.desk.layout.keyed(row[:-3])): self._letter(key, row, {})
                       for row in connection.execute(lost)}  # fmt: skip
            keys = [key for key, letter in letters.items() if ids is None or letter.id in ids]
            busy = self.desk.place.reopen(connection, keys)
            keys = [key for key in keys if key not in busy]
            for at in range(0, len(keys), 500):
                some = among(side.key, keys[at : at + 500], self.desk.layout.dialect)
                connection.execute(update(side.table).where(some).values(us_state=WAIT, us_lease=0, us_attempts=0))
        return [letters[key] for key in keys]

    def erase(self, codec: RowCodec, about: About) -> Erased:
        """Removes a person's claims; in columns of the row there is nothing but a token. Raises DatabaseDown."""
        schema, name = side_name(self._settings)
        if self._settings.claim.columns or not inspect(self._engine).has_table(name, schema=schema):
            return Erased(())
        return erased(self._operation, self.desk, self._side(), codec, about)

    def _side(self) -> SideTable:
        claims = self.desk.ready()
        if not isinstance(claims, SideTable):
            raise Unfinished(f"{self._operation}: claims in columns of the row keep no rows that were given up")
        return claims
