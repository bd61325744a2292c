"""Rows that come in bulk: on PostgreSQL one message claims a batch, and one statement answers it and ends its claims.

Each is a transaction of its own, so no lock outlives it: what the application may want is locked within one statement.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Engine,
    FromClause,
    and_,
    bindparam,
    delete,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
    update,
)

from adapters.database.answers import Answers, Place
from adapters.database.bulk import RECORDS, bulk, packed
from adapters.database.claims import RUN
from adapters.database.engine import RowRefused, driving
from adapters.database.find import Finder, key_of
from adapters.database.layout import Key
from adapters.database.prepared import Prepared, Row
from adapters.database.side import SideTable

GATE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0)), set_config('synchronous_commit', 'off', true)"
"""One poller at a time chooses rows. A claim need not outlast a crash of the server: one that is lost was nobody's, and
an answer under its token changes nothing. Answers wait for the disk as ever."""
BY_KEY = "SELECT set_config('enable_seqscan', 'off', true)"
"""Rows are looked up by key, also by a plan that was made when the tables were small and is kept while they grow."""


class Batches:
    """Claims and answers of one table's rows, whose claims stand in a side table."""

    def __init__(self, engine: Engine, finder: Finder, place: Place, claims: SideTable, ordered: bool) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._finder, self._place, self._claims, self._ordered = finder, place, claims, ordered
        self._name = f"understudy {finder.layout.source.fullname}"
        self._taking: dict[int, Prepared] = {}
        self._writing: dict[tuple[str, ...], Prepared] = {}

    def take(self, limit: int, token: str) -> tuple[Sequence[Row], Mapping[Key, int]]:
        """Claims at most `limit` rows that wait. Gives those that were chosen, and by key how often each that is now
        the token's has been tried. Raises RowRefused, DatabaseDown."""
        if (prepared := self._taking.get(limit)) is None:
            prepared = self._taking[limit] = Prepared(self.taking(limit), self._engine.dialect, ["token"])
        with driving(self._engine) as connection:
            rows = prepared.run(connection, {"token": token}, (GATE, [self._name]))
        chosen = [row for row in rows if row[-1] is None]
        return chosen, {key_of(self._finder.layout, row): row[-1] for row in rows[len(chosen) :]}

    def answer(self, token: str, answers: Answers) -> int:
        """Writes answers into those of the rows that are still the token's, open, and locked by nobody, and ends their
        claims; returns how many. All others are as before: where the database refuses one value, those that set the
        same columns. Raises DatabaseDown."""
        count = 0
        with suppress(RowRefused, TypeError):  # the second is of values that JSON cannot carry
            for names, rows in self._place.grouped(answers).items():
                given = {RECORDS: packed([(*key, *values) for key, values in rows]), "token": token}
                if (prepared := self._writing.get(names)) is None:
                    prepared = self._writing[names] = Prepared(self.writing(names), self._engine.dialect, given)
                with driving(self._engine) as connection:
                    [[written]] = prepared.run(connection, given, (BY_KEY, []))
                count += written
        return count

    def taking(self, limit: int) -> Any:
        """The statement that claims rows."""
        claims, layout = self._claims, self._finder.layout
        page = self._finder.page([*self._finder.ours(), claims.free()], limit, ordered=self._ordered)
        # As a number in the text: of one that is bound the planner thinks that it is a tenth of the table.
        picked = page.limit(literal_column(str(limit))).cte("picked")
        chosen = [picked.c[column.name] for column in layout.key]
        taken = (
            claims.upsert(chosen, bindparam("token")).returning(*claims.key, claims.table.c.us_attempts).cte("taken")
        )
        # Two lists behind each other: what a join of them costs would be left to guesses of how long they are.
        names = {column.name: mine.name for column, mine in zip(layout.key, claims.key, strict=True)}
        tried = [taken.c[names[one.name]] if one.name in names else null() for one in picked.c]
        return union_all(select(*picked.c, null().label("us_attempts")), select(*tried, taken.c.us_attempts))

    def writing(self, names: Sequence[str]) -> Any:
        """The statement that answers rows; `names` are the columns that the answers set."""
        layout, claims = self._finder.layout, self._claims
        kinds = [(f"k{at}", one.type) for at, one in enumerate(layout.key)]
        kinds += [(f"v{at}", layout.source.c[name].type) for at, name in enumerate(names)]
        given = bulk(layout.dialect, kinds)
        assert given is not None  # noqa: S101 - PostgreSQL's types are known
        row = self._locked(layout.key, given, [same_as(*self._finder.states())])
        claim = self._locked(claims.key, given, [claims.table.c.us_token == bindparam("token"),
                                                 same_as(claims.table.c.us_state, [RUN])])  # fmt: skip
        locked = select(given).join(row, true()).join(claim, true()).cte("free")
        same = and_(*(one == locked.c[f"k{at}"] for at, one in enumerate(layout.key)))
        changed = {name: locked.c[f"v{at}"] for at, name in enumerate(names)} | self._place.beside()
        written = update(layout.source).where(same).values(changed).returning(*layout.key).cte("written")
        ended = and_(*(one == written.c[column.name] for one, column in zip(claims.key, layout.key, strict=True)))
        forgotten = delete(claims.table).where(ended).cte("forgotten")
        return select(func.count()).select_from(written).add_cte(forgotten)

    @staticmethod
    def _locked(key: Sequence[Column[Any]], given: FromClause, conditions: Sequence[ColumnElement[bool]]) -> FromClause:
        """The row with a given key, locked, if the conditions hold and nobody has it locked."""
        meant = [one == given.c[f"k{at}"] for at, one in enumerate(key)]
        chosen = select(*key).where(*meant, *conditions).correlate(given)
        return chosen.with_for_update(skip_locked=True, key_share=True).lateral()


def same_as(column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether it is one of the values, said so that no index on it is used: by a plan that was made when few rows had
    the value, each row that is looked up by key would be searched among all those that have it now."""
    return or_(*(column.is_not_distinct_from(value) for value in values))
