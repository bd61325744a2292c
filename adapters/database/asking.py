"""A stored procedure or query of the legacy database that answers routes whose callers speak another protocol."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Engine, TextClause, text

from adapters.database.answers import call as calling
from adapters.database.config import Query
from adapters.database.engine import DatabaseDown, RowRefused, writing
from adapters.database.rows import RowRaw, decode
from adapters.database.values import plain
from gateway.contract import Call, IncumbentFailed, IncumbentTimeout, IncumbentUnreachable, Raw

THREADS = 16


class Asked:
    """gateway.contract.Incumbent: the database's own answer to one call."""

    def __init__(
        self, engine: Callable[[], Engine], queries: Mapping[str, Query], timeout: float, threads: int
    ) -> None:
        """Opens no connection; `timeout` in seconds is what a caller without a deadline waits at most."""
        self._engine = engine
        self._queries = queries
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(min(THREADS, threads), "query")

    async def call(self, call: Call, timeout: float) -> Raw:
        """The row that the query gives. Sent once, never repeated.

        Raises IncumbentUnreachable, IncumbentTimeout, or IncumbentFailed where it gives no row; for a table, whose
        rows the batch answers in its own time, IncumbentUnreachable."""
        query = self._queries.get(call.operation)
        if query is None:
            raise IncumbentUnreachable("the batch answers in its own time")
        values = call.raw.row if isinstance(call.raw, RowRaw) else decode(call.raw.body)
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._asked, query, values)
        try:
            async with asyncio.timeout(min(timeout, self._timeout)):
                row = await work
        except TimeoutError as error:
            raise IncumbentTimeout("the database took too long") from error
        except (DatabaseDown, RowRefused) as error:
            raise IncumbentUnreachable(f"the database failed: {type(error).__name__}") from error
        if row is None:
            raise IncumbentFailed("the database gave no row")
        return RowRaw(row)

    def _asked(self, query: Query, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The first row. In a transaction of its own, since a procedure may write."""
        with writing(self._engine()) as connection:
            statement = self._statement(query)
            given = {f"a{at}": values.get(name) for at, name in enumerate(query.arguments)} if query.procedure else {
                name: values.get(name) for name in statement._bindparams
            }  # fmt: skip
            found = connection.execute(statement, given)
            row = found.first() if found.returns_rows else None
            return None if row is None else {name: plain(value) for name, value in row._mapping.items()}

    def _statement(self, query: Query) -> TextClause:
        if query.procedure:
            return text(calling(self._engine().dialect, query.procedure, len(query.arguments)))
        return text(str(query.sql))

    def close(self) -> None:
        """Lets go of the threads."""
        self._threads.shutdown(wait=False)
