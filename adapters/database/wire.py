"""PostgreSQL's way to answer rows one at a time: messages sent and read by the event loop itself, which never waits.

To change threads for each row would cost more than all else about it. libpq says when a result is there; until then the
loop does other things. Statements are prepared in a thread, once a connection.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from psycopg import errors, pq
from psycopg.adapt import PyFormat, Transformer
from sqlalchemy import Dialect, Engine, literal
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from adapters.database.answers import Place
from adapters.database.batches import same_as
from adapters.database.claims import Claims
from adapters.database.engine import driven, translated
from adapters.database.find import Finder
from adapters.database.layout import Key
from adapters.database.prepared import Prepared
from adapters.database.single import Run
from gateway.contract import Payload, UnderstudyError

Names = tuple[str, ...]
MOST = 64
"""Statements that a connection keeps prepared: one for each set of columns and types."""
BEGIN = (
    b"SELECT set_config('enable_seqscan', 'off', false),"
    b" (SELECT string_agg(name, ' ') FROM pg_prepared_statements WHERE name LIKE 'understudy%')"
)
"""Rows are looked up by key, also by a plan that was made when the tables were small and is kept as they grow. Which
statements are prepared only the server knows: after a rollback psycopg has it forget all."""
INT8, SMALLER = 20, frozenset((21, 23))
"""PostgreSQL's numbers for its types of whole numbers: one statement does for all that are small enough."""


class Statements:
    """How answers are written into one table, by the columns that they set."""

    def __init__(self, finder: Finder, place: Place, claims: Claims, dialect: Dialect) -> None:
        self.place = place
        self._free = [same_as(*finder.states()), claims.untouched()]
        # The library has no types here.
        self._dialect: Dialect = PGDialect_psycopg(paramstyle="numeric_dollar", dbapi=dialect.loaded_dbapi)  # type: ignore[no-untyped-call]
        self._made: dict[Names, Prepared] = {}
        self._names: dict[tuple[Prepared, tuple[int, ...]], bytes] = {}

    def of(self, names: Names, given: Sequence[str]) -> Prepared:
        """The statement that sets these columns; `given` are its parameters."""
        if (made := self._made.get(names)) is None:
            writing = self.place.write_one(names, self._free).returning(literal(1))
            made = self._made[names] = Prepared(writing, self._dialect, given)
        return made

    def name(self, prepared: Prepared, types: tuple[int, ...]) -> bytes:
        """What the server is to call the statement with values of these types: the same always means the same."""
        if (name := self._names.get((prepared, types))) is None:
            digest = hashlib.blake2b(f"{prepared.text}{types}".encode(), digest_size=8)
            name = self._names[prepared, types] = f"understudy_{digest.hexdigest()}".encode()
        return name


class Wire:
    """Line to PostgreSQL, over a connection that is held until it is closed."""

    def __init__(self, engine: Engine, statements: Statements, run: Run) -> None:
        """Connects, in a thread. Raises DatabaseDown."""
        self._statements, self._run = statements, run
        with translated():
            self._connection = engine.execution_options(isolation_level="AUTOCOMMIT").connect()
        driver: Any = self._connection.connection.driver_connection
        self._libpq: pq.abc.PGconn = driver.pgconn
        self._typed, self._encoding = Transformer(driver), driver.info.encoding
        try:
            self._known = set((self._do(BEGIN).get_value(0, 1) or b"").split())
        except UnderstudyError:
            self.close()
            raise

    async def send(self, key: Key, answer: Payload) -> None:
        """See Line."""
        names, given = self._statements.place.single(key, answer)
        prepared = self._statements.of(names, list(given))
        values = [None if one is None else (self._typed.get_dumper(one, PyFormat.TEXT), one)
                  for one in prepared.ordered(given)]  # fmt: skip
        types = tuple([0 if one is None else INT8 if one[0].oid in SMALLER else one[0].oid for one in values])
        with driven(self._connection.dialect):
            name = self._statements.name(prepared, types)
            if name not in self._known:
                await self._run(partial(self._prepare, prepared, types, name))
            self._libpq.send_query_prepared(name, [None if one is None else one[0].dump(one[1]) for one in values])
            self._libpq.flush()

    async def written(self) -> bool:
        """See Line."""
        libpq = self._libpq
        with driven(self._connection.dialect):
            while libpq.flush():
                await _ready(libpq.socket, writing=True)
            libpq.consume_input()
            while libpq.is_busy():
                await _ready(libpq.socket, writing=False)
                libpq.consume_input()
            result = libpq.get_result()
            while libpq.get_result() is not None:
                pass
            return _check(result).ntuples > 0

    def close(self) -> None:
        """See Line."""
        try:
            if self._libpq.transaction_status == pq.TransactionStatus.IDLE:
                self._do(b"RESET enable_seqscan")
        finally:
            if self._libpq.transaction_status != pq.TransactionStatus.IDLE:
                self._connection.invalidate()  # an answer is under way, or the connection lost
            self._connection.close()

    def _prepare(self, prepared: Prepared, types: Sequence[int], name: bytes) -> None:
        """Makes the server know a statement, in a thread."""
        if len(self._known) >= MOST:
            self._do(b"DEALLOCATE " + self._known.pop())
        _check(self._libpq.prepare(name, prepared.text.encode(self._encoding), types))
        self._known.add(name)

    def _do(self, statement: bytes) -> pq.abc.PGresult:
        with driven(self._connection.dialect):
            return _check(self._libpq.exec_(statement))


def _check(result: pq.abc.PGresult | None) -> pq.abc.PGresult:
    """The result of a statement. Raises the driver's error where it is one."""
    if result is None:
        raise errors.OperationalError("the connection gave no result")
    if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
        raise errors.error_from_result(result)
    return result


async def _ready(socket: int, writing: bool) -> None:
    """Returns when the socket can be read, or written."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    add(socket, _set, ready)
    try:
        await ready
    finally:
        remove(socket)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
