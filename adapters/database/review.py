"""Our answers read again: has the old batch written over them, or answered beside them? And giving back what failed.

What we wrote is remembered in the side table for as long as the settings say, as a digest and the columns it is of.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, case, delete, select, update

from adapters.database.claims import DONE, LEFT, PERMANENT, REASON, RUN, WAIT, parts
from adapters.database.dialect import among, later, now, skipping
from adapters.database.find import Finder
from adapters.database.layout import Key
from adapters.database.side import SideTable

Mark = tuple[str, str]
"""The digest of what was written, and the columns it is of."""
OVERWRITTEN, DOUBLED, TAKEN = "overwritten", "doubled", "taken"
"""The batch has written over our answer; has answered beside it; had answered before we could."""
PAGE = 500


class Review:
    """What is remembered of one table's answers. Every method works in the transaction it is given."""

    def __init__(self, finder: Finder, side: SideTable) -> None:
        self._finder = finder
        self._layout = finder.layout
        self._side = side

    def marks(self, connection: Connection, names: Mapping[Key, Sequence[str]]) -> Mapping[Key, Mark]:
        """The marks of rows that have just been written, as the database has them now."""
        found = self._read(connection, list(names))
        columns = {key: self._columns(some) for key, some in names.items()}
        return {key: (_digest(found[key][0], columns[key]), ",".join(columns[key])) for key in names if key in found}

    def look(self, connection: Connection) -> Sequence[str]:
        """Looks at the answers whose time has come, a few hundred at most; returns a word for each that is not as it
        was left. One that was noticed, or is old enough, is forgotten."""
        batch = self._layout.settings.batch
        assert batch is not None  # noqa: S101 - without one nothing is remembered for this
        side, dialect = self._side.table, self._layout.dialect
        key = [side.c[column.name] for column in self._layout.key]
        due = (side.c.us_state == DONE) & (side.c.us_lease < now(dialect))
        old = case((side.c.us_since < later(dialect, -batch.keep), 1), else_=0).label("old")  # not all select truths
        rows = connection.execute(select(*key, side.c.us_answer, side.c.us_error, old).where(due).limit(PAGE)).all()
        marks = {self._layout.keyed(row[:-3]): (row[-3], row[-2]) for row in rows}
        words = self._compared(connection, marks)
        ended = [one for row in rows if (one := self._layout.keyed(row[:-3])) in words or row[-1]]
        again = [one for one in marks if one not in set(ended)]
        self._forget(connection, key, ended)
        if again:
            then = {"us_lease": later(dialect, batch.verify)}
            connection.execute(update(side).where(among(key, again, dialect)).values(then))
        return list(words.values())

    def waiting(self, connection: Connection) -> Sequence[Key]:
        """The rows that wait to be tried again, and those of somebody who was killed; nobody takes them meanwhile."""
        side, dialect = self._side.table, self._layout.dialect
        lapsed = (side.c.us_state == RUN) & (side.c.us_lease < now(dialect))
        chosen = select(*self._side.key).where((side.c.us_state == WAIT) | lapsed)
        found = connection.execute(skipping(chosen, side, dialect))
        return [self._layout.keyed(row) for row in found]

    def leave(self, connection: Connection, keys: Sequence[Key]) -> None:
        """Leaves rows to the batch for good."""
        left = {"us_state": LEFT, "us_lease": later(self._layout.dialect, PERMANENT)}
        for part in parts(keys, self._layout.dialect):
            some = among(self._side.key, part, self._layout.dialect)
            connection.execute(update(self._side.table).where(some).values(left))

    def _compared(self, connection: Connection, marks: Mapping[Key, Mark]) -> Mapping[Key, str]:
        words: dict[Key, str] = {}
        found = self._read(connection, list(marks))
        for key, (digest, names) in marks.items():
            rows = found.get(key, [])
            if len(rows) > 1:
                words[key] = DOUBLED
            elif rows and _digest(rows[0], names.split(",")) != digest:
                words[key] = OVERWRITTEN
        return words

    def _read(self, connection: Connection, keys: Sequence[Key]) -> Mapping[Key, Sequence[Mapping[str, Any]]]:
        """The rows that hold the answers, by key; several where a result table has several."""
        layout = self._layout
        columns = layout.key if layout.result is None else layout.result_key
        found: dict[Key, list[Mapping[str, Any]]] = {}
        for at in range(0, len(keys), PAGE):
            some = among(columns, keys[at : at + PAGE], layout.dialect)
            for row in connection.execute(select(layout.target).where(some)):
                key = layout.keyed([row._mapping[column] for column in columns])
                found.setdefault(key, []).append({one.name: row._mapping[one] for one in layout.target.c})
        return found

    def _columns(self, names: Sequence[str]) -> Sequence[str]:
        """The columns that an answer is known again by: as many as their names have room for."""
        status = self._finder.status
        known = [name for name in sorted({*names, *([status.column] if status else [])})
                 if name in self._layout.target.c]  # fmt: skip
        while len(",".join(known)) > REASON:
            known.pop()
        return known

    def _forget(self, connection: Connection, key: Sequence[Any], keys: Sequence[Key]) -> None:
        if keys:
            connection.execute(delete(self._side.table).where(among(key, keys, self._layout.dialect)))


def _digest(row: Mapping[str, Any], names: Sequence[str]) -> str:
    texts = [f"{name}={row.get(name)}" for name in names]
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=16).hexdigest()
