"""What an adapter has of the broker: one connection to read requests, another to publish and to read replies.

Two, since reading pauses when too much is held, and confirms and replies must come in nevertheless; and since a broker
that is short of memory blocks those who publish, and must go on to take our acknowledgements.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from adapters.amqp.channel import Lost, passive
from adapters.amqp.config import AmqpSettings
from adapters.amqp.connection import Connection
from adapters.amqp.link import Link, parameters
from adapters.amqp.publisher import Letter, Publisher
from gateway.contract import Gateway

Prepare = Callable[[Connection], Awaitable[None]]


class Broker:
    """The connections of one adapter in one process; none is opened before it is needed."""

    def __init__(self, name: str, settings: AmqpSettings, folder: Path) -> None:
        """Reads no file and opens no connection."""
        self.name = name
        self.settings = settings
        self.dead_letters = settings.dead_letters or f"understudy.{name}.dead"
        self.publisher = Publisher()
        self.budget = Budget(settings.prefetch, settings.prefetch_bytes, self._rest)
        self.reading_ready: list[Prepare] = []
        """What is done with each new connection that reads."""
        self.writing_ready: list[Prepare] = []
        """The same of each that publishes, when it can publish."""
        self.folder = folder
        self.gateway: Gateway | None = None
        """Set where calls come from this broker."""
        self._links: tuple[Link, Link] | None = None

    @property
    def reading(self) -> Link:
        """The connection that reads requests. Raises ConfigError where its certificates cannot be read."""
        return self._made()[0]

    @property
    def writing(self) -> Link:
        """The connection that publishes and reads replies. Raises ConfigError in the same way."""
        return self._made()[1]

    def _made(self) -> tuple[Link, Link]:
        if self._links is None:
            tls = self.settings.tls_context(self.folder)
            one, other = (
                parameters(self.settings, tls, f"understudy {self.name} {word}") for word in ("reads", "publishes")
            )
            self._links = (
                Link(f"{self.name} reads", one, self._prepare_reading),
                Link(f"{self.name} publishes", other, self._prepare_writing),
            )
            self._links[1].blocked = self.budget.block
        return self._links

    async def send(self, letter: Letter, patience: float) -> None:
        """Publishes; returns when the broker has it safe. Raises Lost, Returned or Refused; nothing is repeated."""
        await self.writing.connection(patience)
        try:
            async with asyncio.timeout(patience):
                await asyncio.shield(self.publisher.send(letter))
        except TimeoutError:
            raise Lost(f"the broker did not confirm within {patience:g} s") from None

    def handed_over(self, then: Callable[[], None]) -> None:
        """Calls `then`, which acknowledges, once what is acknowledged has its record, as far as that is waited for."""
        if self.gateway:
            self.gateway.handed_over(then, self.settings.records_wait)
        else:
            then()

    async def lives(self, address: str) -> bool:
        """Whether somebody still reads a direct reply address. Raises Lost."""
        return await passive(await self.writing.connection(10), address) is not None

    async def close(self) -> None:
        """Closes both."""
        if self._links:
            await asyncio.gather(*(link.close() for link in self._links))

    async def _prepare_reading(self, connection: Connection) -> None:
        for prepare in self.reading_ready:
            await prepare(connection)
        self._rest(self.budget.full)

    async def _prepare_writing(self, connection: Connection) -> None:
        await self.publisher.open(connection)
        for prepare in self.writing_ready:
            await prepare(connection)

    def _rest(self, full: bool) -> None:
        if self._links and (connection := self._links[0].now()):
            connection.pause() if full else connection.resume()


class Budget:
    """How much is held at once, in messages and in bytes; reading rests while it is more than is allowed."""

    def __init__(self, messages: int, size: int, rest: Callable[[bool], None]) -> None:
        """`rest` is told whether to rest, whenever that changes."""
        self._messages, self._size, self._rest = messages, size, rest
        self._blocked = False
        self.held = self.held_bytes = self.most_bytes = 0
        self.full = False

    def take(self, size: int) -> None:
        """One more message."""
        self.held += 1
        self.held_bytes += size
        self.most_bytes = max(self.most_bytes, self.held_bytes)
        self._look()

    def free(self, size: int) -> None:
        """One less."""
        self.held -= 1
        self.held_bytes -= size
        self._look()

    def block(self, blocked: bool) -> None:
        """The broker takes no messages for now: what cannot be answered is not read either."""
        self._blocked = blocked
        self._look()

    def _look(self) -> None:
        full = self._blocked or self.held > self._messages or self.held_bytes >= self._size
        if full is not self.full:
            self.full = full
            self._rest(full)
