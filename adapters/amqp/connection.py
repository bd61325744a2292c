"""pika's asyncio connection, with a tick's writes joined, and able to stop reading without losing its heartbeat.

It relies on three private parts of pika, which tests/unit/adapters/amqp/test_pika.py guards: `_adapter_emit_data` is
the one place that writes, `_transport` is None where nothing can be written, and the asyncio services add and remove
the socket's reader through `set_reader` and `remove_reader`.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection, _AsyncioIOServicesAdapter

TRICKLES = 4
"""Reads within one heartbeat while reading is paused: the broker's heartbeats must be seen."""


class Services(_AsyncioIOServicesAdapter):  # type: ignore[misc]  # pika is published without types
    """pika's view of the event loop, through which reading is paused."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._readers: dict[int, Callable[[], None]] = {}
        self._paused = False

    def set_reader(self, fd: int, on_readable: Callable[[], None]) -> None:
        """Reads from this socket, unless paused."""
        self._readers[fd] = on_readable
        if not self._paused:
            super().set_reader(fd, on_readable)

    def remove_reader(self, fd: int) -> bool:
        """Reads no more from this socket."""
        self._readers.pop(fd, None)
        return bool(super().remove_reader(fd))

    def pause(self) -> None:
        """Stops reading; what comes stays with the broker."""
        self._paused = True
        for fd in self._readers:
            super().remove_reader(fd)

    def resume(self) -> None:
        """Reads again."""
        self._paused = False
        for fd, on_readable in self._readers.items():
            super().set_reader(fd, on_readable)

    def trickle(self) -> None:
        """Reads once, 100 KiB at most."""
        for on_readable in list(self._readers.values()):
            on_readable()


class Connection(AsyncioConnection):  # type: ignore[misc]  # pika is published without types
    """One AMQP connection on the running event loop."""

    def __init__(
        self, parameters: pika.ConnectionParameters, opened: Callable[[Any], None],
        failed: Callable[[Any, BaseException], None], closed: Callable[[Any, BaseException], None],
    ) -> None:  # fmt: skip
        """Begins to connect; one of the three is called with what came of it."""
        self._loop = asyncio.get_running_loop()
        self._services = Services(self._loop)
        self._parts: list[bytes] = []
        self._trickle: asyncio.TimerHandle | None = None
        super().__init__(parameters, opened, failed, closed, custom_ioloop=self._services)

    def _adapter_emit_data(self, data: bytes) -> None:
        """pika's one place of writing: gathers until the end of the loop's tick, so that it is one system call."""
        if not self._parts:
            self._loop.call_soon(self._write)
        self._parts.append(data)

    def _write(self) -> None:
        parts, self._parts = self._parts, []
        if self._transport is not None:
            self._transport.write(b"".join(parts))

    def pause(self) -> None:
        """Stops reading, but for as little as keeps the connection alive."""
        if self._trickle is None:
            self._services.pause()
            self._rest()

    def _rest(self) -> None:
        beat = self.params.heartbeat or 60
        self._trickle = self._loop.call_later(beat / TRICKLES, self._sip)

    def _sip(self) -> None:
        self._services.trickle()
        if self._trickle is not None:
            self._rest()

    def resume(self) -> None:
        """Reads again."""
        if self._trickle is not None:
            self._trickle.cancel()
            self._trickle = None
            self._services.resume()
