"""The pipe from a worker to the observer: frames of bytes, one non-blocking write each, bounded, never waited for.

A frame is 4 lengths (all that follows, the head, the request, the incumbent's reply; unsigned 32 bit, big-endian)
and then the head (JSON), the request, the incumbent's reply and the candidate's reply as they were on the wire.
"""

import asyncio
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import orjson

from gateway.contract import Raw

LENGTHS = struct.Struct("!IIII")
LINGER = 0.005
"""Seconds that frames are gathered for one write: so encoding them is no part of an answer's time, and the observer is
not woken for each, on a processor that callers need."""
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
        """Bytes of the messages."""
        incumbent, candidate = self.incumbent, self.candidate
        return (
            len(self.request.body)
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
    """The worker's end. Where the observer is slow or gone, frames are dropped and counted; callers never notice."""

    def __init__(self, worker: str, path: str, limit: int) -> None:
        """`path` is the observer's Unix socket, `limit` the bytes that may wait for it."""
        self.worker = worker
        self._path = path
        self._limit = limit
        self._transport: asyncio.WriteTransport | None = None
        self._gathered: list[Sighting] = []
        self._size = 0
        self._handed: Counter[str] = Counter()
        self._terms: dict[str, Counter[str]] = {}
        self._told = 0
        self._changes = 0
        self._gone = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether there is an observer at the other end."""
        return self._transport is not None

    def hand(self, sighting: Sighting) -> None:
        """Hands one sighting over, or counts it as dropped; never blocks, never raises."""
        transport = self._transport
        if transport is None or transport.get_write_buffer_size() + self._size > self._limit:
            self.count(sighting.route, "dropped")
            return
        if not self._gathered:
            asyncio.get_running_loop().call_later(LINGER, self._write)
        self._gathered.append(sighting)
        self._size += sighting.size

    def _write(self) -> None:
        gathered, self._gathered, self._size = self._gathered, [], 0
        if not gathered:
            return
        if self._transport is None:
            for sighting in gathered:
                self.count(sighting.route, "dropped")
            return
        parts: list[bytes] = []
        for sighting in gathered:
            try:
                parts += sighting.frame()
            except (TypeError, struct.error):  # half a surrogate pair in a name, or more than 4 GiB
                self.count(sighting.route, "not_observable:unwritable")
            else:
                self._handed[sighting.route] += 1
        self._changes += len(gathered)
        self._transport.write(b"".join(parts))

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
            self._write()
            self._tell()
            await self._close()

    async def _close(self) -> None:
        if self._transport:
            self._transport.close()  # what is still buffered goes out before the connection is lost
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN):
                    await self._gone.wait()

    async def _connect(self) -> None:
        try:
            transport, _ = await asyncio.get_running_loop().create_unix_connection(
                lambda: _Lost(self._lost), self._path
            )
        except OSError:
            return  # the observer is starting or being restarted; tried again shortly, drops are counted meanwhile
        if not transport.is_closing():
            self._gone.clear()
            self._transport = transport
            self._told = -1

    def _lost(self) -> None:
        self._transport = None
        self._gone.set()

    def _tell(self) -> None:
        if self._transport and self._told != self._changes:
            self._told = self._changes
            terms = {route: dict(counts) for route, counts in self._terms.items()}
            self._transport.write(Counts(self.worker, dict(self._handed), terms).frame())


class _Lost(asyncio.Protocol):
    def __init__(self, lost: Callable[[], None]) -> None:
        self._on_lost = lost

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost()
