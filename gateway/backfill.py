"""Answered calls of long ago, scored and compared as if they came in shadow now, past the queue of what comes online.

Judged by an observer of its own under the same rules, so records, ledger and evidence are as of any other call; a call
that is recorded already is recorded once.
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from sqlalchemy import Engine

from gateway.books import Books
from gateway.capabilities import Past, Remembers
from gateway.config import Config
from gateway.contract import By, ConfigError, Stage
from gateway.observer import Observer
from gateway.pipe import Counts
from gateway.recorder import Recorder
from gateway.store.model import Replica
from gateway.store.replicas import settle
from gateway.store.secret import digest, secret
from gateway.store.told import remembered
from gateway.store.writer import Writer
from gateway.table import Bound, Table
from gateway.telemetry import Meters
from gateway.turn import Turn, sighting

PAGE = 250
WAIT = 0.02
"""Seconds between two looks at whether the observer has caught up."""


class Backfill:
    """One source's history, on its way to the observer."""

    def __init__(self, adapter: Remembers, bound: Bound, table: Table, where: Sequence[str], rate: float) -> None:
        """`rate` is calls a second at most."""
        self._adapter = adapter
        self._bound = bound
        self._table = table
        self._where = where
        self._rate = rate

    async def run(self, observer: Observer, worker: str, after: str, done: Callable[[int, str], None]) -> None:
        """Hands everything behind a place to the observer; `done` hears how many calls were and the place reached.

        Raises UnderstudyError where the legacy system does not answer."""
        while past := await self._adapter.past(self._bound.operation, self._where, after, PAGE):
            begun = time.monotonic()
            for one in past:
                self._hand(observer, worker, one)
            while observer.undecided > PAGE or observer.behind:  # noqa: ASYNC110  # asked 50 times a second at most
                await asyncio.sleep(WAIT)
            after = past[-1].place
            done(len(past), after)
            await asyncio.sleep(max(0.0, len(past) / self._rate - (time.monotonic() - begun)))

    def _hand(self, observer: Observer, worker: str, past: Past) -> None:
        turn = Turn(past.call, self._bound, Stage.SHADOW, By.INCUMBENT, "backfill", self._table.version)
        observer.sighted(worker, sighting(turn, "opened"))
        turn.incumbent = past.answer.raw
        observer.sighted(worker, sighting(turn, "answered"))


def found(table: Table, route: str) -> Sequence[Bound]:
    """The sources of a route. Raises ConfigError where there are none."""
    if not (bound := [one for one in table.bound.values() if one.route == route]):
        raise ConfigError(f"routes.{route}: the route has no sources")
    return bound


@asynccontextmanager
async def observing(engine: Engine, config: Config, table: Table) -> AsyncIterator[tuple[Observer, str]]:
    """An observer that judges what it is handed by this table, and the name to hand it under; when the context ends,
    all of it is judged and written. Raises StoreDown."""
    replica = Replica(f"backfill.{os.urandom(6).hex()}", socket.gethostname(), os.getpid(), table.version)
    books = Books(Meters(), remembered(engine))
    recorder = Recorder(config.records, partial(digest, secret(engine)))
    observer = Observer(engine, Writer(engine, replica), books, recorder, config)
    observer.swap(table)
    observer.counted(Counts(replica.id, {}, {}))
    running = asyncio.create_task(observer.run())
    try:
        yield observer, replica.id
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.to_thread(settle, engine, replica.id)
