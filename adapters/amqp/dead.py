"""Our queue of what nobody can answer: each message as it came, with the reason and where it came from."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pika

from adapters.amqp.advice import advised
from adapters.amqp.broker import Broker
from adapters.amqp.channel import Channel, Lost, opened, passive
from adapters.amqp.codec import Codec
from adapters.amqp.connection import Connection
from adapters.amqp.consumer import Delivery
from adapters.amqp.message import deaths, described, digest, media, passed_on
from adapters.amqp.publisher import Letter, Refused, Returned
from gateway.capabilities import About, DeadLetter, Erased, kind
from gateway.contract import Gateway, Raw, Undecodable, Unfinished

ID, REASON, SINCE, OPERATION = "x-understudy-id", "x-understudy-reason", "x-understudy-since", "x-understudy-operation"
QUEUE, CAME = "x-understudy-queue", "x-understudy-came"
_OURS = (ID, REASON, SINCE, OPERATION, QUEUE, CAME)
PATIENCE = 10.0
"""Seconds that the broker may take."""
MOST_BYTES = 64 << 20
"""Bytes of dead letters that are looked at together."""
FEW = 5
"""Dead letters that could not be put back and are told by name."""


def letter(queue: str, delivery: Delivery, operation: str, source: str, reason: str, id: str) -> Letter:
    """A message as a dead letter: its own body and properties, and ours beside them. It never expires."""
    properties = delivery.properties
    came = {name: value for name in ("expiration", "user_id", "delivery_mode") if (value := getattr(properties, name))}
    ours = {
        ID: id, REASON: reason[:500], SINCE: datetime.now(UTC).isoformat(), OPERATION: operation, QUEUE: source,
        CAME: json.dumps(came),
    }  # fmt: skip
    return Letter("", queue, passed_on(properties, None, ours), delivery.body)


def note(gateway: Gateway, adapter: str, letter: Letter) -> None:
    """Has the ledger know of a dead letter that is confirmed."""
    headers = letter.properties.headers
    gateway.buried(adapter, headers[OPERATION], headers[ID], kind(headers[REASON]))


def named(operation: str, properties: pika.BasicProperties, body: bytes) -> str:
    """What a dead letter is called: the same however often the message comes, and made of it only."""
    return digest(operation, properties, body)[:12].hex()


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
    """What an operator can do with them."""

    def __init__(self, broker: Broker, operations: dict[str, str]) -> None:
        """`broker` is only for this: its connection reads nothing and makes no queue. `operations` is the name of each
        by its queue."""
        self._broker = broker
        self._operations = operations

    async def oldest(self, limit: int) -> tuple[int, Sequence[DeadLetter]]:
        """How many there are, and the oldest of them, which stay; fewer than `limit` where they are large. Raises
        Unfinished."""
        letters: list[DeadLetter] = []
        size = 0
        try:
            connection, count = await self._there()
            channel = await opened(connection)
            async for _, properties, body in got(channel, self._broker.dead_letters, min(limit, count)):
                letters.append(self._told(properties, body))
                size += len(body)
                if size > MOST_BYTES:
                    break
            await channel.close()  # which gives them back
        except Lost as error:
            raise Unfinished(advised(error)) from error
        return count, letters

    async def resubmit(self, ids: Collection[str] | None) -> AsyncIterator[DeadLetter]:
        """Puts these, or all, back into the queues that they came from; each once that is confirmed. Raises
        Unfinished."""
        done, left, missing = 0, [], set(ids or ())
        try:
            connection, count = await self._there()
            channel = await opened(connection)
            async for tag, properties, body in got(channel, self._broker.dead_letters, count):
                letter = self._told(properties, body)
                if ids is not None and letter.id not in ids:
                    continue
                missing.discard(letter.id)
                if not (queue := self._queue(properties)):
                    left.append(f"{letter.id} stays: nothing says which queue it came from")
                    continue
                try:
                    await self._broker.send(Letter("", queue, restored(properties), body), PATIENCE)
                except (Returned, Refused) as error:
                    left.append(f"{letter.id} stays: the queue {queue!r} does not take it ({error})")
                    continue
                channel.raw.basic_ack(tag)
                done += 1
                yield letter
            await channel.close()
        except Lost as error:
            raise Unfinished(f"{done} were put back, then: {advised(error)}") from error
        if missing:
            named = ", ".join(sorted(missing))
            left.append(f"no dead letter is called {named}; `understudy dead {self._broker.name}` lists them")
        if left:
            raise Unfinished("; ".join([*left[:FEW], *([f"and {len(left) - FEW} more"] if left[FEW:] else [])]))

    async def _there(self) -> tuple[Connection, int]:
        """The connection, and how many there are. Raises Lost."""
        connection = await self._broker.writing.tried()
        found = await passive(connection, self._broker.dead_letters)
        return connection, found.message_count if found else 0

    async def erase(self, about: About, codecs: Mapping[str, Codec]) -> Erased:
        """Removes those that are about one person only. Raises Unfinished."""
        removed: list[DeadLetter] = []
        left = []
        try:
            connection, count = await self._there()
            channel = await opened(connection)
            async for tag, properties, body in got(channel, self._broker.dead_letters, count):
                letter = self._told(properties, body)
                try:
                    codec = codecs[letter.operation]
                    hers, records = about(letter.operation, codec.request(Raw(body, media(properties))))
                except (Undecodable, KeyError):
                    left.append(f"the dead letter {letter.id} cannot be read: look at it, it may be about anybody")
                    continue
                if hers and hers == records:
                    channel.raw.basic_ack(tag)
                    removed.append(replace(letter, body=b""))
                elif hers:
                    left.append(f"the dead letter {letter.id} is about others too")
            await channel.close()
        except Lost as error:
            raise Unfinished(f"{len(removed)} dead letters were removed, then: {advised(error)}") from error
        return Erased([f"{len(removed)} dead letters removed"], left, removed)

    async def close(self) -> None:
        """Closes the connection."""
        await self._broker.close()

    def _told(self, properties: pika.BasicProperties, body: bytes) -> DeadLetter:
        headers = properties.headers or {}
        since = headers.get(SINCE)
        died = next(iter(deaths(properties)), {})
        came = described(properties)
        operation = str(headers.get(OPERATION) or self._operations.get(self._queue(properties), ""))
        return DeadLetter(
            str(headers.get(ID) or named(operation, properties, body)),
            operation,
            str(headers.get(REASON) or _by_others(died)),
            datetime.fromisoformat(str(since)) if since else _moment(died.get("time")),
            {name: value for name, value in came.items() if name.removeprefix("headers.") not in _OURS},
            body,
        )

    def _queue(self, properties: pika.BasicProperties) -> str:
        died = next(iter(deaths(properties)), {})
        return str((properties.headers or {}).get(QUEUE) or died.get("queue", ""))


def _by_others(died: Mapping[str, Any]) -> str:
    return f"the broker put it aside ({died.get('reason')})" if died else "somebody else put it there"


def _moment(value: Any) -> datetime | None:
    return (value if value.tzinfo else value.replace(tzinfo=UTC)) if isinstance(value, datetime) else None


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
