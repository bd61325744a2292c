"""A small HTTP/1.1 listener with keep-alive, as an application server of 2004 had one: no chunked requests.

Requests of one connection are answered in order, one at a time. Standard library only.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024 * 1024
PHRASES = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 411: "Length Required",
           413: "Request Entity Too Large", 431: "Request Header Fields Too Large",
           500: "Internal Server Error"}  # fmt: skip


@dataclass(slots=True)
class Request:
    """One request; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    persistent: bool = True


@dataclass(slots=True)
class Response:
    """One response; the length and the connection header are added when it is sent."""

    body: bytes
    media: str = "text/html; charset=iso-8859-1"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The request cannot be read; the connection ends after this status."""

    def __init__(self, status: int) -> None:
        super().__init__(PHRASES[status])
        self.status = status


class Connection(asyncio.Protocol):
    """One connection: reads requests, has them handled after `delay` seconds, and writes the responses in order."""

    def __init__(self, handle: Callable[[Request], Response], delay: float = 0.0) -> None:
        self._handle = handle
        self._delay = delay
        self._buffer = bytearray()
        self._head: tuple[Request, int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drops an answer that nobody waits for."""
        if self._timer:
            self._timer.cancel()

    def pause_writing(self) -> None:
        """Reads nothing more from a caller who does not read."""
        self._paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Goes on where pause_writing stopped."""
        self._paused = False
        self._transport.resume_reading()
        self._advance()

    def data_received(self, data: bytes) -> None:
        """Handles every request that is whole."""
        self._buffer += data
        self._advance()

    def _advance(self) -> None:
        try:
            while not (self._timer or self._paused or self._transport.is_closing()):
                request = self._next()
                if request is None:
                    return
                self._schedule(request)
        except Refused as error:
            self._write(Response(page(error), status=error.status), persistent=False, bodiless=False)

    def _schedule(self, request: Request) -> None:
        if self._delay:
            self._timer = asyncio.get_running_loop().call_later(self._delay, self._later, request)
        else:
            self._reply(request)

    def _later(self, request: Request) -> None:
        self._timer = None
        self._reply(request)
        self._advance()

    def _reply(self, request: Request) -> None:
        response = self._handle(request)
        self._write(response, persistent=request.persistent, bodiless=request.method == "HEAD")

    def _next(self) -> Request | None:
        if self._head is None:
            self._head = self._read_head()
        if self._head is None or len(self._buffer) < self._head[1]:
            return None
        request, size = self._head
        request.body = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._head = None
        return request

    def _read_head(self) -> tuple[Request, int] | None:
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0:
            if len(self._buffer) >= MAX_HEAD:
                raise Refused(431)
            return None
        request = parse(self._buffer[:end].decode("latin-1"))
        del self._buffer[: end + 4]
        size = length(request.headers)
        if request.headers.get("expect", "").lower() == "100-continue" and len(self._buffer) < size:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return request, size

    def _write(self, response: Response, *, persistent: bool, bodiless: bool) -> None:
        lines = [f"HTTP/1.1 {response.status} {PHRASES[response.status]}", "Server: LoanHost/2.1"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        lines += [f"Content-Type: {response.media}", f"Content-Length: {len(response.body)}"]
        lines += [] if persistent else ["Connection: close"]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        self._transport.write(head if bodiless else head + response.body)
        if not persistent:
            self._transport.close()


def page(text: object) -> bytes:
    """A short HTML page."""
    return f"<html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>\n".encode("latin-1")


def parse(head: str) -> Request:
    """The request of a head without its last line ends. Raises Refused."""
    first, *lines = head.lstrip("\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Refused(400)
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Refused(400)
        headers[name.lower()] = value.strip()
    wish = headers.get("connection", "").lower()
    persistent = wish != "close" if words[2] == "HTTP/1.1" else wish == "keep-alive"
    return Request(words[0], words[1], headers, persistent=persistent)


def length(headers: Mapping[str, str]) -> int:
    """The body's length in bytes. Raises Refused: like its time, this listener reads no chunked request."""
    if "transfer-encoding" in headers:
        raise Refused(411)
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise Refused(400)
    if len(text) > 9 or int(text) > MAX_BODY:
        raise Refused(413)
    return int(text)
