"""Claims in columns of the row itself, for tables that may be altered."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    func,
    or_,
    select,
    update,
)

from adapters.database import dialect as dialects
from adapters.database.claims import PERMANENT, WAIT, Mark, held, parts
from adapters.database.dialect import among, later, name_of, now, skipping
from adapters.database.layout import Key, Layout


class RowColumns:
    """Claims in columns of the row itself, for tables that may be altered."""

    def __init__(self, layout: Layout, dialect: Dialect) -> None:
        """Raises ConfigError where the dialect would drop the clause that keeps two pollers apart."""
        claim = layout.settings.claim
        assert claim.columns is not None  # noqa: S101 - chosen for that
        self._layout = layout
        self._table, self._key, self._dialect = layout.source, layout.key, name_of(dialect)
        self._token = layout.column(claim.columns.token, "claim.columns.token")
        self._until = layout.column(claim.columns.until, "claim.columns.until")
        self._attempts = layout.column(claim.columns.attempts, "claim.columns.attempts")
        self._lease = claim.lease
        self._skips = claim.lock != "token"
        if self._skips:
            dialects.check_lock(self._chosen([(1,) * len(self._key)]), dialect, f"{layout.where}.claim")

    def free(self) -> ColumnElement[bool]:
        """Nobody has claimed it, or the lease has ended."""
        return or_(self._until.is_(None), self._until < now(self._dialect))

    def untouched(self) -> ColumnElement[bool]:
        """No claim stands in it."""
        return self._until.is_(None)

    def _chosen(self, keys: Sequence[Key]) -> Any:
        chosen = select(*self._key).where(among(self._key, keys, self._dialect), self.free())
        return skipping(chosen, self._table, self._dialect) if self._skips else chosen

    def take(self, connection: Connection, keys: Sequence[Key], token: str) -> Mapping[Key, int]:
        """Claims those of the rows that are free, passing over what somebody has locked."""
        values = {
            self._token: token, self._until: later(self._dialect, self._lease),
            self._attempts: func.coalesce(self._attempts, 0) + 1,
        }  # fmt: skip
        for part in parts(sorted(keys, key=repr), self._dialect):
            if found := [tuple(row) for row in connection.execute(self._chosen(part))]:
                free = among(self._key, found, self._dialect) & self.free()
                connection.execute(update(self._table).where(free).values(values))
        rows = connection.execute(select(*self._key, self._attempts).where(self._token == token))
        return {self._layout.keyed(row[:-1]): row[-1] for row in rows}

    def held(self, connection: Connection, token: str) -> set[Key]:
        """The rows that are still this token's, locked for the moment of the answer. One that somebody else has locked
        is left out: it is claimed again when its lease has ended."""
        if not self._skips:
            return held(connection, self._layout, self._key, self._token == token, self._token)
        chosen = skipping(select(*self._key).where(self._token == token), self._table, self._dialect)
        return {self._layout.keyed(row) for row in connection.execute(chosen)}

    def renew(self, connection: Connection, token: str) -> int:
        """Begins the lease anew."""
        until, count = {self._until: later(self._dialect, self._lease)}, 0
        for part in parts(list(self.held(connection, token)), self._dialect):
            mine = (self._token == token) & among(self._key, part, self._dialect)
            count += connection.execute(update(self._table).where(mine).values(until)).rowcount
        return count

    def finish(self, connection: Connection, token: str, answers: Mapping[Key, Mark], due: float | None) -> None:
        """Clears the token; an answered row is found no more by what it says itself."""
        self._clear(connection, token, list(answers), None)

    def put_back(self, connection: Connection, token: str, errors: Mapping[Key, str], state: str, delay: float) -> None:
        """Keeps the attempts; one that is given up or left is found no more."""
        self._clear(connection, token, list(errors), delay if state == WAIT else PERMANENT)

    def postpone(self, connection: Connection, token: str, keys: Collection[Key], delay: float) -> None:
        """Clears the token and takes the attempt back."""
        self._untried(connection, token, keys, later(self._dialect, delay))

    def forget(self, connection: Connection, token: str, keys: Collection[Key]) -> None:
        """Clears the claim and takes the attempt back."""
        self._untried(connection, token, keys, None)

    def _untried(self, connection: Connection, token: str, keys: Collection[Key], until: Any) -> None:
        for part in parts(list(keys), self._dialect):
            mine = (self._token == token) & among(self._key, part, self._dialect)
            values = {self._token: None, self._until: until, self._attempts: self._attempts - 1}
            connection.execute(update(self._table).where(mine).values(values))

    def _clear(self, connection: Connection, token: str, keys: Sequence[Key], delay: float | None) -> None:
        until = None if delay is None else later(self._dialect, delay)
        for part in parts(keys, self._dialect):
            mine = (self._token == token) & among(self._key, part, self._dialect)
            connection.execute(update(self._table).where(mine).values({self._token: None, self._until: until}))
