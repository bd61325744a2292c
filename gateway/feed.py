"""The pipe's other end: one connection a worker, frames in order, reading paused while the observer is behind."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from gateway.pipe import LENGTHS, Counts, Sighting, read_frame


class Sink(Protocol):
    """What takes the frames."""

    def sighted(self, worker: str, sighting: Sighting) -> None:
        """Takes one sighting."""

    def counted(self, counts: Counts) -> None:
        """Takes a worker's counts."""


class Feed(asyncio.Protocol):
    """One worker's connection. The first frame of a connection is the worker's counts, which name it."""

    def __init__(self, sink: Sink, feeds: set["Feed"], paused: Callable[[], bool]) -> None:
        self._sink = sink
        self._feeds = feeds
        self._paused = paused
        self._buffer = bytearray()
        self._worker = ""
        self._transport: asyncio.ReadTransport | None = None
        self.ended = asyncio.Event()
        """Set when the worker has closed it, or died, and all that it wrote has been read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.ReadTransport, transport)
        self._feeds.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._feeds.discard(self)
        self._transport = None
        self.ended.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        at, size = 0, len(self._buffer)
        while size - at >= LENGTHS.size:
            lengths = LENGTHS.unpack_from(self._buffer, at)
            end = at + LENGTHS.size + lengths[0]
            if size < end:
                break
            frame = read_frame(lengths, bytes(memoryview(self._buffer)[at + LENGTHS.size : end]))
            if isinstance(frame, Counts):
                self._worker = frame.worker
                self._sink.counted(frame)
            else:
                self._sink.sighted(self._worker, frame)
            at = end
        del self._buffer[:at]
        if self._paused() and self._transport:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Reads on."""
        if self._transport and not self._transport.is_reading():
            self._transport.resume_reading()
