"""Rows that are answered one at a time, each in a transaction of its own: it is begun, and its end is asked for later.

Meanwhile the event loop asks the model for the next row.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy import Engine

from adapters.database.answers import Place
from adapters.database.claims import Claims
from adapters.database.engine import writing
from adapters.database.layout import Key
from gateway.contract import Payload

T = TypeVar("T")


class Run(Protocol):
    """Has something done in a thread."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]: ...


class Line(Protocol):
    """A way to the database for one answer after the other; at most one is under way."""

    async def send(self, key: Key, answer: Payload) -> None:
        """Begins to write one answer. Raises RowRefused, DatabaseDown."""

    async def written(self) -> bool:
        """Whether the answer was written: not where its row is claimed, locked or no longer waits.

        Raises RowRefused, after which another answer may be sent, and DatabaseDown."""

    def close(self) -> None:
        """Ends it, in a thread."""


class Threaded:
    """Line of any driver, over one of the poller's threads."""

    def __init__(self, engine: Engine, place: Place, claims: Claims, run: Run) -> None:
        self._engine, self._place, self._claims, self._run = engine, place, claims, run
        self._under_way: Awaitable[bool] | None = None

    async def send(self, key: Key, answer: Payload) -> None:
        """See Line."""
        self._under_way = self._run(partial(self._write, key, answer))

    async def written(self) -> bool:
        """See Line."""
        assert self._under_way is not None  # noqa: S101 - asked for after an answer was sent
        return await self._under_way

    def close(self) -> None:
        """See Line."""

    def _write(self, key: Key, answer: Payload) -> bool:
        with writing(self._engine) as connection:
            return self._place.write_free(connection, key, answer, self._claims.untouched())
