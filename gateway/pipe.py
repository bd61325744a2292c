"""The pipe from a worker to the observer: frames of bytes, one non-blocking write each, bounded, never waited for.

A frame is 4 lengths (all that follows, the head, the request, the incumbent's reply; unsigned 32 bit, big-endian)
and then the head (JSON), the request, the incumbent's reply and the candidate's reply as they were on the wire.
"""

import asyncio
import struct
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import orjson

from gateway.contract import Raw

LENGTHS = struct.Struct("!IIII")
LINGER = 0.05
"""Seconds that frames are gathered for one write: so encoding them is no part of an answer's time, and the observer is
not woken for each, on a processor that callers need."""
REST = 1024
"""Bytes of memory that a sighting takes beside its messages."""
PART = 256
"""Frames written at once, which are lost where the observer dies before it has read them."""
Kind = Literal["call", "opened", "answered"]
DRAIN = 5.0
"""Seconds that the observer may take to read what a worker that ends has handed over."""


@dataclass(slots=True)
class Sighting:
    """What the observer is shown of one call. Times in milliseconds; None where that side was not asked."""

    request: Raw
    incumbent: Raw | None
    candidate: Raw | None
    kind: Kind
    route: str
    source: str
    operation: str
    call_id: str
    received: datetime
    stage: str
    by: str
    reason: str
    version: str
    model: str
    incumbent_ms: float | None
    candidate_ms: float | None
    gateway_ms: float | None
    locator: str = ""
    """What the adapter finds the answer of a witnessed call by."""

    @property
    def size(self) -> int:
        """Bytes of memory: those of the messages, and about those of the rest."""
        incumbent, candidate = self.incumbent, self.candidate
        return (
            REST
            + len(self.request.body)
            + (len(incumbent.body) if incumbent else 0)
            + (len(candidate.body) if candidate else 0)
        )

    def frame(self) -> Sequence[bytes]:
        """The parts of the frame on the wire."""
        request, incumbent, candidate = self.request, self.incumbent, self.candidate
        head = orjson.dumps(
            (
                self.kind, self.route, self.source, self.operation, self.call_id, self.received.timestamp(), self.stage,
                self.by, self.reason, self.version, self.model, self.incumbent_ms, self.candidate_ms, self.gateway_ms,
                self.locator,
                request.media, request.status,
                incumbent and (incumbent.media, incumbent.status), candidate and (candidate.media, candidate.status),
            )
        )  # fmt: skip
        first = incumbent.body if incumbent else b""
        second = candidate.body if candidate else b""
        size = len(head) + len(request.body) + len(first) + len(second)
        return LENGTHS.pack(size, len(head), len(request.body), len(first)), head, request.body, first, second


def read_frame(lengths: tuple[int, int, int, int], rest: bytes) -> "Sighting | Counts":
    """The sighting or the counts of a frame whose lengths have been unpacked."""
    _, head_size, request_size, incumbent_size = lengths
    head = orjson.loads(rest[:head_size])
    if head[0] == "counts":
        return Counts(*head[1:])
    facts, (media, status, incumbent, candidate) = head[:15], head[15:]
    facts[5] = datetime.fromtimestamp(facts[5], UTC)
    at = head_size + request_size
    return Sighting(
        Raw(rest[head_size:at], media, status),
        Raw(rest[at : at + incumbent_size], *incumbent) if incumbent else None,
        Raw(rest[at + incumbent_size :], *candidate) if candidate else None,
        *facts,
    )


@dataclass(slots=True)
class Counts:
    """What a worker counted since it started; sent when it connects and while it changes, so nothing is counted twice.

    `handed` is by route the frames given to the pipe before this one; `terms` is by route and ledger term what was
    never handed over."""

    worker: str
    handed: Mapping[str, int]
    terms: Mapping[str, Mapping[str, int]]

    def frame(self) -> bytes:
        """The frame on the wire."""
        head = orjson.dumps(("counts", self.worker, self.handed, self.terms))
        return LENGTHS.pack(len(head), len(head), 0, 0) + head


class Pipe:
    """The worker's end. Where the observer is slow or gone, frames wait, as many as fit; all others are dropped and
    counted. Callers never notice."""

    def __init__(self, worker: str, path: str, limit: int) -> None:
        """`path` is the observer's Unix socket, `limit` the bytes that may wait for it."""
        self.worker = worker
        self._path = path
        self._limit = limit
        self._transport: asyncio.WriteTransport | None = None
        self._full = False
        """Whether the socket takes no more for now."""
        self._gathered: deque[Sighting] = deque()
        self._size = 0
        self._due = False
        self._taken = self._gone = 0
        """Sightings so far, and those of them that nothing of this process holds any more."""
        self._waiting: deque[tuple[int, float, Callable[[], None]]] = deque()
        self._late = False
        self._handed: Counter[str] = Counter()
        self._terms: dict[str, Counter[str]] = {}
        self._told = 0
        self._changes = 0
        self._lost = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether there is an observer at the other end."""
        return self._transport is not None

    def hand(self, sighting: Sighting) -> None:
        """Hands one sighting over, or counts it as dropped; never blocks, never raises."""
        held = self._transport.get_write_buffer_size() if self._full and self._transport else 0
        if self._size + held > self._limit:
            self.count(sighting.route, "dropped")
            return
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(LINGER, self._write)
        self._gathered.append(sighting)
        self._taken += 1
        self._size += sighting.size

    def after(self, then: Callable[[], None], patience: float) -> None:
        """Calls `then`, in the order of the calls, once everything handed over so far is in the observer's socket,
        where kill -9 of this process does not reach it. After `patience` seconds it is called all the same, and from
        then on at once, until the observer has caught up."""
        self._write()
        if patience <= 0 or self._late or self._gone == self._taken:
            then()
            return
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_later(patience, self._give_up)
        self._waiting.append((self._taken, loop.time() + patience, then))

    def _give_up(self) -> None:
        if not self._waiting:
            return
        loop, due = asyncio.get_running_loop(), self._waiting[0][1]
        if loop.time() < due:
            loop.call_later(due - loop.time(), self._give_up)
            return
        self._late = True
        self._release(self._taken)

    def _release(self, number: int) -> None:
        while self._waiting and self._waiting[0][0] <= number:
            self._waiting.popleft()[2]()

    def _write(self) -> None:
        """Writes what is gathered, a part at a time: what the socket does not take waits here, and not in a connection
        that may be lost."""
        self._due = False
        while self._gathered and self._transport and not self._full:
            count = min(PART, len(self._gathered))
            parts: list[bytes] = []
            for _ in range(count):
                parts += self._framed(self._gathered.popleft())
            self._changes += count
            self._transport.write(b"".join(parts))
        if self._transport and not self._full and self._gone < self._taken:
            self._gone, self._late = self._taken, False
            self._release(self._gone)

    def _framed(self, sighting: Sighting) -> Sequence[bytes]:
        self._size -= sighting.size
        try:
            parts = sighting.frame()
        except (TypeError, struct.error):  # half a surrogate pair in a name, or more than 4 GiB
            self.count(sighting.route, "not_observable:unwritable")
            return ()
        self._handed[sighting.route] += 1
        return parts

    def count(self, route: str, term: str) -> None:
        """Counts a call that is not handed over under a term of the ledger."""
        self._terms.setdefault(route, Counter())[term] += 1
        self._changes += 1

    async def keep(self) -> None:
        """Keeps connected and tells the counts each second they changed, until cancelled; then tells them once more
        and returns when the observer has read all, or after a few seconds."""
        try:
            while True:
                if self._transport is None:
                    await self._connect()
                self._tell()
                await asyncio.sleep(1.0 if self._transport else 0.2)
        finally:
            await self._close()

    async def _close(self) -> None:
        if self._transport is None:
            return
        self._late, sent = False, asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN):
                self.after(sent.set, DRAIN)
                await sent.wait()
        for sighting in self._gathered:
            self.count(sighting.route, "dropped")
        self._tell()
        if self._transport:
            self._transport.close()  # what is still buffered goes out before the connection is lost
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN):
                    await self._lost.wait()

    async def _connect(self) -> None:
        try:
            transport, _ = await asyncio.get_running_loop().create_unix_connection(lambda: _End(self), self._path)
        except OSError:
            return  # the observer is starting or being restarted; tried again shortly, what fits waits meanwhile
        if not transport.is_closing():
            # Above nothing at all it says that the socket is full; as long as it does not, nothing is buffered in it.
            transport.set_write_buffer_limits(0)
            self._lost.clear()
            self._transport = transport
            self._told = -1
            self._tell()
            self._write()

    def full(self, full: bool) -> None:
        """The socket takes no more, or has taken all that was written."""
        self._full = full
        if not full:
            self._write()

    def lost(self) -> None:
        """The observer is gone, and with it what the socket had not taken."""
        self._transport, self._full = None, False
        self._gone = self._taken - len(self._gathered)
        self._release(self._gone)
        self._lost.set()

    def _tell(self) -> None:
        if self._transport and self._told != self._changes:
            self._told = self._changes
            terms = {route: dict(counts) for route, counts in self._terms.items()}
            self._transport.write(Counts(self.worker, dict(self._handed), terms).frame())


class _End(asyncio.Protocol):
    """What the transport says of a connection of the pipe's."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def pause_writing(self) -> None:
        self._pipe.full(True)

    def resume_writing(self) -> None:
        self._pipe.full(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pipe.lost()
