"""A channel whose methods can be awaited; what is lost with it is one exception."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from pika.exceptions import AMQPError

from adapters.amqp.connection import Connection
from gateway.contract import UnderstudyError

NOT_FOUND = 404
_TOLD = re.compile(r"ConnectionClosedByBroker: \((\d+)\) ['\"](.*)['\"]")


class Lost(UnderstudyError):
    """The channel or its connection is closed. `code` is AMQP's reply code, 0 where there is none; `unreachable` says
    that there was no connection at all."""

    def __init__(self, message: str, code: int = 0, *, unreachable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.unreachable = unreachable


def lost(reason: BaseException) -> Lost:
    """What pika gives as a reason, in our words: of an attempt that consists of attempts, the last one's."""
    while True:
        attempts = getattr(reason, "exceptions", None) or [getattr(reason, "exception", None)]
        last = attempts[-1] or next(iter(reason.args), None)
        if not isinstance(last, BaseException):
            break
        reason = last
    code = getattr(reason, "reply_code", 0)
    text = str(getattr(reason, "reply_text", "") or reason) or type(reason).__name__
    if told := _TOLD.search(text):  # pika tells why the broker has refused a connection as text only
        return Lost(told[2], int(told[1]))
    return Lost(text, code if isinstance(code, int) else 0)


class Channel:
    """An open channel."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.closed: asyncio.Future[Lost] = asyncio.get_running_loop().create_future()
        """Done when it is closed, with the reason."""
        raw.add_on_close_callback(self._on_close)

    def _on_close(self, _: Any, reason: BaseException) -> None:
        if not self.closed.done():
            self.closed.set_result(lost(reason))

    @property
    def open(self) -> bool:
        """Whether it can be used."""
        return not self.closed.done() and bool(self.raw.is_open)

    async def ask(self, method: Callable[..., Any], **arguments: Any) -> Any:
        """The broker's answer to a method of the raw channel. Raises Lost where it closes the channel instead."""
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def answer(frame: Any) -> None:
            if not answered.done():
                answered.set_result(frame.method)

        if not self.open:
            raise self.closed.result()
        try:
            method(callback=answer, **arguments)
        except AMQPError as error:
            raise lost(error) from error
        await asyncio.wait([answered, self.closed], return_when=asyncio.FIRST_COMPLETED)
        if answered.done():
            return answered.result()
        raise self.closed.result()

    async def close(self) -> None:
        """Closes it; its messages that are not acknowledged go back to their queues."""
        if self.open and self.raw.is_open:
            self.raw.close()
            await self.closed


async def opened(connection: Connection) -> Channel:
    """A new channel. Raises Lost."""
    came: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    gone: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def open_(channel: Any) -> None:
        if not came.done():
            came.set_result(channel)

    def closed(_: Any, reason: BaseException) -> None:
        if not gone.done():
            gone.set_result(reason)

    try:
        connection.channel(on_open_callback=open_)
        connection.add_on_close_callback(closed)
    except AMQPError as error:
        raise lost(error) from error
    await asyncio.wait([came, gone], return_when=asyncio.FIRST_COMPLETED)
    if not came.done():
        raise lost(gone.result())
    return Channel(came.result())


async def passive(connection: Connection, queue: str) -> Any:
    """What the broker says of a queue (`message_count`, `consumer_count`); None where there is none. Raises Lost."""
    channel = await opened(connection)
    try:
        found = await channel.ask(channel.raw.queue_declare, queue=queue, passive=True)
    except Lost as error:
        if error.code == NOT_FOUND:
            return None
        raise
    await channel.close()
    return found
