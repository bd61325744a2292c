"""Tables of a legacy database: rows are calls, answers go into columns, result tables or stored procedures.

While the old batch answers, the gateway only reads. Where the candidate answers, it claims rows by leases, and writes
answer and status in one transaction; the legacy table is never locked while a model works.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import ClassVar

import structlog
from sqlalchemy import Engine

from adapters.database.asking import Asked
from adapters.database.calls import Calls
from adapters.database.config import DatabaseSettings, TableSettings
from adapters.database.desk import Desk
from adapters.database.engine import DatabaseDown, connect
from adapters.database.history import History
from adapters.database.outgoing import Estate
from adapters.database.poller import Poller, together
from adapters.database.probe import problems
from adapters.database.rows import RowCodec
from adapters.database.starting import started
from adapters.formats import build
from gateway.capabilities import About, DeadLetter, Erased, Past
from gateway.contract import ConfigError, Gateway, Incumbent, Stage, Unfinished
from gateway.settings import Settings

log = structlog.get_logger()


NEVER = datetime.min.replace(tzinfo=UTC)


class Database:
    """gateway.contract.Adapter for one legacy database."""

    Settings: ClassVar[type[Settings]] = DatabaseSettings
    start = staticmethod(started)
    """What `understudy init --db` writes."""
    nameless = False
    """A row that was given up is called by its key."""

    def __init__(self, name: str, settings: DatabaseSettings, folder: Path) -> None:
        """`folder` is where understudy.yaml is. Opens no connection. Raises ConfigError."""
        self._name = name
        self._settings = settings
        self._folder = folder
        self._histories: dict[str, History] = {}
        self._codecs = {operation: _codec(table, folder) for operation, table in settings.tables.items()}
        self._codecs |= {operation: RowCodec({}, {}, None) for operation in settings.queries}
        reads = any(table.read == "answered" for table in settings.tables.values())
        self.ceiling = Stage.SHADOW if reads else Stage.LIVE
        answered = bool(settings.queries) or any(table.batch for table in settings.tables.values())
        threads = settings.budget.statements
        self._asked = Asked(lambda: self._engine, settings.queries, settings.timeout, threads) if answered else None

    @cached_property
    def _engine(self) -> Engine:
        """Made when first used: the observer has our codecs and neither URL nor driver. Raises ConfigError."""
        return connect(self._name, self._settings, self._folder)

    def codecs(self) -> Mapping[str, RowCodec]:
        """By table and query."""
        return self._codecs

    def incumbent(self) -> Incumbent | None:
        """The queries, and for tables the batch, which answers in its own time; None where there is neither."""
        return self._asked

    def front(self, gateway: Gateway) -> None:
        """Nobody calls a database over HTTP."""

    def source(self, gateway: Gateway) -> "Tables | None":
        """The pollers of the tables. Raises ConfigError where the URL is wrong or its driver missing."""
        return Tables(self.pollers()) if self._settings.tables else None

    def pollers(self) -> Sequence[Poller]:
        """One for each table."""
        return [
            Poller(self._name, operation, self._settings, self._engine, self._calls(operation), _say)
            for operation in self._settings.tables
        ]

    def _calls(self, operation: str) -> Calls:
        return Calls(self._name, operation, self._codecs[operation], self._settings.timeout)

    async def probe(self) -> Sequence[str]:
        """Connects, reflects every table, and sees whether what claiming needs is there and granted."""
        try:
            return await asyncio.to_thread(partial(problems, self._name, self._settings, self._engine))
        except ConfigError as error:
            return error.problems

    def warnings(self) -> Sequence[str]:
        """Nothing here is weak by itself."""
        return []

    async def leave(self, patience: float) -> Sequence[str]:
        """Gives back every row that is claimed and drops the side tables; see gateway.capabilities.Leaves."""
        return [await asyncio.to_thread(estate.leave, patience) for estate in await self._estates()]

    async def dead(self, limit: int) -> tuple[int, Sequence[DeadLetter]]:
        """The rows that were given up, the oldest first; see gateway.capabilities.Buries."""
        found = [await asyncio.to_thread(estate.dead, limit) for estate in await self._estates()]
        letters = sorted(chain.from_iterable(some for _, some in found), key=lambda one: one.since or NEVER)
        return sum(count for count, _ in found), letters[:limit]

    async def resubmit(self, ids: Collection[str] | None) -> AsyncIterator[DeadLetter]:
        """Has rows that were given up tried again; see gateway.capabilities.Buries. Raises Unfinished."""
        missing = set(ids or ())
        for estate in await self._estates():
            for letter in await asyncio.to_thread(estate.resubmit, ids):
                missing.discard(letter.id)
                yield letter
        if missing:
            names = ", ".join(sorted(missing))
            raise Unfinished(f"{names}: given up by nobody, or locked by somebody at the moment; the others wait again")

    async def erase(self, about: About) -> Erased:
        """Removes a person's claims from the side tables; see gateway.capabilities.Erases. Raises Unfinished."""
        try:
            parts = [await asyncio.to_thread(one.erase, self._codecs[name], about)
                     for name, one in zip(self._settings.tables, await self._estates(), strict=True)]  # fmt: skip
        except DatabaseDown as error:
            raise Unfinished(f"the side tables cannot all be looked into: {error}") from error
        return Erased([one for part in parts for one in part.removed], [one for part in parts for one in part.left])

    async def past(self, operation: str, where: Sequence[str], after: str, limit: int) -> Sequence[Past]:
        """Answered rows, each as the call it was; see gateway.capabilities.Remembers."""
        return await asyncio.to_thread(self._history(operation).page, where, after, limit)

    async def past_count(self, operation: str, where: Sequence[str]) -> int:
        """How many answered rows there are."""
        return await asyncio.to_thread(self._history(operation).count, where)

    def _history(self, operation: str) -> History:
        if operation not in self._settings.tables:
            raise ConfigError(f"adapters.{self._name}: {operation} is no table; history is kept in tables")
        if operation not in self._histories:
            where = f"adapters.{self._name}.tables.{operation}"
            desk = Desk(where, self._settings.tables[operation], self._engine, self._settings.timezone)
            self._histories[operation] = History(desk, self._calls(operation))
        return self._histories[operation]

    async def _estates(self) -> Sequence[Estate]:
        settings = self._settings
        return [
            await asyncio.to_thread(
                Estate, operation, f"adapters.{self._name}.tables.{operation}", table, self._engine, settings.timezone
            )
            for operation, table in settings.tables.items()
        ]

    async def close(self) -> None:
        """Closes every connection."""
        if self._asked:
            self._asked.close()
        if "_engine" in self.__dict__:
            await asyncio.to_thread(self._engine.dispose)


class Tables:
    """gateway.contract.Source: the pollers of all tables."""

    def __init__(self, pollers: Sequence[Poller]) -> None:
        self._pollers = pollers

    async def run(self, gateway: Gateway, stop: asyncio.Event) -> None:
        """Runs until `stop`, then returns with nothing in flight."""
        await together(self._pollers, gateway, stop)


def _codec(table: TableSettings, folder: Path) -> RowCodec:
    refusal = (table.refusal.code, table.refusal.message) if table.refusal else None
    return RowCodec({column: build(one, folder) for column, one in table.formats.items()}, table.lists, refusal)


def _say(event: str, reason: str) -> None:
    log.warning(event, reason=reason)
