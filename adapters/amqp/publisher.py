"""Publishes with confirms: what has been published is either confirmed, returned, refused, or lost with the channel."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import pika
from pika.exceptions import AMQPError

from adapters.amqp.channel import Channel, Lost, lost, opened
from adapters.amqp.config import DIRECT
from adapters.amqp.connection import Connection
from gateway.contract import UnderstudyError


class Returned(UnderstudyError):
    """Nobody takes it: there is no such queue."""


class Refused(UnderstudyError):
    """The broker did not take it, such as for a queue that is full."""


@dataclass(slots=True)
class Letter:
    """What is published."""

    exchange: str
    routing_key: str
    properties: pika.BasicProperties
    body: bytes

    @property
    def direct(self) -> bool:
        """Whether it goes to a direct reply address: the broker delivers such a one and returns it nevertheless."""
        return not self.exchange and self.routing_key.startswith(DIRECT)


class Publisher:
    """Publishes on one channel at a time, in the order of the calls. Nothing is repeated by itself."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._next = 1
        self._waiting: OrderedDict[int, tuple[Letter, asyncio.Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """Messages that are not confirmed yet."""
        return len(self._waiting)

    async def open(self, connection: Connection) -> None:
        """Publishes on this connection from now on. Raises Lost."""
        channel = await opened(connection)
        await channel.ask(channel.raw.confirm_delivery, ack_nack_callback=self._confirmed)
        channel.raw.add_on_return_callback(self._returned)
        self._fail(Lost("the connection was made anew"))
        self._channel, self._next = channel, 1
        channel.closed.add_done_callback(lambda reason: self._closed(channel, reason.result()))

    def send(self, letter: Letter) -> "asyncio.Future[None]":
        """Publishes; done when the broker has it safe. Its exception is Lost, Returned or Refused.

        After Lost it is open whether the broker has it."""
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._channel is None:
            sent.set_exception(Lost("there is no connection to publish on"))
            return sent
        try:
            self._channel.raw.basic_publish(
                letter.exchange, letter.routing_key, letter.body, letter.properties, mandatory=not letter.direct
            )
        except AMQPError as error:
            sent.set_exception(lost(error))
            return sent
        self._waiting[self._next] = (letter, sent)
        self._next += 1
        return sent

    def _confirmed(self, frame: Any) -> None:
        method = frame.method
        refused = method.NAME == "Basic.Nack"
        if method.multiple:
            tags = []
            for tag in self._waiting:
                if tag > method.delivery_tag:
                    break
                tags.append(tag)
        else:
            tags = [method.delivery_tag]
        for tag in tags:
            if (found := self._waiting.pop(tag, None)) and not found[1].done():
                if refused:
                    found[1].set_exception(Refused("the broker did not take the message"))
                else:
                    found[1].set_result(None)

    def _returned(self, _: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        """The broker names no number, so it is the oldest that is the same; it is confirmed right after."""
        for letter, sent in self._waiting.values():
            if (
                not sent.done()
                and (letter.exchange, letter.routing_key) == (method.exchange, method.routing_key)
                and letter.properties.correlation_id == properties.correlation_id
                and letter.body == body
            ):
                sent.set_exception(Returned(f"{method.exchange or 'the default exchange'} has no such queue"))
                return

    def _closed(self, channel: Channel, reason: Lost) -> None:
        if self._channel is channel:
            self._channel = None
            self._fail(reason)

    def _fail(self, reason: Lost) -> None:
        waiting, self._waiting = self._waiting, OrderedDict()
        for _, sent in waiting.values():
            if not sent.done():
                sent.set_exception(reason)
