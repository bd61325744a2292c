"""One table's poller: finds rows, has them answered, writes the answers; or only watches while the batch answers.

The database is spoken to in threads, so the event loop never waits for it. A row is claimed before it is
answered and answered before it is done with: whoever is killed loses nothing, and nobody's row is answered twice.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import Engine

from adapters.database.calls import Calls, merged, sorted_out
from adapters.database.config import DatabaseSettings, TableSettings
from adapters.database.desk import Desk
from adapters.database.endings import Endings
from adapters.database.engine import DatabaseDown, RowRefused
from adapters.database.hindsight import Hindsight
from adapters.database.layout import Key, Missing
from adapters.database.leader import Leader
from adapters.database.listen import listening
from adapters.database.pace import Pace
from adapters.database.schedule import Schedule, utc
from adapters.database.turns import LOOK, InTurn
from adapters.database.watch import Watch
from adapters.database.work import Ended, Seen, Taken
from gateway.contract import ConfigError, Gateway, Stage, UnderstudyError

T = TypeVar("T")
SLICE = 128
"""Rows that are answered at once: between two slices others have their turn on the event loop."""
AHEAD: Mapping[str, int] = {"postgresql": 3}
"""By database, batches that are answered while the next is claimed; one where nothing is said, since two that are
written beside that would wait for each other."""
REVIEW = 5.0
"""Seconds between two looks at what was written."""


class Poller:
    """gateway.contract.Source for one table."""

    def __init__(
        self, name: str, operation: str, settings: DatabaseSettings, engine: Engine, calls: Calls,
        say: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        """`say` is told of problems: a short word and a sentence."""
        self._where = f"adapters.{name}.tables.{operation}"
        self._name, self._operation = name, operation
        self._table: TableSettings = settings.tables[operation]
        self._settings = settings
        self._engine = engine
        self._calls = calls
        self._say = say
        self._most = AHEAD.get(engine.dialect.name, 1)
        threads = 1 if engine.dialect.name == "sqlite" else 1 + self._most  # SQLite has one writer at a time
        self._threads = ThreadPoolExecutor(threads, f"{name}/{operation}")
        self._scoring = asyncio.Lock()
        self._in_turn = InTurn(calls, self._run, self._by_itself)
        self._under_way: deque[asyncio.Task[int]] = deque()
        """Batches that are being answered, the oldest first: some are written, one is scored, and the next claimed."""
        self._pace = Pace(settings.poll, settings.budget.rows)
        self._leader = Leader(f"{name}/{operation}")
        self._schedule = Schedule(self._table.batch, self._table.claim.lease)
        self._desk: Desk | None = None
        self._watch: Watch | None = None
        self._endings: Endings | None = None
        self._answered: Hindsight | None = None
        self._reviewed = 0.0
        self._quiet = True
        self._problem = ""
        self._nobody = False
        """Whether nobody could be asked about rows of this look."""
        self._released = utc()

    async def run(self, gateway: Gateway, stop: asyncio.Event) -> None:
        """Polls until `stop`, then returns with nothing in flight. What the database refuses is tried again, ever
        more seldom, for as long as it takes."""
        listener = asyncio.create_task(listening(self._engine, self._settings.poll.listen, self._pace.arrived, stop))
        try:
            while not stop.is_set():
                self._pace.looks()
                found = await self._tried(gateway, self._round(gateway))
                await self._pace.pause(stop, found > 0)
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
            while self._under_way:
                await self._tried(gateway, self._under_way.popleft())
            self._threads.shutdown(wait=False)

    async def _tried(self, gateway: Gateway, work: Awaitable[int]) -> int:
        """How many rows it had to do with; none where the database refuses it, which is told once."""
        found, self._nobody = 0, False
        try:
            found = await work
            self._problem = ""
            if self._nobody and not found:
                self._pace.failed()  # the same rows would be looked at again at once
            else:
                self._pace.worked(found)
        except (DatabaseDown, RowRefused, ConfigError) as error:
            self._pace.failed()
            gateway.count(self._name, self._operation, "down")
            if str(error) != self._problem:
                self._problem = str(error)
                self._say("database_down", f"{self._where}: {self._problem}")
        return found

    def _run(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _round(self, gateway: Gateway) -> int:
        """One look, and what follows from it; returns how many rows it had to do with."""
        if self._desk is None:
            timezone, reconcile = self._settings.timezone, self._settings.poll.reconcile
            self._desk = await self._run(lambda: Desk(self._where, self._table, self._engine, timezone, reconcile))
            self._watch = Watch(self._desk, self._calls, reconcile)
            self._endings = Endings(self._desk)
        decision = gateway.decide(self._name, self._operation, None)
        if (
            decision is None
            or decision.nobody
            or (decision.stage is Stage.OFF and self._table.batch and not decision.observed)
        ):
            return 0
        if self._table.batch is None:
            return await self._claim(gateway, self._desk)
        return await self._beside_batch(gateway, self._desk, decision.stage)

    async def _beside_batch(self, gateway: Gateway, desk: Desk, stage: Stage) -> int:
        leads = await self._leader.leads(gateway)
        if self._table.read == "answered":
            return await self._hindsight(gateway, desk) if leads else 0
        now = utc()
        claiming = stage >= Stage.CANARY and not self._schedule.closed(now)
        found = 0
        if leads:
            found += await self._look_after(gateway, stage)
        if stage is Stage.LIVE:
            return found + (await self._claim(gateway, desk) if claiming else 0)
        return found + (await self._sort(gateway, desk, claiming) if leads else 0)

    async def _hindsight(self, gateway: Gateway, desk: Desk) -> int:
        """Reads what the batch has answered since the last look."""
        if self._answered is None:
            self._answered = Hindsight(desk, self._calls, self._settings.poll.reconcile)
        answered = self._answered
        rows = await self._run(lambda: answered.page(self._table.size))
        replies, _ = await self._run(lambda: desk.replies([row.key for row in rows]))
        return await answered.tell(gateway, rows, replies)

    async def _sort(self, gateway: Gateway, desk: Desk, claiming: bool) -> int:
        """Reads on, has what the batch answers witnessed, and answers what is the candidate's."""
        watch = self._watch
        assert watch is not None  # noqa: S101 - made with the desk
        rows, read = await self._run(lambda: watch.page(self._table.size))
        ours = await watch.sort(gateway, rows, claiming)
        if ours:
            await self._answer(gateway, desk, await self._run(lambda: desk.claim_these(ours)))
        return read

    async def _look_after(self, gateway: Gateway, stage: Stage) -> int:
        """Joins answers of the batch, reads ours again, and gives back in time what failed."""
        watch, endings = self._watch, self._endings
        assert watch is not None and endings is not None  # noqa: S101 - made with the desk
        await watch.prime(gateway)
        found = await watch.join(gateway, self._run)
        loop = asyncio.get_running_loop()
        if loop.time() - self._reviewed < min(REVIEW, self._settings.poll.reconcile):
            return found
        self._reviewed = loop.time()
        if stage < Stage.CANARY:
            await self._let_go(gateway, endings)
            return found
        watch.again()  # other workers have rows watched as well
        if not self._schedule.running(utc()):
            for word in await self._run(endings.review):
                gateway.noticed(self._name, self._operation, word)
        before, self._released = self._released, utc()
        if self._schedule.release(before, self._released) and (given := await self._run(endings.give_back)):
            gateway.count(self._name, self._operation, "given_back", given)
        return found

    async def _let_go(self, gateway: Gateway, endings: Endings) -> None:
        """Gives rows back that carry our status although the batch answers again: whoever had them was killed."""
        status = self._table.find.status
        if status and status.claimed is not None:
            with suppress(Missing):  # without a side table nothing was ever claimed
                if given := await self._run(endings.give_back):
                    gateway.count(self._name, self._operation, "given_back", given)

    async def _claim(self, gateway: Gateway, desk: Desk) -> int:
        """Claims a batch and has it answered. While little comes it first only looks, and a single row is answered at
        once: a claim is a transaction of its own."""
        single = self._table.size == 1
        if self._quiet or single:
            rows = await self._run(lambda: desk.peek(LOOK if single else 2))
            if rows and (single or len(rows) == 1) and desk.at_once and await self._leader.leads(gateway):
                return await self._in_turn.answer(gateway, desk, rows)
            if not rows:
                return 0
        taken = await self._run(lambda: desk.claim(self._table.size))
        self._quiet = len(taken.rows) <= 1
        self._under_way.append(asyncio.create_task(self._answer(gateway, desk, taken)))
        more = len(taken.rows) == self._table.size and self._table.batch is None  # perhaps, to be claimed meanwhile
        done = int(more)
        while len(self._under_way) > (self._most if more else 0):
            done = await self._under_way.popleft()
        return len(taken.rows) if more and done else done

    async def _by_itself(self, gateway: Gateway, row: Seen, ended: Ended) -> int:
        """Ends a row that could not be answered without a claim: it is locked, something is wrong with it, or
        nobody could be asked."""
        if ended.unasked:
            self._nobody = True
            gateway.count(self._name, self._operation, "unasked")
            return 0
        desk = self._desk
        assert desk is not None  # noqa: S101 - made before the first row was read
        taken = await self._run(lambda: desk.claim_these([row.key]))
        return await self._finish(gateway, taken, ended) if taken.token else 0

    async def _answer(self, gateway: Gateway, desk: Desk, taken: Taken) -> int:
        """Has claimed rows answered and writes what came; the lease is renewed meanwhile."""
        if not taken.token:
            return 0
        renewing = asyncio.create_task(self._renew(desk, taken.token))
        try:
            async with self._scoring:  # the model is asked for one batch after the other
                ended = await self._ended(gateway, taken)
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
        return await self._finish(gateway, taken, ended)

    async def _finish(self, gateway: Gateway, taken: Taken, ended: Ended) -> int:
        """Writes what came of claimed rows; returns how many are done with."""
        if self._schedule.running(utc()):  # it was claimed with time to spare, and took longer
            ended = Ended(unasked=[row.key for row in taken.rows])
        endings = self._endings
        assert endings is not None  # noqa: S101 - made with the desk
        written, noticed = await self._run(lambda: endings.answer(taken, ended))
        for word in noticed:
            gateway.noticed(self._name, self._operation, word)
        self._count(gateway, taken, ended, written)
        self._nobody |= bool(ended.unasked)
        return len(taken.rows) - len(ended.unasked)

    async def _ended(self, gateway: Gateway, taken: Taken) -> Ended:
        rows, kept = await self._kept(gateway, taken)
        parts = [Ended(failed=kept)]
        for at in range(0, len(rows), SLICE):
            slice_ = rows[at : at + SLICE]
            answers = await gateway.answer([self._calls.call(row) for row in slice_])
            parts.append(sorted_out(slice_, answers, self._table.batch is not None and self._answers(gateway)))
            await asyncio.sleep(0)
        return merged(parts)

    async def _kept(self, gateway: Gateway, taken: Taken) -> tuple[Sequence[Seen], Mapping[Key, str]]:
        """The rows to have answered, and those that the route leaves to the batch: these are watched as in shadow."""
        if self._table.batch is None or self._watch is None or not self._answers(gateway):
            return taken.rows, {}
        ours = set(await self._watch.sort(gateway, taken.rows, claiming=True))
        rows = [row for row in taken.rows if row.key in ours]
        return rows, {row.key: "left to the batch by the route" for row in taken.rows if row.key not in ours}

    def _answers(self, gateway: Gateway) -> bool:
        """Whether the candidate still is to answer anything: a hold may have come since the rows were chosen."""
        decision = gateway.decide(self._name, self._operation, None)
        return decision is not None and decision.stage >= Stage.CANARY

    def _count(self, gateway: Gateway, taken: Taken, ended: Ended, written: int) -> None:
        counts = {
            "answered": written, "failed": len(ended.failed) + len(taken.worn), "again": len(ended.again),
            "unasked": len(ended.unasked),
        }  # fmt: skip
        for event, amount in counts.items():
            if amount:
                gateway.count(self._name, self._operation, event, amount)

    async def _renew(self, desk: Desk, token: str) -> None:
        """Begins the lease anew each third of it, until cancelled; what cannot be renewed is refused when written."""
        while True:
            await asyncio.sleep(self._table.claim.lease / 3)
            with suppress(UnderstudyError):
                await self._run(lambda: desk.renew(token))


async def together(pollers: Sequence[Poller], gateway: Gateway, stop: asyncio.Event) -> None:
    """Runs all of an adapter's pollers."""
    work: Sequence[Awaitable[None]] = [poller.run(gateway, stop) for poller in pollers]
    await asyncio.gather(*work)
