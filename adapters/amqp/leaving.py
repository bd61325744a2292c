"""Takes the gateway out of a broker again: hands on what our queues hold, then removes them, and looks."""

import asyncio
from collections.abc import Sequence
from typing import Any

from adapters.amqp.advice import advised
from adapters.amqp.broker import Broker
from adapters.amqp.channel import Lost, opened, passive
from adapters.amqp.config import Place
from adapters.amqp.connection import Connection
from adapters.amqp.dead import got
from adapters.amqp.forward import Forward
from adapters.amqp.message import passed_on
from adapters.amqp.publisher import Refused, Returned
from adapters.amqp.tap import bindings, tap_queue
from gateway.contract import Unfinished

QUIET = 3.0
"""Seconds without a message in the worker's queues and in ours, after which no reply is expected any more."""
LOOK = 0.2
"""Seconds between two looks."""
PATIENCE = 10.0
"""Seconds that the broker may take."""


class Leaving:
    """One adapter on its way out."""

    def __init__(self, broker: Broker, forward: Forward | None) -> None:
        self._broker = broker
        self._forward = forward
        self._operations = broker.settings.operations
        self._done: list[str] = []

    async def leave(self, patience: float) -> Sequence[str]:
        """What was done. Raises Unfinished."""
        try:
            connection = await self._broker.reading.tried()
            await self._alone(connection)
            for queue, places in self._ours().items():
                await self._unbind(connection, queue, places)
            for name, operation in self._operations.items():
                if operation.declare and operation.queue:
                    await self._hand_on(connection, name, operation.queue)
            if self._forward and await passive(connection, self._forward.queue):
                await self._last_replies(connection, patience)
            await self._no_dead(connection)
            for queue in (*self._ours(), *self._internal()):
                await self._remove(connection, queue)
        except (Lost, Returned, Refused) as error:
            raise Unfinished(advised(error)) from error
        return self._done

    def _ours(self) -> dict[str, Sequence[Place]]:
        """The queues that requests come through, and what they are bound to."""
        found: dict[str, Sequence[Place]] = {}
        for name, operation in self._operations.items():
            if operation.declare and operation.queue:
                found[operation.queue] = operation.bind
            if operation.tap:
                found[tap_queue(self._broker.name, name)] = bindings(operation.tap)
        return found

    def _internal(self) -> Sequence[str]:
        forward = [self._forward.queue, self._forward.own_queue] if self._forward else []
        return [*forward, self._broker.dead_letters]

    async def _alone(self, connection: Connection) -> None:
        """Raises Unfinished where another gateway reads one of our queues."""
        for queue in (*self._ours(), *self._internal()):
            found = await passive(connection, queue)
            if found and found.consumer_count:
                raise Unfinished(f"{queue} is read by {found.consumer_count} consumers: stop every gateway first")

    async def _unbind(self, connection: Connection, queue: str, places: Sequence[Place]) -> None:
        if await passive(connection, queue) is None:
            return
        channel = await opened(connection)
        for place in places:
            await channel.ask(
                channel.raw.queue_unbind, queue=queue, exchange=place.exchange, routing_key=place.routing_key
            )
            self._done.append(f"{queue} is no longer bound to {place.exchange}")
        await channel.close()

    async def _hand_on(self, connection: Connection, operation: str, queue: str) -> None:
        """Gives the requests that wait in a queue of ours to the worker, as they came."""
        found = await passive(connection, queue)
        if not found or not found.message_count:
            return
        if self._forward is None:
            raise Unfinished(
                f"{found.message_count} requests wait in {queue} and there is no worker to give them to: "
                "have them answered, or move them, first"
            )
        channel = await opened(connection)
        count = 0
        async for tag, properties, body in got(channel, queue, found.message_count):
            letter = self._forward.letter(operation, passed_on(properties, _left(properties)), body)
            await self._broker.send(letter, PATIENCE)
            channel.raw.basic_ack(tag)
            count += 1
        await channel.close()
        self._done.append(f"{count} requests of {queue} were given to the worker")

    async def _last_replies(self, connection: Connection, patience: float) -> None:
        """Relays what the worker still replies; that is done by the connection that publishes, while it is open."""
        assert self._forward is not None  # noqa: S101 - asked for only where there is one
        await self._broker.writing.connection(PATIENCE)
        loop = asyncio.get_running_loop()
        deadline, quiet = loop.time() + patience, loop.time() + QUIET
        while loop.time() < quiet:
            if await self._waiting(connection):
                quiet = loop.time() + QUIET
            if loop.time() > deadline:
                raise Unfinished(
                    f"the worker still has requests after {patience:g} s; let it finish, then run it again"
                )
            await asyncio.sleep(LOOK)
        await self._forward.stop()
        self._done.append("the worker's queues are empty and its replies are relayed")

    async def _waiting(self, connection: Connection) -> int:
        assert self._forward is not None  # noqa: S101 - as above
        queues = [self._forward.queue] + [
            one.forward.routing_key for one in self._operations.values() if one.forward and not one.forward.exchange
        ]
        found = [await passive(connection, queue) for queue in queues]
        return sum(one.message_count for one in found if one)

    async def _no_dead(self, connection: Connection) -> None:
        found = await passive(connection, self._broker.dead_letters)
        if found and found.message_count:
            raise Unfinished(
                f"dead letters are left ({found.message_count}): see `understudy dead {self._broker.name}`, and put "
                "them back or take them out of the queue"
            )

    async def _remove(self, connection: Connection, queue: str) -> None:
        """Deletes a queue that is empty and unused, and looks whether it is gone. Raises Unfinished.

        Quorum queues know no deletion on condition, so it is looked at just before."""
        if (found := await passive(connection, queue)) is None:
            return
        copies = queue.startswith(f"understudy.{self._broker.name}.tap.")
        if found.consumer_count or (found.message_count and not copies):
            raise Unfinished(f"{queue} has {found.message_count} messages and {found.consumer_count} consumers again")
        channel = await opened(connection)
        await channel.ask(channel.raw.queue_delete, queue=queue)
        await channel.close()
        if await passive(connection, queue) is not None:
            raise Unfinished(f"{queue} is still there; run it again")
        self._done.append(f"{queue} is removed")


def _left(properties: Any) -> float | None:
    return int(properties.expiration) / 1000 if str(properties.expiration or "").isdigit() else None
