"""HTTP/1.1 to the incumbent on bare connections: what is written is what is sent, and it is sent once.

A client library would change what it carries (headers added, header bytes re-encoded, bodies decompressed, one
caller's cookies sent with the next one's request, idempotent requests repeated) and cost twice the CPU of a call.
"""

import asyncio
import re
import select
from typing import cast

import httptools

_HEAD = 262_144
"""Bytes of an answer's head at which it is given up."""

_HIGH = 65_536
"""Bytes beyond what was asked for at which the incumbent is made to wait."""

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class Lost(ConnectionError):
    """The connection ended, or stopped being HTTP, before the answer was whole."""


class Connection(asyncio.Protocol):
    """One connection, one exchange at a time. Whoever holds it is the only one who waits on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._paused = False
        self._poll = select.poll()
        self.expires = 0.0
        """When an idle connection is too old to be used, in the loop's time."""
        self._reset(bodiless=False)

    def _reset(self, bodiless: bool) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.has_head = False
        self.whole = False
        self.reusable = False
        self._error: Exception | None = None
        self._chunks: list[bytes] = []
        self._size = self._wanted = self._head = 0
        self._bodiless = bodiless

    def send(self, head: bytes, body: bytes, *, bodiless: bool = False) -> None:
        """Starts an exchange; the answer to `bodiless` (HEAD) ends with its head. Raises Lost."""
        self._reset(bodiless)
        self._flow()
        self._parser = httptools.HttpResponseParser(self)
        # Old servers end lines with a bare line feed, pad chunk sizes and fold headers: all of it is unambiguous.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        transport = self._open()
        if len(body) < _HIGH:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)

    async def upload(self, chunk: bytes) -> None:
        """Sends more of the request's body, as fast as the incumbent reads. Raises Lost."""
        self._open().write(chunk)
        if self._writable is not None:
            await self._writable
            self._open()

    async def head(self) -> None:
        """Returns when `status` and `headers` are there. Raises Lost."""
        while not self.has_head:
            await self._change()

    async def body(self, most: int) -> bytes:
        """The answer's body, or the beginning where it is larger than `most`; `whole` tells which. Raises Lost."""
        self._wanted = most
        while not self.whole and self._size <= most:
            self._flow()
            await self._change()
        chunks, self._chunks, self._size = self._chunks, [], 0
        return b"".join(chunks) if len(chunks) != 1 else chunks[0]

    def abort(self) -> None:
        """Ends the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_idle(self) -> bool:
        """Whether the connection is open and nothing came over it, which could only be its end.

        Asks the kernel too: what has come, a busy loop may not have seen yet, and a call over a closed connection
        would be lost."""
        return self._transport is not None and not self._transport.is_closing() and not self._poll.poll(0)

    def _open(self) -> asyncio.Transport:
        if self._transport is None or self._transport.is_closing():
            raise Lost("the connection was closed")
        return self._transport

    async def _change(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _flow(self) -> None:
        """Lets the incumbent go on or makes it wait, after what is asked for and not yet taken."""
        pause = self._size > self._wanted + _HIGH
        if pause != self._paused and self._transport is not None:
            self._paused = pause
            (self._transport.pause_reading if pause else self._transport.resume_reading)()

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self.reusable = False
        self._wake()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.resume_writing()
        if exc is None and self._ends_with_the_connection():
            self.whole = True
            self._wake()
        elif not self.whole:
            self._fail(Lost(f"the connection was lost: {exc}" if exc else "the connection was closed"))
        self._parser = None

    def _ends_with_the_connection(self) -> bool:
        lengths = (b"content-length", b"transfer-encoding")
        return self.has_head and not self.whole and not any(name.lower() in lengths for name, _ in self.headers)

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self.whole:
            self.abort()  # nothing was asked: whatever this is, it must not become the next answer
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(Lost(f"the answer is not HTTP as we know it: {error.__context__ or error}"))
        if not self.has_head:
            self._head += len(data)
            if self._head > _HEAD:
                self._fail(Lost(f"the answer's head is larger than {_HEAD} bytes"))

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self.whole:
            raise Lost("more than one answer came")
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:
            # No HTTP server may send these on, and they are no part of any value.
            self.headers.append((name, _CONTROL.sub(b"", value).strip()))

    def on_headers_complete(self) -> None:
        parser = cast(httptools.HttpResponseParser, self._parser)
        self.status = parser.get_status_code()
        if self.status > 599:
            raise Lost(f"the answer's status is {self.status}")
        if self.status >= 200:
            self.has_head = True
            # A server that sends a body after all must not have it taken for the next answer.
            self.reusable = parser.should_keep_alive() and not self._bodiless
            self.whole = self._bodiless
            self._wake()

    def on_body(self, body: bytes) -> None:
        if self.whole:
            return
        self._chunks.append(body)
        self._size += len(body)
        if self._size > self._wanted:
            self._flow()
            self._wake()

    def on_message_complete(self) -> None:
        if self.has_head:  # an interim answer, 100 or 103, has no end of its own
            self.whole = True
            self._wake()
