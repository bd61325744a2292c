"""Joins concurrent calls into few requests to the model, and keeps what goes wrong with one of them from the others.

There is no timer: a call that finds the model idle is sent at once, together with what else arrived in the same turn
of the event loop; calls that come while requests are under way are sent together as soon as one returns.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import orjson

from gateway.contract import (
    BadPrediction,
    CandidateFailed,
    ModelChanged,
    ModelTimeout,
    ModelUnavailable,
    Row,
    RowError,
)
from models.batch import Batch, Chunk, Scored, share
from models.dialect import Dialect
from models.transport import Transport

_RECORD_STATUSES = frozenset({400, 413, 422, 500})  # one record may be the cause, so halves are tried
_POSTS = 128
"""Requests that halving one batch may take; fewer while nothing at all was scored, for then the model is broken."""
_POSTS_IN_VAIN = 16


class _Unscored(Exception):
    """A request came back without usable predictions, maybe because of one record in it."""

    def __init__(self, error: RowError | CandidateFailed) -> None:
        super().__init__(error)
        self.error = error


class Coalescer:
    """A `contract.Model` over a transport. Bounded in rows that wait, in rows a request and in requests under way."""

    def __init__(
        self, transport: Transport, dialect: Dialect, tag: str, schema: Mapping[str, Any], *, batch: int, queue: int,
        in_flight: int,
    ) -> None:  # fmt: skip
        """`batch` rows a request at most, `queue` rows waiting at most, `in_flight` requests at once."""
        self.tag = tag
        self.schema = schema
        self._transport = transport
        self._dialect = dialect
        self._batch, self._queue, self._in_flight = batch, queue, in_flight
        self._waiting: dict[Chunk, None] = {}
        self._rows_waiting = 0
        self._under_way: set[Batch] = set()
        self._alarm: asyncio.Handle | None = None
        self._due = 0.0
        self._suspect = False
        self._closed = False

    async def predict(self, rows: Sequence[Row], timeout: float) -> Sequence[Scored]:
        """Predictions aligned with the rows; a RowError stands where that row alone could not be scored.

        Raises ModelTimeout after `timeout` seconds, ModelUnavailable at once when the queue is full or the model is
        gone, BadPrediction when it answers nonsense. What has timed out is not sent any more."""
        if timeout <= 0:
            raise ModelTimeout("no time was left to ask the model")
        if not rows:
            return []
        chunks = self._admitted(rows, timeout)
        try:
            if len(chunks) == 1:
                return await chunks[0].answers
            return [answer for chunk in chunks for answer in await chunk.answers]
        except (asyncio.CancelledError, CandidateFailed):
            for chunk in chunks:
                self._forsake(chunk)
            raise

    async def confirm(self) -> None:
        """Returns when the server says that it serves this very model. Raises ModelChanged, else CandidateFailed."""
        self._same(await self._dialect.served(self._transport))

    async def close(self) -> None:
        """Fails whoever still waits with ModelUnavailable and closes the connections."""
        self._closed = True
        for chunk in self._waiting:
            chunk.fail(ModelUnavailable("the model's client was closed"))
        tasks = [batch.task for batch in self._under_way if batch.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._alarm:
            self._alarm.cancel()
        await self._transport.close()

    def _admitted(self, rows: Sequence[Row], timeout: float) -> list[Chunk]:
        """A call larger than the whole queue is let in alone, when nothing else waits."""
        if self._closed:
            raise ModelUnavailable("the model's client is closed")
        if self._waiting and self._rows_waiting + len(rows) > self._queue:
            raise ModelUnavailable(f"{self._rows_waiting} rows already wait for the model, {self._queue} may")
        loop = asyncio.get_running_loop()
        deadline, size = loop.time() + timeout, self._batch
        parts = [rows] if len(rows) <= size else [rows[at : at + size] for at in range(0, len(rows), size)]
        chunks = [Chunk(part, loop.create_future(), deadline) for part in parts]
        for chunk in chunks:
            self._waiting[chunk] = None
        self._rows_waiting += len(rows)
        if self._alarm is None or deadline < self._due:
            self._watch(deadline)
        if len(self._under_way) < self._in_flight:
            self._start()
        return chunks

    def _watch(self, deadline: float) -> None:
        """One alarm for all who wait, at the earliest deadline: most calls never need one of their own."""
        if self._alarm:
            self._alarm.cancel()
        self._alarm, self._due = asyncio.get_running_loop().call_at(deadline, self._expire), deadline

    def _expire(self) -> None:
        """Tells those whose time has passed."""
        self._alarm, now = None, asyncio.get_running_loop().time()
        chunks = [*self._waiting, *(chunk for batch in self._under_way for chunk in batch.chunks)]
        live = [chunk for chunk in chunks if not chunk.answers.done()]
        for chunk in live:
            if chunk.deadline <= now:
                chunk.fail(ModelTimeout("the model gave no prediction in time"))
                self._forsake(chunk)
        if left := [chunk.deadline for chunk in live if chunk.deadline > now]:
            self._watch(min(left))

    def _forsake(self, chunk: Chunk) -> None:
        """Nobody waits for the chunk any more."""
        if not chunk.answers.cancel() and not chunk.answers.cancelled():
            chunk.answers.exception()  # marks it as seen: another chunk of the call has raised
        if chunk in self._waiting:
            self._remove(chunk)
        elif chunk.batch:
            chunk.batch.leave()

    def _remove(self, chunk: Chunk) -> None:
        del self._waiting[chunk]
        self._rows_waiting -= len(chunk.rows)

    def _start(self) -> None:
        if self._waiting and len(self._under_way) < self._in_flight and not self._closed:
            batch = Batch()
            self._under_way.add(batch)
            batch.task = asyncio.create_task(self._run(batch))
            batch.task.add_done_callback(lambda _: self._ended(batch))

    def _ended(self, batch: Batch) -> None:
        self._under_way.discard(batch)
        for chunk in batch.chunks:
            chunk.fail(ModelUnavailable("the request to the model was given up"))
        self._start()

    def _fill(self, batch: Batch) -> None:
        if self._rows_waiting <= self._batch:
            batch.chunks = list(self._waiting)
            self._waiting.clear()
            self._rows_waiting = 0
        else:
            size = 0
            for chunk in list(islice(self._waiting, self._batch)):
                size += len(chunk.rows)
                if size > self._batch:
                    break
                self._remove(chunk)
                batch.chunks.append(chunk)
        for chunk in batch.chunks:
            chunk.batch = batch

    async def _run(self, batch: Batch) -> None:
        self._fill(batch)
        self._start()
        if not batch.chunks:
            return
        try:
            await self._responsive()
            chunks = [chunk for chunk in batch.chunks if not chunk.answers.done()]
            share(await self._score([row for chunk in chunks for row in chunk.rows]), chunks)
        except asyncio.CancelledError:
            self._suspect = True
            raise
        except CandidateFailed as error:
            for chunk in batch.chunks:
                chunk.fail(type(error)(*error.args))

    async def _responsive(self) -> None:
        """After an abandoned request nothing is sent until the server answers again: a hung one gathers no work."""
        if self._suspect:
            await self._transport.probe()
            self._suspect = False

    async def _score(self, rows: Sequence[Row]) -> list[Scored | CandidateFailed]:
        """An answer for each row; what JSON cannot hold is found before anything is sent, and never is."""
        try:
            return await self._halved(rows)
        except orjson.JSONEncodeError:
            written = [_written(row) for row in rows]
        good = [row for row in written if not isinstance(row, RowError)]
        scored = iter(await self._halved(good) if good else ())
        return [row if isinstance(row, RowError) else next(scored) for row in written]

    async def _halved(self, rows: Sequence[Row]) -> list[Scored | CandidateFailed]:
        """An answer for each row. Halves what fails until the bad rows are alone, with a bounded number of requests."""
        answers: list[Scored | CandidateFailed] = [RowError("not scored")] * len(rows)
        waiting, posts, scored = deque([(0, len(rows))]), 0, False
        while waiting and posts < (_POSTS if scored else _POSTS_IN_VAIN):
            start, stop = waiting.popleft()
            posts += 1
            try:
                answers[start:stop] = await self._post(rows[start:stop])
                scored = True
            except _Unscored as failed:
                answers[start:stop] = [failed.error] * (stop - start)
                middle = (start + stop) // 2
                waiting += [(start, middle), (middle, stop)] if stop - start > 1 else []
        if all(isinstance(each, RowError | CandidateFailed) for each in answers):
            return answers
        # Other rows were scored, so what failed is a row's own.
        return [RowError(str(each)) if isinstance(each, CandidateFailed) else each for each in answers]

    async def _post(self, rows: Sequence[Row]) -> list[Scored | CandidateFailed]:
        status, body = await self._transport.post(self._dialect.path, self._dialect.request(rows))
        if status == 200:
            return self._read(body, len(rows))
        if status not in _RECORD_STATUSES:
            raise ModelUnavailable(f"the model answered with status {status}")
        if status == 500:
            raise _Unscored(ModelUnavailable("the model failed with status 500"))
        raise _Unscored(RowError(f"the model refused {len(rows)} record(s) with status {status}"))

    def _read(self, body: bytes, count: int) -> list[Scored | CandidateFailed]:
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise _Unscored(BadPrediction(f"the model's answer is not JSON: {error}")) from error
        try:
            predictions = self._dialect.predictions(answer, count)
        except BadPrediction as error:
            raise _Unscored(error) from error
        self._same(self._dialect.tag(answer))
        return [_prediction(each) for each in predictions]

    def _same(self, tag: str | None) -> None:
        if tag not in (None, self.tag):
            raise ModelChanged(f"{tag!r:.80} answered in place of {self.tag}")


def _written(row: Row) -> dict[str, Any] | RowError:
    """The row as orjson takes it."""
    try:
        known = dict(row)
        orjson.dumps(known)
    except TypeError as error:
        return RowError(f"the record cannot be written as JSON: {error}")
    return known


def _prediction(entry: Any) -> Scored | CandidateFailed:
    if not isinstance(entry, dict):
        return BadPrediction(f"a prediction is {type(entry).__name__}, not an object")
    if len(entry) == 1 and "error" in entry:
        return RowError(str(entry["error"])[:200])
    return entry
