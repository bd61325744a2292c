"""What a poller does in the database, a transaction each: look, claim, renew. How claims end is in endings.py.

Runs in the poller's own thread. No transaction outlives a method, so no lock is held while a model works.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, func, select

from adapters.database.answers import Answers, Place
from adapters.database.batches import Batches
from adapters.database.choosing import Choosing
from adapters.database.claims import Claims
from adapters.database.config import RECONCILE, TableSettings, side_table
from adapters.database.dialect import among, chunk, row_by_row
from adapters.database.engine import reading, writing
from adapters.database.find import Finder, Position, key_of, position
from adapters.database.layout import Key, Layout, Missing, found, reflect
from adapters.database.row_columns import RowColumns
from adapters.database.rows import FAILED, RowRaw
from adapters.database.side import SideTable, check_side
from adapters.database.single import Line, Run, Threaded
from adapters.database.work import Seen, Taken


class Desk:
    """One table of one legacy database, checked against its catalogue."""

    def __init__(
        self, where: str, settings: TableSettings, engine: Engine, timezone: str | None, reconcile: float = RECONCILE
    ) -> None:  # fmt: skip
        """Connects. `reconcile` in seconds: how often rows are looked for that come behind others by key.

        Raises Missing, ConfigError, DatabaseDown."""
        self._reconcile = reconcile
        self.engine = engine
        self.layout: Layout = reflect(where, settings, engine, timezone)
        self.finder = Finder(self.layout)
        self.place = Place(self.finder)
        self._settings = settings
        self._claims: Claims | None = None
        self._choice: Choosing | None = None
        self._lines: Callable[[Run], Line] | None = None
        self._batches: Batches | None = None

    def ready(self) -> Claims:
        """The claims; looked for when first needed, since who only reads needs none. Raises Missing, ConfigError."""
        if self._claims is None:
            columns = self._settings.claim.columns
            self._claims = RowColumns(self.layout, self.engine.dialect) if columns else self._side()
        return self._claims

    def _side(self) -> SideTable:
        name = side_table(self._settings)
        with reading(self.engine) as connection:
            try:
                table = found(connection, MetaData(), name, f"{self.layout.where}.claim.table")
            except Missing as error:
                hint = "`understudy init --db` prints the statement that makes it"
                raise Missing(*(f"{problem}; {hint}" for problem in error.problems)) from None
        check_side(self.layout, table)
        return SideTable(self.layout, table)

    # Looking.

    def page(self, after: Position | None, limit: int) -> list[Seen]:
        """The rows that wait for whoever answers, in order, behind a position. Changes and locks nothing."""
        with reading(self.engine) as connection:
            if self.finder.mark:
                self.finder.mark.look(connection, after is None)
            if after is not None and self.layout.result is not None:
                row_by_row(connection, self.layout.dialect)
            rows = connection.execute(self.finder.page(self.finder.ours(), limit, after)).all()
        if self.finder.mark:
            self.finder.mark.looked(len(rows) == limit)
        return [self.seen(row) for row in rows]

    def rows(self, keys: Sequence[Key]) -> list[Seen]:
        """These rows as they are now, those that are there."""
        layout, found = self.layout, list[Seen]()
        with reading(self.engine) as connection:
            for part in self._parts(keys):
                there = select(*layout.columns).where(among(layout.key, part, layout.dialect))
                found += [self.seen(row) for row in connection.execute(there)]
        return found

    def replies(self, keys: Sequence[Key]) -> tuple[Mapping[Key, RowRaw], set[Key]]:
        """What the incumbent has answered of these rows, and those that are gone."""
        layout = self.layout
        answered: dict[Key, RowRaw] = {}
        there: set[Key] = set()
        with reading(self.engine) as connection:
            for part in self._parts(keys):
                rows = connection.execute(select(*layout.columns).where(among(layout.key, part, layout.dialect)))
                for row in rows:
                    there.add(key_of(layout, row))
                    if layout.result is None and (reply := self._reply(row)):
                        answered[key_of(layout, row)] = reply
                if layout.result is not None:
                    answered |= self._results(connection, part)
        return answered, set(keys) - there

    def _results(self, connection: Connection, keys: Sequence[Key]) -> Mapping[Key, RowRaw]:
        layout = self.layout
        assert layout.result is not None  # noqa: S101 - asked for only then
        rows = connection.execute(select(layout.result).where(among(layout.result_key, keys, layout.dialect)))
        found: dict[Key, RowRaw] = {}
        for row in rows:
            mapping = row._mapping
            key = layout.keyed([mapping[column] for column in layout.result_key])
            found[key] = RowRaw(layout.read_result(row))
        return found

    def _reply(self, row: Any) -> RowRaw | None:
        """The incumbent's answer in a row; None while there is none."""
        status = self.finder.status
        if status is None:
            return None
        state = row._mapping[self.layout.source.c[status.column]]
        if isinstance(state, str):
            state = state.rstrip(" ")
        if state in status.done:
            return RowRaw(self.layout.read(row))
        return RowRaw(self.layout.read(row), FAILED) if status.error is not None and state == status.error else None

    # Claiming.

    def peek(self, limit: int) -> list[Seen]:
        """At most so many rows that could be claimed. Changes and locks nothing, so it is what is done most."""
        choosing = self._choosing()
        with reading(self.engine) as connection:
            return [self.seen(row) for row in choosing.peek(connection, limit)]

    @property
    def at_once(self) -> bool:
        """Whether a row may be answered without a claim: nothing but the row itself changes, and nobody else writes."""
        plain = self.layout.result is None and not self._settings.answer.procedure and not self._settings.claim.columns
        return plain and self._settings.batch is None and self.finder.status is not None and self.finder.mark is None

    def line(self, run: Run) -> Line:
        """A way to answer rows that nobody has claimed, one at a time; `run` has its work done in threads, as this is.

        Raises Missing, ConfigError, DatabaseDown."""
        if self._lines is None:
            self._lines = self._found_lines()
        return self._lines(run)

    def _found_lines(self) -> Callable[[Run], Line]:
        claims = self.ready()
        if self.layout.dialect != "postgresql":
            return partial(Threaded, self.engine, self.place, claims)
        from adapters.database.wire import Statements, Wire  # which load the driver

        return partial(Wire, self.engine, Statements(self.finder, self.place, claims, self.engine.dialect))

    def claim(self, limit: int) -> Taken:
        """Claims at most `limit` rows, in one transaction. Raises Missing, RowRefused, DatabaseDown."""
        if (batches := self._whole()) is not None:
            token = os.urandom(16).hex()
            chosen, tried = batches.take(limit, token)
            return self._taken(token, [self.seen(row) for row in chosen], tried) if tried else Taken("")
        choosing = self._choosing()
        with writing(self.engine) as connection:
            self._gate(connection)
            rows = choosing.take(connection, limit)
            return self._take(connection, [self.seen(row) for row in rows]) if rows else Taken("")

    def again(self) -> None:
        """Has rows found again that were given back as if they had never been claimed."""
        self._choosing().again()

    def _choosing(self) -> Choosing:
        if self._choice is None:
            self._choice = Choosing(self.finder, self.ready(), self._reconcile)
        return self._choice

    def claim_these(self, keys: Sequence[Key]) -> Taken:
        """Claims those of the rows that still wait and are free, and reads them anew."""
        claims, layout = self.ready(), self.layout
        with writing(self.engine) as connection:
            rows: list[Seen] = []
            for part in self._parts(keys):
                ours = [*self.finder.ours(), claims.free(), among(layout.key, part, layout.dialect)]
                rows += [self.seen(row) for row in connection.execute(select(*layout.columns).where(*ours))]
            return self._take(connection, rows) if rows else Taken("")

    def _take(self, connection: Connection, rows: Sequence[Seen]) -> Taken:
        token = os.urandom(16).hex()
        tried = self.ready().take(connection, [one.key for one in rows], token)
        marked = self.place.claim(connection, list(tried))
        if lost := tried.keys() - marked:
            self.ready().forget(connection, token, lost)
        return self._taken(token, rows, {key: tried[key] for key in marked})

    def _taken(self, token: str, rows: Sequence[Seen], tried: Mapping[Key, int]) -> Taken:
        most, why = self._settings.claim.attempts, "whoever worked on it was killed, every time"
        mine = [one for one in rows if one.key in tried]
        for one in mine:
            one.attempts = tried[one.key]
        return Taken(token, [one for one in mine if one.attempts <= most],
                     {one.key: why for one in mine if one.attempts > most})  # fmt: skip

    def _whole(self) -> Batches | None:
        """Claims and answers by one statement, where there is such a thing and nothing but the row itself changes."""
        if self._batches is None and self.at_once and self.layout.dialect == "postgresql":
            claims = self.ready()
            if isinstance(claims, SideTable) and self.finder.status and self.finder.status.claimed is None:
                ordered = bool(self._settings.order)
                self._batches = Batches(self.engine, self.finder, self.place, claims, ordered)
        return self._batches

    def answer(self, token: str, answers: Answers) -> int:
        """Answers those of a token's rows that can be answered by one statement; returns how many. What is left is
        still claimed, and gone into by Endings. Raises DatabaseDown."""
        batches = self._whole()
        return batches.answer(token, answers) if batches and len(answers) > 1 else 0

    def _gate(self, connection: Connection) -> None:
        """Lets one poller at a time choose rows, for the moment of choosing: two would choose the same."""
        if self._settings.claim.columns:
            return
        name = f"understudy {self.layout.source.fullname}"
        if self.layout.dialect == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))

    def try_grants(self) -> None:
        """Nothing if we may write what answering needs. Changes nothing: no row is meant. Raises DatabaseDown."""
        claims, token = self.ready(), "nobody"
        with writing(self.engine) as connection:
            claims.renew(connection, token)
            claims.forget(connection, token, [])
            self.place.try_grants(connection)

    def renew(self, token: str) -> int:
        """Begins the lease anew; returns for how many rows."""
        with writing(self.engine) as connection:
            return self.ready().renew(connection, token)

    # Helping.

    def seen(self, row: Sequence[Any]) -> Seen:
        """A row of the source, or one that begins with its columns."""
        return Seen(key_of(self.layout, row), position(self.layout, row), self.layout.read(row))

    def _parts(self, keys: Sequence[Key]) -> Sequence[Sequence[Key]]:
        size = min(1000, chunk(self.layout.dialect, len(self.layout.key)))
        return [keys[at : at + size] for at in range(0, len(keys), size)]
