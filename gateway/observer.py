"""The observer: decodes, scores, compares and books what the workers saw, in its own process, off every legacy path.

It holds no legacy credentials and has no way to publish, acknowledge or update; it is the only writer of records.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from traceback import extract_tb
from typing import TypeVar

import structlog
from sqlalchemy import Engine

from gateway.books import Books
from gateway.case import Case, decode, join, judge
from gateway.config import Config
from gateway.contract import ModelUnavailable
from gateway.cutover import Caps
from gateway.feed import Feed
from gateway.pace import Pace
from gateway.pipe import Counts, Sighting
from gateway.recorder import Recorder
from gateway.seal import Unopened
from gateway.store.batch import Batch
from gateway.store.caps import caps
from gateway.store.epochs import epoch
from gateway.store.model import DUPLICATE, FAILED, NOT_OBSERVABLE, ORPHAN, Close, Pending, StoreDown
from gateway.store.writer import Writer
from gateway.table import Table

log = structlog.get_logger()
T = TypeVar("T")

CHUNK = 256
"""Sightings judged together; one prediction request serves them."""
AT_ONCE = 2
"""Chunks under way: one is decoded while the model has the other."""
UNWRITTEN = 20_000
"""Records that may wait for the store before the observer stops reading."""
TABLES = 4
"""Route tables remembered: what was seen just before a reload is judged by the rules it was answered under."""
LINGER = 0.1
"""Seconds that a small chunk waits for more: nobody waits for a verdict, and small requests cost most. At 1,000 calls
a second, 0.02 costs the observer a fifth more CPU a call, and the model's process about twice as much."""
FLUSH = 0.5
"""Seconds between two writes to the store."""
EARLY = 5.0
"""Seconds that a sighting waits for its route table, which a worker may take up a moment before the observer does."""


class Observer:
    """Takes sightings from the pipe and leaves records and a balanced ledger in the store."""

    def __init__(self, engine: Engine, writer: Writer, books: Books, recorder: Recorder, config: Config) -> None:
        self._engine = engine
        self._writer = writer
        self._books = books
        self._recorder = recorder
        self._epochs: dict[tuple[str, str, str, str], int] = {}
        self.caps = Caps()
        self._early: deque[tuple[float, str, Sighting]] = deque()
        self._ending = asyncio.Event()
        self._leaving = False
        self._config = config
        self._tables: dict[str, Table] = {}
        self._queue: deque[Case] = deque()
        self._more = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._feeds: set[Feed] = set()
        self._unflushed: Batch | None = None
        self._chunks: set[asyncio.Task[None]] = set()
        self._opened: dict[tuple[str, str], Pending] = {}
        self._pace = Pace(time.monotonic(), time.process_time())
        self.problem = ""
        """Why the store is not written, if it is not."""

    def swap(self, table: Table) -> None:
        """Judges by this table from now on what was answered under it."""
        self._tables[table.version] = table
        for version in list(self._tables)[:-TABLES]:
            del self._tables[version]
        self._admit(EARLY)

    def feed(self) -> Feed:
        """The protocol of a new worker's connection."""
        return Feed(self, self._feeds, lambda: self.behind)

    def sighted(self, worker: str, sighting: Sighting) -> None:
        """Takes one sighting."""
        self._books.seen(worker, sighting)
        if (table := self._tables.get(sighting.version)) is None:
            self._early.append((time.monotonic(), worker, sighting))
        else:
            self._take(worker, sighting, table)

    def _admit(self, patience: float) -> None:
        """Takes what was seen under a table that is known by now, or was waited for `patience` seconds."""
        early, self._early = self._early, deque()
        for since, worker, sighting in early:
            table = self._tables.get(sighting.version)
            if table is None and time.monotonic() - since < patience:
                self._early.append((since, worker, sighting))
            else:
                self._take(worker, sighting, table)

    def _take(self, worker: str, sighting: Sighting, table: Table | None) -> None:
        if bound := table.find(sighting.source, sighting.operation) if table else None:
            case = Case(worker, sighting, bound)
            self._pace.called(case.taken)
            self._queue.append(case)
            self._more.set()
        else:
            self._books.decided(worker, sighting, f"{NOT_OBSERVABLE}:reloaded")

    def counted(self, counts: Counts) -> None:
        """Takes a worker's counts."""
        self._books.counted(counts)

    async def read_out(self) -> None:
        """Returns when every worker has ended and all that it wrote has been read. From now on the model ends, too:
        whom it fails is left undecided."""
        self._leaving = True
        await asyncio.gather(*(feed.ended.wait() for feed in self._feeds))

    @property
    def undecided(self) -> int:
        """Calls that were handed over and are not judged yet."""
        return len(self._queue) + len(self._early)

    @property
    def behind(self) -> bool:
        """Whether whoever hands over should wait."""
        return len(self._queue) + len(self._early) >= self._config.observer.backlog or self._unwritten >= UNWRITTEN

    @property
    def _unwritten(self) -> int:
        batch = self._books.batch
        return len(batch.records) + len(batch.opened) + len(batch.closed)

    async def run(self) -> None:
        """Judges and flushes until cancelled, or until one of the two breaks, which is raised; then judges what was
        read and flushes all of it."""
        judging, flushing = asyncio.create_task(self._judge_for_ever()), asyncio.create_task(self._flush_for_ever())
        try:
            await asyncio.wait([judging, flushing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            judging.cancel()
            self._ending.set()  # not cancelled: a flush that is under way goes on in its thread
            await asyncio.gather(judging, flushing, *self._chunks, return_exceptions=True)
            await self._finish()
        for ended in (judging, flushing):
            if not ended.cancelled():
                ended.result()

    async def _finish(self) -> None:
        await self._flush()  # the store may be back by now
        self._admit(0)
        while self._queue and not self.problem:
            if self._unwritten >= UNWRITTEN:
                await self._flush()
            await self._next()
            await asyncio.gather(*self._chunks)
        await self._flush()
        if not self.problem:
            await self._flush()  # the first one may only have written what an earlier one could not

    async def _judge_for_ever(self) -> None:
        while True:
            await self._more.wait()
            if len(self._queue) < CHUNK:
                await asyncio.sleep(LINGER)
            await self._rest()
            await self._next()

    async def _rest(self) -> None:
        """Makes way for callers, as long as that does not leave too much behind."""
        while self._queue:
            now = time.monotonic()
            crowded = 2 * len(self._queue) > self._config.observer.backlog
            late = crowded or now - self._queue[0].taken >= self._config.observer.lag
            if not (pause := self._pace.rest(now, time.process_time(), late)):
                return
            await asyncio.sleep(pause)

    async def _next(self) -> None:
        """Starts judging the next chunk as soon as there is a slot and the store keeps up."""
        await self._slots.acquire()
        if self._unwritten >= UNWRITTEN:
            self._slots.release()
            await asyncio.sleep(FLUSH)
            return
        chunk = [self._queue.popleft() for _ in range(min(CHUNK, len(self._queue)))]
        if not self._queue:
            self._more.clear()
        task = asyncio.create_task(self._judge(chunk, set(self._chunks)))
        self._chunks.add(task)
        task.add_done_callback(self._judged)

    def _judged(self, task: asyncio.Task[None]) -> None:
        self._chunks.discard(task)
        self._slots.release()
        self._read_on()

    def _read_on(self) -> None:
        if not self.behind:
            for feed in list(self._feeds):
                feed.resume()

    async def _judge(self, cases: Sequence[Case], earlier: Collection[asyncio.Task[None]]) -> None:
        """Judges a chunk: decodes, has the candidate score what needs it, compares and books."""
        answered = [case for case in cases if case.sighting.kind == "answered"]
        others = [case for case in cases if case.sighting.kind != "answered"] if answered else cases
        for case in others:
            with self._surviving([case]):
                decode(case)
        for group in _by_candidate(others):
            with self._surviving(group):
                await self._score(group)
        await self._conclude(others)
        if answered:
            if earlier:  # an answer often follows its call closely, which must have been opened by then
                await asyncio.wait(earlier)
            with self._surviving(answered):
                await self._join(answered)
            await self._conclude(answered)

    async def _conclude(self, cases: Iterable[Case]) -> None:
        for case in cases:
            if not case.closed:
                with self._surviving([case]):
                    self._decide(case, await self._epoch(case))

    @contextmanager
    def _surviving(self, cases: Sequence[Case]) -> Iterator[None]:
        """Here, and only here, any error is caught: no message stops the observer, and it is booked as failed."""
        try:
            yield
        except Exception as error:
            # Where it happened, never what it says: that may quote a person's data.
            log.error(
                "judging_failed", calls=[case.sighting.call_id for case in cases], error=type(error).__name__,
                at=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)],
            )  # fmt: skip
            for case in cases:
                self._close(case, FAILED)

    async def _join(self, cases: Sequence[Case]) -> None:
        """Gives each witnessed answer the call that waits for it. An answer nobody waits for is an orphan."""
        for route in {case.sighting.route for case in cases}:
            mine = [case for case in cases if case.sighting.route == route]
            ids = [case.sighting.call_id for case in mine]
            waiting = {call_id: self._opened[route, call_id] for call_id in ids if (route, call_id) in self._opened}
            waiting |= await self._asked(self._writer.open, route, [one for one in ids if one not in waiting])
            closed = await self._asked(self._writer.closed, route, [one for one in ids if one not in waiting])
            for case in mine:
                if pending := waiting.get(case.sighting.call_id):
                    self._rejoin(case, pending)
                    case.sighting.received = pending.opened
                    case.sighting.model, case.sighting.version = pending.model, pending.version
                else:
                    self._close(case, DUPLICATE if case.sighting.call_id in closed else ORPHAN)

    def _rejoin(self, case: Case, pending: Pending) -> None:
        case.late = pending.expired
        try:
            join(case, *self._recorder.waited(pending))
        except Unopened as error:
            log.error("pending_not_opened", route=pending.route, call=pending.call_id, reason=str(error))
            case.term = FAILED

    async def _asked(self, question: Callable[[str, Sequence[str]], T], route: str, call_ids: Sequence[str]) -> T:
        """What the store answers, however long it is away: an answer must not be booked before its call is found."""
        while True:
            try:
                return await asyncio.to_thread(question, route, call_ids)
            except StoreDown:
                if self._ending.is_set():
                    raise
                await asyncio.sleep(FLUSH)

    async def _score(self, cases: Sequence[Case]) -> None:
        """Has the candidate of these cases score all their records in one request."""
        candidate = cases[0].bound.candidate
        if candidate is None:
            return
        records = [record for case in cases for record in case.records]
        for case in cases:
            # At a URL another model may have taken its place since it was seen.
            case.sighting.model = candidate.link.tag or case.sighting.model
        started = time.monotonic()
        scored = iter(await candidate.score(records, self._config.observer.timeout))
        took = (time.monotonic() - started) * 1000
        for case in cases:
            case.candidate = [next(scored) for _ in case.records]
            case.sighting.candidate_ms = took
            # A model that has ended with its gateway is no evidence against the candidate: the call is lost instead.
            case.closed = self._leaving and any(isinstance(one, ModelUnavailable) for one in case.candidate)

    async def _epoch(self, case: Case) -> int:
        """The evidence epoch's number in the store; 0 while the store cannot tell."""
        route, bound = case.sighting.route, case.bound
        model = case.sighting.model
        try:
            if not self.caps.known:
                self.caps = await asyncio.to_thread(caps, self._engine)
            key = (route, model, bound.digest, bound.step(self.caps))
            if key not in self._epochs:
                revision = bound.revision if bound.tag == model else ""
                self._epochs[key] = await asyncio.to_thread(epoch, self._engine, *key, revision)
        except StoreDown:
            return 0
        return self._epochs[key]

    def _decide(self, case: Case, number: int) -> None:
        """Compares a case, records and books it."""
        sighting, batch = case.sighting, self._books.batch
        case.epoch = number
        if sighting.kind == "opened" and not case.term:
            pending = self._recorder.pending(case)
            batch.opened.append(pending)
            self._opened[sighting.route, sighting.call_id] = pending
            self._close(case, "")
            return
        judge(case)
        self._recorder.keep(case, batch)
        if sighting.kind == "answered":
            batch.closed.append(Close(sighting.route, sighting.call_id, case.term))
            self._close(case, "")
        else:
            self._close(case, case.term)

    def _close(self, case: Case, term: str) -> None:
        if not case.closed:
            case.closed = True
            self._books.decided(case.worker, case.sighting, term)

    async def _flush_for_ever(self) -> None:
        while not self._ending.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH):
                    await self._ending.wait()
            self._admit(EARLY)
            await self._flush()

    async def _flush(self) -> None:
        """Writes the books to the store; what cannot be written is kept and written first the next time."""
        if self._unflushed is None:
            self._unflushed = self._books.close()
        try:
            found = await asyncio.to_thread(self._write, self._unflushed)
        except StoreDown as error:
            if not self.problem:
                log.error("store_down", reason=str(error))
            self.problem = str(error)
            return
        for pending in self._unflushed.opened:
            self._opened.pop((pending.route, pending.call_id), None)
        self._unflushed, self.problem = None, ""
        if found != self.caps:
            self.caps = found
            self._epochs.clear()  # evidence starts anew when a hold has ended or a plan has moved
        self._read_on()

    def _write(self, batch: Batch) -> Caps:
        self._writer.flush(batch)
        self._writer.expire(datetime.now(UTC))
        return caps(self._engine)


def _by_candidate(cases: Iterable[Case]) -> Iterable[Sequence[Case]]:
    """The cases that have to be scored, by who scores them."""
    groups: dict[int, list[Case]] = {}
    for case in cases:
        if case.wants_score:
            groups.setdefault(id(case.bound.candidate), []).append(case)
    return groups.values()
