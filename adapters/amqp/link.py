"""A connection to the first of several brokers that answers, made again whenever it is lost."""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import pika
import structlog
from pika.exceptions import AMQPError

from adapters.amqp.channel import Lost, lost
from adapters.amqp.config import AmqpSettings
from adapters.amqp.connection import Connection

log = structlog.get_logger()

FIRST, LONGEST = 0.2, 10.0
"""Seconds before another round of all addresses, doubled up to the longest and varied, so that not all come at once."""
PATIENCE = 10.0
"""Seconds that a broker may take to open a connection, or to close one."""
Closed = asyncio.Future[BaseException]
Ready = Callable[[Connection], Awaitable[None]]


def parameters(settings: AmqpSettings, tls: ssl.SSLContext | None, name: str) -> Sequence[pika.ConnectionParameters]:
    """One for each address, in order; `name` is what the broker's operators see."""
    found = []
    for address in settings.addresses:
        scheme, _, rest = address.partition("://")
        host, _, port = rest.rpartition(":")
        host = host.strip("[]")
        found.append(
            pika.ConnectionParameters(
                host,
                int(port),
                settings.vhost,
                pika.PlainCredentials(settings.user, settings.password.get_secret_value(), erase_on_connect=False),
                heartbeat=max(1, round(settings.heartbeat)),
                blocked_connection_timeout=None,
                socket_timeout=PATIENCE,
                stack_timeout=PATIENCE,
                connection_attempts=1,
                ssl_options=pika.SSLOptions(tls, host) if scheme == "amqps" and tls else None,
                client_properties={"connection_name": name, "product": "Understudy"},
            )
        )
    return found


async def connected(address: pika.ConnectionParameters, patience: float) -> tuple[Connection, Closed]:
    """A connection, and the future that says why it was closed. Raises Lost."""
    came: asyncio.Future[Connection | BaseException] = asyncio.get_running_loop().create_future()
    closed: Closed = asyncio.get_running_loop().create_future()

    def opened(connection: Connection) -> None:
        if not came.done():
            came.set_result(connection)

    def gone(_: Connection, reason: BaseException) -> None:
        for waiting in (came, closed):
            if not waiting.done():
                waiting.set_result(reason)

    try:
        connection = Connection(address, opened, gone, gone)
    except (AMQPError, OSError) as error:
        raise lost(error) from error
    try:
        async with asyncio.timeout(patience):
            found = await came
    except TimeoutError:
        await shut(connection, closed)
        raise Lost(f"no answer within {patience:g} s") from None
    except asyncio.CancelledError:
        await shut(connection, closed)
        raise
    if isinstance(found, BaseException):
        raise lost(found)
    return found, closed


async def shut(connection: Connection, closed: Closed) -> None:
    """Closes a connection in order, opened or not yet; returns when it has ended."""
    if not closed.done():
        if not connection.is_closing:
            with suppress(AMQPError):  # it has ended just now
                connection.close()
        await asyncio.wait([closed], timeout=PATIENCE)


class Link:
    """Keeps one connection. Each one made is a generation of its own: nothing of an earlier one is used on it."""

    def __init__(self, name: str, addresses: Sequence[pika.ConnectionParameters], ready: Ready | None = None) -> None:
        """`ready` prepares each new connection; where it raises Lost, it is closed and another is made."""
        self.name = name
        self.blocked: Callable[[bool], None] = lambda _: None
        """Told when the broker blocks or unblocks publishing."""
        self._addresses = addresses
        self._ready = ready
        self._task: asyncio.Task[None] | None = None
        self._connection: asyncio.Future[Connection] | None = None
        self._problems: dict[str, Lost] = {}
        self._tried = asyncio.Event()
        """Set when all addresses were tried in vain."""

    def start(self) -> None:
        """Begins to keep a connection."""
        if self._task is None:
            self._connection = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._keep())

    async def connection(self, patience: float) -> Connection:
        """The connection, as soon as there is one. Raises Lost after `patience` seconds."""
        self.start()
        assert self._connection is not None  # noqa: S101 - start() has set it
        try:
            async with asyncio.timeout(patience):
                return await asyncio.shield(self._connection)
        except TimeoutError:
            raise self._unreachable() from None

    async def tried(self) -> Connection:
        """The connection, for somebody who waits: raises Lost as soon as every address was tried once."""
        self.start()
        assert self._connection is not None  # noqa: S101 - as above
        connection, in_vain = self._connection, asyncio.ensure_future(self._tried.wait())
        ends: list[asyncio.Future[Any]] = [connection, in_vain]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        in_vain.cancel()
        if not connection.done():
            raise self._unreachable()
        return connection.result()

    def _unreachable(self) -> Lost:
        told = "; ".join(f"{address}: {problem}" for address, problem in self._problems.items())
        code = next((problem.code for problem in self._problems.values() if problem.code), 0)
        return Lost(f"no broker can be reached ({told or 'none has answered yet'})", code, unreachable=True)

    def now(self) -> Connection | None:
        """The connection, if there is one."""
        return self._connection.result() if self._connection is not None and self._connection.done() else None

    async def close(self) -> None:
        """Closes the connection in order, and makes no other."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def _keep(self) -> None:
        pause = FIRST
        while True:
            for address in self._addresses:
                try:
                    connection, closed = await connected(address, PATIENCE)
                except Lost as error:
                    self._failed(address, error)
                    continue
                if await self._serve(connection, closed, address):
                    pause = FIRST
            self._tried.set()
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter, nothing secret
            pause = min(pause * 2, LONGEST)

    async def _serve(self, connection: Connection, closed: Closed, address: Any) -> bool:
        """Has a connection used until it is lost; whether it could be used at all."""
        ready = False
        assert self._connection is not None  # noqa: S101 - start() has set it
        try:
            connection.add_on_connection_blocked_callback(lambda *_: self.blocked(True))
            connection.add_on_connection_unblocked_callback(lambda *_: self.blocked(False))
            if self._ready:
                await self._ready(connection)
            ready = True
            log.info("broker_connected", link=self.name, host=address.host, port=address.port)
            self._connection.set_result(connection)
            self._failed(address, lost(await asyncio.shield(closed)))
        except Lost as error:
            self._failed(address, error)
        finally:
            if self._connection.done():
                self._connection = asyncio.get_running_loop().create_future()
            self.blocked(False)
            await shut(connection, closed)
        return ready

    def _failed(self, address: Any, problem: Lost) -> None:
        self._problems[f"{address.host}:{address.port}"] = problem
        log.warning("broker_lost", link=self.name, host=address.host, port=address.port, reason=str(problem))
