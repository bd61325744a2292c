"""The connections to one incumbent: bounded, and never idle for longer than an incumbent keeps them."""

import asyncio
import ssl

from adapters.soap.connection import Connection, Lost

_IDLE = 4.0
"""Seconds a connection may be idle: less than the shortest keep-alive in common use, Apache's 5, since a call that
meets a closing connection is lost: it is never sent twice."""


class Pool:
    """At most `size` connections to `host`. One loop; nothing is opened before the first call."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, size: int) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._size = size
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._sweeper: asyncio.TimerHandle | None = None

    async def take(self, timeout: float) -> Connection:
        """A connection that is open and not in use. Waits a quarter of `timeout` at most for one to become free, and
        half of it for one to open. Raises TimeoutError for the former, Lost or OSError for the latter."""
        if self._slots.locked():
            await self._wait(timeout / 4)
        else:
            await self._slots.acquire()
        try:
            return self._waiting() or await self._connect(timeout / 2)
        except BaseException:
            self._slots.release()
            raise

    def give(self, connection: Connection, keep: float = _IDLE) -> None:
        """Takes a connection back. It is used again within `keep` seconds where its exchange ended cleanly."""
        self._slots.release()
        if not (connection.reusable and connection.whole):
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        connection.expires = loop.time() + min(keep, _IDLE)
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = loop.call_later(_IDLE, self._sweep)

    async def close(self) -> None:
        """Ends the idle connections; those in use end when they are given back."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    async def _wait(self, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._slots.acquire()
        except TimeoutError as error:
            raise TimeoutError(f"all of our {self._size} connections to it were busy") from error

    async def _connect(self, timeout: float) -> Connection:
        loop = asyncio.get_running_loop()
        name = self._host if self._tls is not None else None
        try:
            async with asyncio.timeout(timeout):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop), self._host, self._port, ssl=self._tls, server_hostname=name
                )
        except TimeoutError as error:
            raise Lost(f"no connection within {timeout:g} seconds") from error
        return connection

    def _waiting(self) -> Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.expires > now and connection.is_idle:
                return connection
            connection.abort()
        return None

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        kept = []
        for connection in self._idle:
            if connection.expires > loop.time() and connection.is_idle:
                kept.append(connection)
            else:
                connection.abort()
        self._idle = kept
        self._sweeper = loop.call_later(_IDLE / 4, self._sweep) if kept else None
