"""Claims: who works on a row, until when, by which token; kept in a side table of ours or in the row itself.

A claim is a lease on the database's clock and never a lock that is held: while the model works, the legacy application
can do with its rows what it likes. Whoever wakes after its lease finds another token and changes nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    select,
    update,
)

from adapters.database import dialect as dialects
from adapters.database.layout import Key, Layout

RUN, WAIT, LEFT, DONE, ERROR = "run", "wait", "left", "done", "error"
"""A claim's states: somebody works on it; tried again later; given back to the batch; answered; given up."""
PERMANENT = 10 * 365 * 86400.0
"""Seconds of what lasts until somebody undoes it."""
Mark = tuple[str, str]
REASON = 200
"""Characters of an error that are kept."""


class Claims(Protocol):
    """One way to keep claims. Every method works in the transaction it is given."""

    def free(self) -> ColumnElement[bool]:
        """Whether a row of the source may be claimed now."""

    def untouched(self) -> ColumnElement[bool]:
        """Whether there is no claim on it, not even one that has lapsed and would have to be removed."""

    def take(self, connection: Connection, keys: Sequence[Key], token: str) -> Mapping[Key, int]:
        """Claims those of the rows that are free; returns how often each has been tried, this time included."""

    def held(self, connection: Connection, token: str) -> set[Key]:
        """The rows that are still this token's; nobody else can take them before the transaction ends."""

    def renew(self, connection: Connection, token: str) -> int:
        """Begins the lease anew; returns for how many rows."""

    def finish(self, connection: Connection, token: str, answers: Mapping[Key, Mark], due: float | None) -> None:
        """Ends the claims of answered rows. With `due` they are remembered, each with a digest of its answer and the
        columns it is of, and looked at again in so many seconds."""

    def put_back(self, connection: Connection, token: str, errors: Mapping[Key, str], state: str, delay: float) -> None:
        """Ends the claims of rows without an answer: `wait` for `delay` seconds, `left` for so long, or `error`."""

    def postpone(self, connection: Connection, token: str, keys: Collection[Key], delay: float) -> None:
        """Has rows claimed again after so many seconds, as if they had not been tried."""

    def forget(self, connection: Connection, token: str, keys: Collection[Key]) -> None:
        """Takes back claims as if they had never been."""


def held(
    connection: Connection, layout: Layout, key: Sequence[Column[Any]], mine: ColumnElement[bool], token: Column[Any]
) -> set[Key]:
    """The rows of a token, locked until the transaction ends; where there is no such clause, by writing them."""
    chosen = select(*key).where(mine)
    if layout.dialect in ("postgresql", "mysql", "mariadb", "oracle"):
        chosen = chosen.with_for_update()
    elif layout.dialect != "sqlite":  # which has one writer at a time
        connection.execute(update(token.table).where(mine).values({token: token}))
    return {layout.keyed(row) for row in connection.execute(chosen)}


def parts(keys: Sequence[Key], dialect: str) -> Sequence[Sequence[Key]]:
    size = dialects.chunk(dialect, len(keys[0]) if keys else 1)
    return [keys[at : at + size] for at in range(0, len(keys), size)]
