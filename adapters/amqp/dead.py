"""Our queue of what nobody can answer: each message as it came, with the reason and where it came from."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pika

from adapters.amqp.broker import Broker
from adapters.amqp.channel import Channel, Lost, opened, passive
from adapters.amqp.codec import Codec
from adapters.amqp.consumer import Delivery
from adapters.amqp.message import deaths, described, media, passed_on
from adapters.amqp.publisher import Letter, Refused, Returned
from gateway.capabilities import About, DeadLetter, Erased
from gateway.contract import Raw, Undecodable, Unfinished

ID, REASON, SINCE, OPERATION = "x-understudy-id", "x-understudy-reason", "x-understudy-since", "x-understudy-operation"
QUEUE, CAME = "x-understudy-queue", "x-understudy-came"
_OURS = (ID, REASON, SINCE, OPERATION, QUEUE, CAME)
PATIENCE = 10.0
"""Seconds that the broker may take."""


def letter(queue: str, delivery: Delivery, operation: str, source: str, reason: str, id: str) -> Letter:
    """A message as a dead letter: its own body and properties, and ours beside them. It never expires."""
    properties = delivery.properties
    came = {name: value for name in ("expiration", "user_id", "delivery_mode") if (value := getattr(properties, name))}
    ours = {
        ID: id, REASON: reason[:500], SINCE: datetime.now(UTC).isoformat(), OPERATION: operation, QUEUE: source,
        CAME: json.dumps(came),
    }  # fmt: skip
    return Letter("", queue, passed_on(properties, None, ours), delivery.body)


def restored(properties: pika.BasicProperties) -> pika.BasicProperties:
    """The properties that a dead letter came with, as far as the broker lets them be published: all but user_id."""
    made = passed_on(properties, None)
    headers = made.headers or {}
    came = json.loads(headers.get(CAME, "{}"))
    made.headers = {name: value for name, value in headers.items() if name not in _OURS} or None
    made.expiration = came.get("expiration")
    made.delivery_mode = 2
    return made


class DeadLetters:
    """What an operator can do with them; uses a connection of its own for as long as that takes."""

    def __init__(self, broker: Broker, operations: dict[str, str]) -> None:
        """`operations` is the name of each by its queue."""
        self._broker = broker
        self._operations = operations

    async def oldest(self, limit: int) -> tuple[int, Sequence[DeadLetter]]:
        """How many there are, and the oldest of them, which stay. Raises Unfinished."""
        try:
            connection = await self._broker.writing.connection(PATIENCE)
            found = await passive(connection, self._broker.dead_letters)
            channel = await opened(connection)
            letters = [self._told(*one) async for one in got(channel, self._broker.dead_letters, limit)]
            await channel.close()  # which gives them back
        except Lost as error:
            raise Unfinished(str(error)) from error
        return found.message_count if found else 0, letters

    async def resubmit(self, ids: Collection[str] | None) -> Sequence[str]:
        """Puts these, or all, back into the queues that they came from. Raises Unfinished."""
        done: list[str] = []
        try:
            connection = await self._broker.writing.connection(PATIENCE)
            count = (await passive(connection, self._broker.dead_letters)).message_count
            channel = await opened(connection)
            async for tag, properties, body in got(channel, self._broker.dead_letters, count):
                id = self._told(tag, properties, body).id
                if ids is None or id in ids:
                    await self._broker.send(Letter("", self._queue(properties), restored(properties), body), PATIENCE)
                    channel.raw.basic_ack(tag)
                    done.append(id)
            await channel.close()
        except (Lost, Returned, Refused) as error:
            raise Unfinished(f"{len(done)} were put back; the next could not be: {error}") from error
        if missing := set(ids or ()) - set(done):
            raise Unfinished(f"no dead letter is called {', '.join(sorted(missing))}; {len(done)} others were put back")
        return done

    async def erase(self, about: About, codecs: Mapping[str, Codec]) -> Erased:
        """Removes those that are about one person only. Raises Unfinished."""
        removed, left = 0, []
        try:
            connection = await self._broker.writing.connection(PATIENCE)
            found = await passive(connection, self._broker.dead_letters)
            channel = await opened(connection)
            async for tag, properties, body in got(channel, self._broker.dead_letters, found.message_count):
                letter = self._told(tag, properties, body)
                try:
                    codec = codecs[letter.operation]
                    hers, records = about(letter.operation, codec.request(Raw(body, media(properties))))
                except (Undecodable, KeyError):
                    left.append(f"the dead letter {letter.id} cannot be read: look at it, it may be about anybody")
                    continue
                if hers and hers == records:
                    channel.raw.basic_ack(tag)
                    removed += 1
                elif hers:
                    left.append(f"the dead letter {letter.id} is about others too")
            await channel.close()
        except Lost as error:
            raise Unfinished(f"{removed} dead letters were removed, then: {error}") from error
        return Erased([f"{removed} dead letters removed"], left)

    def _told(self, tag: int, properties: pika.BasicProperties, body: bytes) -> DeadLetter:
        headers = properties.headers or {}
        since = headers.get(SINCE)
        died = next(iter(deaths(properties)), {})
        came = described(properties)
        return DeadLetter(
            str(headers.get(ID) or f"t{tag}"),
            str(headers.get(OPERATION) or self._operations.get(self._queue(properties), "")),
            str(headers.get(REASON) or f"the broker put it aside: {died.get('reason', 'no reason is given')}"),
            datetime.fromisoformat(str(since)) if since else _moment(died.get("time")),
            {name: value for name, value in came.items() if name.removeprefix("headers.") not in _OURS},
            body,
        )

    def _queue(self, properties: pika.BasicProperties) -> str:
        died = next(iter(deaths(properties)), {})
        return str((properties.headers or {}).get(QUEUE) or died.get("queue", ""))


def _moment(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def got(channel: Channel, queue: str, limit: int) -> AsyncIterator[tuple[int, pika.BasicProperties, bytes]]:
    """The oldest messages of a queue, one by one, none of them acknowledged. Raises Lost."""
    loop = asyncio.get_running_loop()
    came: list[asyncio.Future[Any]] = []

    def empty(_: Any) -> None:
        came[-1].set_result(None)

    def taken(_: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        came[-1].set_result((method.delivery_tag, properties, body))

    channel.raw.add_callback(empty, [pika.spec.Basic.GetEmpty], one_shot=False)
    for _ in range(limit):
        came.append(loop.create_future())
        channel.raw.basic_get(queue, taken)
        await asyncio.wait([came[-1], channel.closed], return_when=asyncio.FIRST_COMPLETED)
        if not came[-1].done():
            raise channel.closed.result()
        if came[-1].result() is None:
            return
        yield came.pop().result()
