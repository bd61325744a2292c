"""pika's asyncio connection over the event loop's own transport, able to stop reading without losing its heartbeat.

pika brings a transport of its own, in Python, with several system calls a frame; its interface of I/O services lets
another be used.
tests/unit/adapters/amqp/test_pika.py guards what this relies on.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any, cast

import pika
from pika.adapters.asyncio_connection import AsyncioConnection, _AsyncioIOServicesAdapter
from pika.adapters.utils.nbio_interface import AbstractStreamTransport

TRICKLES = 4
"""Reads within one heartbeat while reading is paused: the broker's heartbeats must be seen."""
CHUNK = 4096
"""Bytes that pika is given at once: with every frame it copies all that follows it."""


class Stream(asyncio.Protocol, AbstractStreamTransport):  # type: ignore[misc]  # pika is published without types
    """Between a transport of the event loop's and pika, whose own transport it replaces."""

    def __init__(self, protocol: Any) -> None:
        """`protocol` is pika's."""
        self._protocol = protocol
        self._transport: asyncio.Transport
        self._parts: list[bytes] = []
        self._sips = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)  # which uvloop's only look like
        self._protocol.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._sips:
            self.pause()
        for start in range(0, len(data), CHUNK):
            if not self._transport.is_closing():
                self._protocol.data_received(data[start : start + CHUNK])

    def eof_received(self) -> bool | None:
        """See asyncio.Protocol."""
        return bool(self._protocol.eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._protocol.connection_lost(exc)

    def write(self, data: bytes) -> None:
        """Gathers until the end of the loop's tick, so that it is one system call."""
        if not self._parts:
            asyncio.get_running_loop().call_soon(self._write)
        self._parts.append(data)

    def _write(self) -> None:
        parts, self._parts = self._parts, []
        if not self._transport.is_closing():
            self._transport.write(b"".join(parts))

    def get_write_buffer_size(self) -> int:
        """Bytes that the socket has not taken yet."""
        return self._transport.get_write_buffer_size()

    def get_protocol(self) -> Any:
        """pika's."""
        return self._protocol

    def abort(self) -> None:
        """Ends the connection at once."""
        self._transport.abort()

    def pause(self) -> None:
        """Stops reading; what comes stays with the broker."""
        self._sips = False
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Reads again."""
        self._sips = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def sip(self) -> None:
        """Reads once, 256 KB at most, and pauses again."""
        self.resume()
        self._sips = True


class Services(_AsyncioIOServicesAdapter):  # type: ignore[misc]  # pika is published without types
    """pika's view of the event loop, with a stream that can be paused. It serves one connection."""

    stream: Stream

    def create_streaming_connection(
        self, protocol_factory: Callable[[], Any], sock: socket.socket, on_done: Callable[[Any], None],
        ssl_context: ssl.SSLContext | None = None, server_hostname: str | None = None,
    ) -> Any:  # fmt: skip
        """pika's call for a stream over a socket that is connected."""
        return self._schedule_and_wrap_in_io_ref(
            self._streaming(protocol_factory(), sock, ssl_context, server_hostname), on_done
        )

    async def _streaming(
        self, protocol: Any, sock: socket.socket, tls: ssl.SSLContext | None, name: str | None
    ) -> tuple[Stream, Any]:
        self.stream = Stream(protocol)
        await self._loop.create_connection(
            lambda: self.stream, sock=sock, ssl=tls, server_hostname=name if tls else None
        )
        return self.stream, protocol


class Connection(AsyncioConnection):  # type: ignore[misc]  # pika is published without types
    """One AMQP connection on the running event loop."""

    def __init__(
        self, parameters: pika.ConnectionParameters, opened: Callable[[Any], None],
        failed: Callable[[Any, BaseException], None], closed: Callable[[Any, BaseException], None],
    ) -> None:  # fmt: skip
        """Begins to connect; one of the three is called with what came of it."""
        self._loop = asyncio.get_running_loop()
        self._services = Services(self._loop)
        self._trickle: asyncio.TimerHandle | None = None
        super().__init__(parameters, opened, failed, closed, custom_ioloop=self._services)

    def pause(self) -> None:
        """Stops reading, but for as little as keeps the connection alive. It must have been opened."""
        if self._trickle is None:
            self._services.stream.pause()
            self._rest()

    def _rest(self) -> None:
        beat = self.params.heartbeat or 60
        self._trickle = self._loop.call_later(beat / TRICKLES, self._sip)

    def _sip(self) -> None:
        self._services.stream.sip()
        self._rest()

    def resume(self) -> None:
        """Reads again."""
        if self._trickle is not None:
            self._trickle.cancel()
            self._trickle = None
            self._services.stream.resume()
