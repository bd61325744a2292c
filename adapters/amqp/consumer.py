"""Reads one queue for as long as it is told to: subscribes again when it is cancelled or its channel is closed."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import pika
import structlog
from pika.exceptions import AMQPError

from adapters.amqp.acks import Unacknowledged
from adapters.amqp.channel import Channel, Lost, lost, opened
from adapters.amqp.connection import Connection

log = structlog.get_logger()

LINGER = 0.005
"""Seconds that acknowledgements are gathered for: nobody waits for one, and each by itself costs a write here and work
in the broker, just when the next request comes."""
SHARE = 16
"""What part of the prefetch may be done and not acknowledged yet: the broker delivers that many fewer meanwhile."""
FIRST, LONGEST = 0.2, 10.0
"""Seconds before subscribing again, doubled up to the longest and varied."""


class Delivery:
    """A message as it was delivered. It belongs to one subscription: when that has ended, nothing said of it counts."""

    __slots__ = ("_subscription", "body", "exchange", "properties", "received", "redelivered", "routing_key", "tag")

    def __init__(
        self, subscription: "Subscription", method: Any, properties: pika.BasicProperties, body: bytes
    ) -> None:
        self._subscription = subscription
        self.tag: int = method.delivery_tag
        self.exchange: str = method.exchange
        self.routing_key: str = method.routing_key
        self.redelivered: bool = method.redelivered
        self.properties = properties
        self.body = body
        self.received = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether it can still be acknowledged; else the broker delivers it again."""
        return self._subscription.open

    @property
    def acknowledged(self) -> bool:
        """Whether it is done with, one way or the other."""
        return not self._subscription.holds(self.tag)

    def acknowledge(self) -> None:
        """It is done: acknowledged shortly, together with others."""
        self._subscription.acknowledge(self)

    def reject(self) -> None:
        """It is not wanted: it goes where the queue sends such messages, or nowhere."""
        self._subscription.reject(self)


Take = Callable[[Delivery], None]
HandedOver = Callable[[Callable[[], None]], None]
"""Calls what acknowledges, once that may be done."""


class Subscription:
    """One consumer on a channel of its own."""

    def __init__(self, channel: Channel, prefetch: int, take: Take, handed_over: HandedOver) -> None:
        self.channel = channel
        self._most = max(1, prefetch // SHARE)
        self._take = take
        self._handed_over = handed_over
        self._tags = Unacknowledged()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done, with the reason, when the broker delivers no more."""
        channel.closed.add_done_callback(lambda reason: self._end(str(reason.result())))
        channel.raw.add_on_cancel_callback(lambda _: self._end("the queue was deleted"))

    @property
    def open(self) -> bool:
        """Whether deliveries can be acknowledged."""
        return self.channel.open

    def holds(self, tag: int) -> bool:
        """Whether this delivery is neither acknowledged nor rejected."""
        return tag in self._tags

    def delivered(self, _: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        """The broker's delivery."""
        self._tags.delivered(method.delivery_tag)
        self._take(Delivery(self, method, properties, body))

    def acknowledge(self, delivery: Delivery) -> None:
        """See Delivery."""
        if not self._tags.done(delivery.tag):
            return
        if self._tags.ready == self._most:
            asyncio.get_running_loop().call_soon(self.flush)
        elif self._tags.ready == 1:
            asyncio.get_running_loop().call_later(LINGER, self.flush)

    def reject(self, delivery: Delivery) -> None:
        """See Delivery."""
        if self._tags.rejected(delivery.tag) and self.open:
            self.channel.raw.basic_reject(delivery.tag, requeue=False)

    def flush(self) -> None:
        """Sends what is to be acknowledged, not before its records are safe."""
        if frames := self._tags.flush():
            self._handed_over(lambda: self._send(frames))

    def _send(self, frames: Sequence[tuple[int, bool]]) -> None:
        if self.open:
            for tag, multiple in frames:
                self.channel.raw.basic_ack(tag, multiple)

    def _end(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)


class Consumer:
    """Keeps a subscription to one queue."""

    def __init__(self, queue: str, prefetch: int, take: Take, handed_over: HandedOver) -> None:
        self.queue = queue
        self._handed_over = handed_over
        self._prefetch = prefetch
        self._take = take
        self._subscription: Subscription | None = None
        self._tag = ""
        self._task: asyncio.Task[None] | None = None

    async def start(self, connection: Connection) -> None:
        """Subscribes on this connection, and again whenever it ends while the connection lasts."""
        await self.stop()
        self._task = asyncio.create_task(self._keep(connection))

    async def stop(self) -> None:
        """Takes no more deliveries; those that came can still be acknowledged."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        self._task = None
        subscription = self._subscription
        if subscription and subscription.open and not subscription.ended.done():
            channel = subscription.channel
            try:
                await channel.ask(channel.raw.basic_cancel, consumer_tag=self._tag)
            except Lost:
                return  # it has ended by itself

    async def _keep(self, connection: Connection) -> None:
        pause, told = FIRST, ""
        while connection.is_open:
            try:
                reason = await self._subscribed(connection)
                pause = FIRST
            except Lost as error:
                reason = str(error)
            if not connection.is_open:
                return
            if reason != told:
                told = reason
                log.warning("not_consuming", queue=self.queue, reason=reason)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter, nothing secret
            pause = min(pause * 2, LONGEST)

    async def _subscribed(self, connection: Connection) -> str:
        """Why the subscription has ended, when it has. Raises Lost where there was none."""
        channel = await opened(connection)
        try:
            await channel.ask(channel.raw.basic_qos, prefetch_count=self._prefetch)
            subscription = Subscription(channel, self._prefetch, self._take, self._handed_over)
            self._tag = f"understudy-{random.getrandbits(48):012x}"
            await channel.ask(
                channel.raw.basic_consume, queue=self.queue, on_message_callback=subscription.delivered,
                consumer_tag=self._tag,
            )  # fmt: skip
        except AMQPError as error:
            raise lost(error) from error
        self._subscription = subscription
        reason = await asyncio.shield(subscription.ended)
        if channel.open:  # only the consumer has ended: what it has delivered goes back, and is delivered anew
            await channel.close()
        return reason
