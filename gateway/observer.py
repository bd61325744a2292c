"""The observer: decodes, scores, compares and books what the workers saw, in its own process, off every legacy path.

It holds no legacy credentials and has no way to publish, acknowledge or update; it is the only writer of records.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog
from sqlalchemy import Engine

from gateway.books import Books
from gateway.case import Case, decode, join, judge
from gateway.config import Config
from gateway.feed import Feed
from gateway.pipe import Counts, Sighting
from gateway.recorder import Recorder, revived
from gateway.store.epochs import epoch
from gateway.store.holds import held
from gateway.store.model import DUPLICATE, FAILED, NOT_OBSERVABLE, ORPHAN, Batch, Close, Pending, StoreDown
from gateway.store.writer import Writer
from gateway.table import Table, rules_digest

log = structlog.get_logger()

CHUNK = 256
"""Sightings judged together; one prediction request serves them."""
AT_ONCE = 2
"""Chunks under way: one is decoded while the model has the other."""
UNWRITTEN = 20_000
"""Records that may wait for the store before the observer stops reading."""
TABLES = 4
"""Route tables remembered: what was seen just before a reload is judged by the rules it was answered under."""
FLUSH = 0.5
"""Seconds between two writes to the store."""


class Observer:
    """Takes sightings from the pipe and leaves records and a balanced ledger in the store."""

    def __init__(self, engine: Engine, writer: Writer, books: Books, recorder: Recorder, config: Config) -> None:
        self._engine = engine
        self._writer = writer
        self._books = books
        self._recorder = recorder
        self._epochs: dict[tuple[str, str, str, str], int] = {}
        self._holds: Mapping[str, str] = {}
        self._config = config
        self._tables: dict[str, Table] = {}
        self._queue: deque[Case] = deque()
        self._more = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._feeds: set[Feed] = set()
        self._unflushed: Batch | None = None
        self._chunks: set[asyncio.Task[None]] = set()
        self._opened: dict[tuple[str, str], Pending] = {}
        self.problem = ""
        """Why the store is not written, if it is not."""

    def swap(self, table: Table) -> None:
        """Judges by this table from now on what was answered under it."""
        self._tables[table.version] = table
        for version in list(self._tables)[:-TABLES]:
            del self._tables[version]

    def feed(self) -> Feed:
        """The protocol of a new worker's connection."""
        return Feed(self, self._feeds, lambda: self._behind)

    def sighted(self, worker: str, sighting: Sighting) -> None:
        """Takes one sighting."""
        self._books.seen(worker, sighting)
        table = self._tables.get(sighting.version)
        if bound := table.find(sighting.source, sighting.operation) if table else None:
            self._queue.append(Case(worker, sighting, bound))
            self._more.set()
        else:
            self._books.decided(worker, sighting, f"{NOT_OBSERVABLE}:reloaded")

    def counted(self, counts: Counts) -> None:
        """Takes a worker's counts."""
        self._books.counted(counts)

    @property
    def _behind(self) -> bool:
        return len(self._queue) >= self._config.observer.backlog or len(self._books.batch.records) >= UNWRITTEN

    async def run(self) -> None:
        """Judges and flushes until cancelled; then judges what was read and flushes once more."""
        flusher = asyncio.create_task(self._flush_for_ever())
        try:
            while True:
                await self._more.wait()
                await self._next()
        finally:
            flusher.cancel()
            await asyncio.gather(flusher, *self._chunks, return_exceptions=True)
            while self._queue and not self.problem:
                await self._next()
                await asyncio.gather(*self._chunks)
            await self._flush()

    async def _next(self) -> None:
        """Starts judging the next chunk as soon as there is a slot and the store keeps up."""
        await self._slots.acquire()
        if len(self._books.batch.records) >= UNWRITTEN:
            self._slots.release()
            await asyncio.sleep(FLUSH)
            return
        chunk = [self._queue.popleft() for _ in range(min(CHUNK, len(self._queue)))]
        if not self._queue:
            self._more.clear()
        task = asyncio.create_task(self._judge(chunk))
        self._chunks.add(task)
        task.add_done_callback(self._judged)

    def _judged(self, task: asyncio.Task[None]) -> None:
        self._chunks.discard(task)
        self._slots.release()
        if not self._behind:
            for feed in list(self._feeds):
                feed.resume()

    async def _judge(self, cases: Sequence[Case]) -> None:
        """Judges a chunk: decodes, has the candidate score what needs it, compares and books."""
        answered = [case for case in cases if case.sighting.kind == "answered"]
        for case in cases:
            if case not in answered:
                with self._surviving([case]):
                    decode(case)
        if answered:
            with self._surviving(answered):
                await self._join(answered)
        for group in _by_candidate(cases):
            with self._surviving(group):
                await self._score(group)
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
            log.exception("judging_failed", calls=[case.sighting.call_id for case in cases], error=type(error).__name__)
            for case in cases:
                self._close(case, FAILED)

    async def _join(self, cases: Sequence[Case]) -> None:
        """Gives each witnessed answer the call that waits for it. An answer nobody waits for is an orphan."""
        for route in {case.sighting.route for case in cases}:
            mine = [case for case in cases if case.sighting.route == route]
            ids = [case.sighting.call_id for case in mine]
            waiting = {call_id: self._opened[route, call_id] for call_id in ids if (route, call_id) in self._opened}
            waiting |= await asyncio.to_thread(self._writer.open, route, [one for one in ids if one not in waiting])
            closed = await asyncio.to_thread(self._writer.closed, route, [one for one in ids if one not in waiting])
            for case in mine:
                if pending := waiting.get(case.sighting.call_id):
                    join(case, pending.request, revived(pending.candidate))
                    case.sighting.received = pending.opened
                    case.sighting.model, case.sighting.version = pending.model, pending.version
                else:
                    self._close(case, DUPLICATE if case.sighting.call_id in closed else ORPHAN)

    async def _score(self, cases: Sequence[Case]) -> None:
        """Has the candidate of these cases score all their records in one request."""
        candidate = cases[0].bound.candidate
        if candidate is None:
            return
        records = [record for case in cases for record in case.records]
        started = time.monotonic()
        scored = iter(await candidate.score(records, self._config.observer.timeout))
        took = (time.monotonic() - started) * 1000
        for case in cases:
            case.candidate = [next(scored) for _ in case.records]
            case.sighting.candidate_ms = took

    async def _epoch(self, case: Case) -> int:
        """The evidence epoch's number in the store; 0 while the store cannot tell."""
        route, bound = case.sighting.route, case.bound
        model = case.sighting.model
        digest = rules_digest(bound.settings)
        key = (route, model, digest, f"{bound.settings.stage} {bound.settings.percent}")
        if key not in self._epochs:
            try:
                self._epochs[key] = await asyncio.to_thread(epoch, self._engine, *key)
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
        while True:
            await asyncio.sleep(FLUSH)
            await self._flush()

    async def _flush(self) -> None:
        """Writes the books to the store; what cannot be written is kept and written first the next time."""
        if self._unflushed is None:
            self._unflushed = self._books.close()
        try:
            await asyncio.to_thread(self._write, self._unflushed)
        except StoreDown as error:
            if not self.problem:
                log.error("store_down", reason=str(error))
            self.problem = str(error)
            return
        for pending in self._unflushed.opened:
            self._opened.pop((pending.route, pending.call_id), None)
        self._unflushed, self.problem = None, ""

    def _write(self, batch: Batch) -> None:
        self._writer.flush(batch)
        self._writer.expire(datetime.now(UTC))
        if (holds := held(self._engine)) != self._holds:
            self._holds = holds
            self._epochs.clear()  # evidence starts anew when a hold has ended


def _by_candidate(cases: Iterable[Case]) -> Iterable[Sequence[Case]]:
    """The cases that have to be scored, by who scores them."""
    groups: dict[int, list[Case]] = {}
    for case in cases:
        if case.wants_score:
            groups.setdefault(id(case.bound.candidate), []).append(case)
    return groups.values()
