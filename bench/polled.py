"""What the database adapter is measured against: the same work as people write it with other libraries, or by hand.

`python -m bench.polled naive|pgqueuer|procrastinate URL` works until it is ended. Each takes an application, decides
always alike, and commits the answer and the status `DONE` into its row before it is done with the job, so that whoever
is killed loses nothing. pgqueuer and procrastinate find the application in their job and run as their makers advise.
"""

import asyncio
import json
import sys
import time
from typing import Any

DECISION, SCORE = "A", 750
WRITE = (
    'UPDATE applications SET "Decision" = {}, "Score" = {}, "State" = \'DONE\' WHERE "No" = {} AND "State" = \'NEW\''
)
BATCH = 100
"""Jobs that pgqueuer takes and completes at once; more are no faster."""
TOGETHER = 20
"""Jobs that procrastinate has under way; more are no faster."""


def naive(url: str) -> None:
    """One row a transaction: locked, scored, written, committed."""
    import psycopg

    read = 'SELECT * FROM applications WHERE "State" = \'NEW\' ORDER BY "No" LIMIT 1 FOR UPDATE SKIP LOCKED'
    write = WRITE.format("%s", "%s", "%s")
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        while True:
            row = cursor.execute(read).fetchone()
            if row is not None:
                cursor.execute(write, (DECISION, SCORE, row[0]))
            connection.commit()
            if row is None:
                time.sleep(0.02)


class Written:
    """Answers that are written together: whoever asks while a write is under way shares the next."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._waiting: list[tuple[tuple[str, int, int], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, number: int) -> None:
        """Returns when the answer of this row is committed."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(((DECISION, SCORE, number), done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        await asyncio.sleep(0)
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            await self._pool.executemany(WRITE.format("$1", "$2", "$3"), [values for values, _ in waiting])
            for _, done in waiting:
                done.set_result(None)
        self._writing = None


async def pgqueuer(url: str) -> None:
    """With pgqueuer over asyncpg: jobs are taken and completed by batches, and answers are written so, too."""
    import asyncpg
    from pgqueuer import PgQueuer
    from pgqueuer.db import AsyncpgPoolDriver
    from pgqueuer.models import Job

    async with asyncpg.create_pool(url, min_size=4) as pool:
        queue, written = PgQueuer(AsyncpgPoolDriver(pool)), Written(pool)

        @queue.entrypoint("score")
        async def score(job: Job) -> None:
            await written.write(json.loads(job.payload or b"")["No"])

        await queue.run(batch_size=BATCH)


async def procrastinate(url: str) -> None:
    """With procrastinate: several jobs under way, each a task that writes its answer; done jobs are deleted."""
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=url, max_size=TOGETHER))

    @app.task(name="score")
    async def score(application: dict[str, Any]) -> None:
        await app.connector.execute_query_async(
            WRITE.format("%(decision)s", "%(score)s", "%(number)s"),
            decision=DECISION, score=SCORE, number=application["No"],
        )  # fmt: skip

    async with app.open_async():
        await app.run_worker_async(concurrency=TOGETHER, delete_jobs="always", install_signal_handlers=False)


async def installed(library: str, url: str) -> None:
    """Makes the tables of a library."""
    if library == "pgqueuer":
        import asyncpg
        from pgqueuer.db import AsyncpgDriver
        from pgqueuer.queries import Queries

        connection = await asyncpg.connect(url)
        await Queries(AsyncpgDriver(connection)).install()
        await connection.close()
    else:
        from procrastinate import App, PsycopgConnector

        async with App(connector=PsycopgConnector(conninfo=url)).open_async() as app:
            await app.schema_manager.apply_schema_async()


if __name__ == "__main__":
    import uvloop

    if sys.argv[1] == "naive":
        naive(sys.argv[2])
    else:
        uvloop.run({"pgqueuer": pgqueuer, "procrastinate": procrastinate}[sys.argv[1]](sys.argv[2]))
