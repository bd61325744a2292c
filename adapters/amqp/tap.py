"""A tap: a queue of ours beside the legacy one, bound to the exchanges that requests and replies go through.

One queue takes both, so that a request comes before its reply; and one consumer at a time reads it, so that both are
handed over on one way. What the gateway does not read in time is dropped, the oldest first: legacy never waits.
"""

import asyncio
import hashlib
from collections.abc import Sequence

from adapters.amqp.broker import Broker
from adapters.amqp.channel import opened
from adapters.amqp.codec import Codec
from adapters.amqp.config import Operation, Place, Tap
from adapters.amqp.connection import Connection
from adapters.amqp.consumer import Consumer, Delivery
from adapters.amqp.message import octets, raw
from gateway.contract import Call, Gateway, IncumbentUnreachable, Raw, Relayed

DAY = 86_400_000
"""Milliseconds after which a tap that nobody reads goes."""


class Beside:
    """gateway.contract.Incumbent of a tap: the worker answers by itself, whatever the gateway does."""

    async def call(self, call: Call, timeout: float) -> Raw:
        """Raises IncumbentUnreachable: nobody is asked through a tap."""
        raise IncumbentUnreachable("a tap only reads what passes; the worker is asked by its callers")


def tap_queue(adapter: str, operation: str) -> str:
    """The name of the queue of a tap."""
    return f"understudy.{adapter}.tap.{operation}"


def bindings(tap: Tap) -> Sequence[Place]:
    """What the queue of a tap is bound to."""
    return [place for place in (tap.requests, tap.replies) if place]


class Tapped:
    """What passes one tap."""

    def __init__(
        self, operation: str, settings: Operation, tap: Tap, codec: Codec, broker: Broker, gateway: Gateway
    ) -> None:  # fmt: skip
        self.queue = tap_queue(broker.name, operation)
        self._operation = operation
        self._tap = tap
        self._codec = codec
        self._broker = broker
        self._gateway = gateway
        self._pending: list[tuple[Call, Relayed | None, Delivery]] = []
        self._task: asyncio.Task[None] | None = None
        self._consumer = Consumer(self.queue, broker.settings.prefetch, self._came, broker.handed_over)

    @property
    def busy(self) -> bool:
        """Whether something is being handed over."""
        return self._task is not None

    async def prepare(self, connection: Connection) -> None:
        """Has the queue there, bound, and reads it. Raises Lost."""
        channel = await opened(connection)
        arguments = {
            "x-single-active-consumer": True, "x-overflow": "drop-head", "x-max-length": self._tap.limit,
            "x-max-length-bytes": self._tap.limit_bytes, "x-expires": DAY,
        }  # fmt: skip
        await channel.ask(channel.raw.queue_declare, queue=self.queue, durable=True, arguments=arguments)
        for place in bindings(self._tap):
            await channel.ask(
                channel.raw.queue_bind, queue=self.queue, exchange=place.exchange, routing_key=place.routing_key
            )
        await channel.close()
        await self._consumer.start(connection)

    async def stop(self) -> None:
        """Reads no more."""
        await self._consumer.stop()

    def _came(self, delivery: Delivery) -> None:
        replied = not _matches(self._tap.requests, delivery)
        properties = delivery.properties
        named = octets(properties.correlation_id if replied else getattr(properties, self._tap.correlate))
        self._gateway.count(self._broker.name, self._operation, "tapped_replies" if replied else "tapped_requests")
        if not named:
            self._gateway.passed(self._broker.name, self._operation, "no_correlation")
            return delivery.acknowledge()
        id = hashlib.blake2b(self._operation.encode() + b"\0" + named, digest_size=12).hexdigest()
        call = Call(
            self._broker.name, self._operation, raw(delivery), self._codec, timeout=self._broker.settings.timeout, id=id
        )  # fmt: skip
        self._pending.append((call, Relayed(raw(delivery)) if replied else None, delivery))
        if self._task is None:
            self._task = asyncio.ensure_future(self._hand_over())

    async def _hand_over(self) -> None:
        """In the order in which they passed."""
        while self._pending:
            pending, self._pending = self._pending, []
            for call, reply, delivery in pending:
                await self._gateway.witness(call, reply)
                delivery.acknowledge()
        self._task = None


def _matches(place: Place, delivery: Delivery) -> bool:
    """Whether a message came by this binding: by its exchange and, as topic exchanges match, its routing key."""
    if delivery.exchange != place.exchange:
        return False
    return _topic(place.routing_key.split("."), delivery.routing_key.split(".")) or not place.routing_key


def _topic(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_topic(pattern[1:], words[at:]) for at in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and _topic(pattern[1:], words[1:])
