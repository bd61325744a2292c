"""The old worker as the incumbent: requests go to its queue as they came, its replies to the callers.

The way back of a reply travels in the correlation id that the worker returns, signed. So a request can be acknowledged
as soon as the worker's queue has it safe: whoever reads the reply, this process, another replica or one that starts
tomorrow, relays it. The worker sees a call twice only where a process dies between the two.
"""

import asyncio
import json
import os
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any

import pika

from adapters.amqp import dead
from adapters.amqp.broker import Broker
from adapters.amqp.channel import Lost, opened, passive
from adapters.amqp.codec import ONE_WAY
from adapters.amqp.config import Operation
from adapters.amqp.connection import Connection
from adapters.amqp.consumer import Consumer, Delivery
from adapters.amqp.entry import Attempt
from adapters.amqp.message import ROUTE, correlation, octets, passed_on, raw, remaining, traced
from adapters.amqp.publisher import Letter, Refused, Returned
from adapters.amqp.ticket import MOST, Elsewhere, Ticket, Tickets, shortened
from gateway.contract import Call, IncumbentTimeout, IncumbentUnreachable, NotKept, Raw

REPLIES = 64
"""Replies that a worker process holds at once."""
BELIEVED = 1.0
"""Seconds that another process is taken to live, or to be gone, after it was looked for."""
HANDED = 5_000
"""Milliseconds that a reply waits for the process that it was handed to, before anybody relays it."""
FORGOTTEN = 60_000
"""Milliseconds after which the queue of a process that is gone goes."""
KEPT = 86_400.0
"""Seconds that a way back which is too long for a correlation id is kept."""
PATIENCE = 10.0
"""Seconds that the broker may take to have a message safe."""


class Forward:
    """gateway.contract.Incumbent for the operations of one adapter."""

    def __init__(self, broker: Broker, operations: Mapping[str, Operation]) -> None:
        """Opens no connection."""
        settings = broker.settings
        secret = (settings.secret or settings.password).get_secret_value().encode()
        self.queue = settings.replies or f"understudy.{broker.name}.replies"
        self._broker = broker
        self._operations = operations
        self._to = {name: one.forward for name, one in operations.items() if one.forward}
        self._by_digest = {shortened(name): name for name in self._to}
        self._tickets = Tickets(secret, broker.name)
        self._instance = os.urandom(4).hex()
        self._waiting: dict[str, asyncio.Future[Delivery]] = {}
        self._others: dict[str, tuple[float, bool]] = {}
        self._looking: set[asyncio.Task[None]] = set()
        self.own_queue = f"{self.queue}.{self._instance}"
        """Where replies are handed to that other processes have read."""
        self._own = Consumer(self.own_queue, REPLIES, self._came, broker.handed_over)
        queues = {self.queue} | {one.replies for one in self._to.values() if one.replies}
        self._shared = [Consumer(queue, REPLIES, self._came, broker.handed_over) for queue in sorted(queues)]
        broker.writing_ready.append(self._prepare)

    @property
    def waiting(self) -> int:
        """Calls that wait for the worker."""
        return len(self._waiting)

    async def call(self, call: Call, timeout: float) -> Raw:
        """The worker's reply, byte for byte, within `timeout` seconds and the configured ones. Sent once, never
        repeated. A reply that comes later goes to the caller all the same.

        Raises IncumbentUnreachable, and then the worker's queue may or may not have it, or IncumbentTimeout."""
        settings = self._to[call.operation]
        token, begun = os.urandom(4).hex(), time.monotonic()
        reply: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()
        self._waiting[token] = reply
        try:
            if not await self._sent(call, token):
                return Raw(b"", "", ONE_WAY)
            async with asyncio.timeout(begun + min(timeout, settings.timeout) - time.monotonic()):
                came = await reply
        except TimeoutError as error:
            raise IncumbentTimeout("the worker did not reply in time; its reply is relayed when it comes") from error
        finally:
            self._waiting.pop(token, None)
        if isinstance(call, Attempt) and not call.answered:
            call.reply = came
        else:
            came.acknowledge()
        return raw(came)

    async def _sent(self, call: Call, token: str) -> bool:
        """Whether a reply is to be expected of the request, which the worker's queue now has safe."""
        attempt = call if isinstance(call, Attempt) else None
        settings = self._to[call.operation]
        two_way = settings.replies_at_all and (attempt is None or attempt.entry.way is not None)
        try:
            named = await self._named(call, attempt, token) if two_way else b""
            await self._broker.send(self._request(call, attempt, named), PATIENCE)
        except (Lost, Returned, Refused, NotKept) as error:
            raise IncumbentUnreachable(f"the worker's queue does not have the request: {error}") from error
        if attempt and not call.answered:
            attempt.entry.delivery.acknowledge()
        return two_way

    async def _named(self, call: Call, attempt: Attempt | None, token: str) -> bytes:
        """The correlation id of the forwarded request. Raises NotKept."""
        way = attempt.entry.way if attempt and not call.answered else None
        operation = shortened(call.operation) if way else ""
        reply_to = octets(way.routing_key) if way and way.own else b""
        ticket = Ticket(self._instance, token, operation, reply_to, octets(way.correlation) if way else b"")
        written = self._tickets.written(ticket)
        if len(written) <= MOST:
            return written
        if (gateway := self._broker.gateway) is None:
            raise NotKept("there is no store")
        name = os.urandom(16)
        fields = [ticket.instance, token, operation, ticket.reply_to.hex(), ticket.correlation.hex()]
        await gateway.keep(f"amqp/{self._broker.name}/ticket", {name: json.dumps(fields).encode()}, KEPT)
        return self._tickets.elsewhere(name)

    def _request(self, call: Call, attempt: Attempt | None, named: bytes) -> Letter:
        settings = self._to[call.operation]
        came = attempt.entry.delivery.properties if attempt else pika.BasicProperties(content_type=call.raw.media)
        left = remaining(attempt.entry.delivery, self._broker.settings.age == "timestamp") if attempt else None
        more = {**traced(came), ROUTE: self._route(call)} if self._broker.settings.headers else {}
        properties = passed_on(came, left, more)
        if named:
            properties.reply_to = self.queue
            setattr(properties, settings.correlate, named.decode("utf-8", "surrogateescape"))
            if not named.isascii():
                setattr(properties, settings.correlate, named)
        return self.letter(call.operation, properties, call.raw.body)

    def _route(self, call: Call) -> str:
        return self._broker.gateway.route(call.source, call.operation) if self._broker.gateway else ""

    def letter(self, operation: str, properties: pika.BasicProperties, body: bytes) -> Letter:
        """A message to the worker of an operation."""
        settings = self._to[operation]
        return Letter(settings.exchange, settings.routing_key, properties, body)

    def returned(self, reply: Delivery, exchange: str, routing_key: str, named: object) -> Letter:
        """A worker's reply as its caller gets it: bytes and properties its own, the correlation id the caller's."""
        mode = reply.properties.delivery_mode
        made = passed_on(reply.properties, None)
        made.expiration, made.delivery_mode, made.correlation_id = reply.properties.expiration, mode, named
        if (headers := made.headers) and "x-death" in headers:  # it was handed to a process that has died
            made.headers = {name: value for name, value in headers.items() if "-death" not in name} or None
        return Letter(exchange, routing_key, made, reply.body)

    def abandon(self) -> None:
        """Waits for no reply any more: whoever reads it relays it."""
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(IncumbentUnreachable("the gateway stops; the reply is relayed by another"))

    async def stop(self) -> None:
        """Reads no more replies."""
        for consumer in (*self._shared, self._own):
            await consumer.stop()

    # Replies.

    async def _prepare(self, connection: Connection) -> None:
        """Has our queues there and reads them."""
        channel = await opened(connection)
        declare = channel.raw.queue_declare
        await channel.ask(declare, queue=self.queue, durable=True, arguments={"x-queue-type": "quorum"})
        own = {
            "x-expires": FORGOTTEN, "x-message-ttl": HANDED, "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": self.queue,
        }  # fmt: skip
        await channel.ask(declare, queue=self._own.queue, durable=True, arguments=own)
        await channel.close()
        for consumer in (*self._shared, self._own):
            await consumer.start(connection)

    def _came(self, reply: Delivery) -> None:
        """A reply of the worker."""
        found = self._tickets.read(octets(reply.properties.correlation_id))
        if isinstance(found, Elsewhere):
            self._task(self._look_up(reply, found))
        elif found is None:
            self._unknown(reply)
        else:
            self._sort(reply, found)

    async def _look_up(self, reply: Delivery, found: Elsewhere) -> None:
        pause = 0.2
        while (gateway := self._broker.gateway) and reply.alive:
            with suppress(NotKept):
                kept = await gateway.kept(f"amqp/{self._broker.name}/ticket", [found.name])
                if found.name not in kept:
                    return self._unknown(reply)
                instance, token, operation, *rest = json.loads(kept[found.name])
                return self._sort(reply, Ticket(instance, token, operation, *map(bytes.fromhex, rest)))
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10.0)

    def _sort(self, reply: Delivery, ticket: Ticket) -> None:
        """Gives a reply to the call that waits for it here or in another process; else relays it."""
        waiting = self._waiting.get(ticket.token) if ticket.instance == self._instance else None
        if waiting and not waiting.done():
            waiting.set_result(reply)
        elif ticket.instance == self._instance or reply.routing_key == self._own.queue:
            self._relay(reply, ticket)
        else:
            self._hand_over(reply, ticket)

    def _hand_over(self, reply: Delivery, ticket: Ticket) -> None:
        """Gives a reply to the process that waits for it; relays it where that is gone."""
        until, lives = self._others.get(ticket.instance, (0.0, False))
        if until < time.monotonic():
            self._task(self._look_for(reply, ticket))
        elif lives:
            letter = Letter("", self._queue_of(ticket), passed_on(reply.properties, None), reply.body)
            self._broker.publisher.send(letter).add_done_callback(lambda done: self._handed(done, reply, ticket))
        else:
            self._relay(reply, ticket)

    def _handed(self, done: "asyncio.Future[None]", reply: Delivery, ticket: Ticket) -> None:
        if done.exception() is None:
            reply.acknowledge()
        elif isinstance(done.exception(), Returned):
            self._relay(reply, ticket)

    async def _look_for(self, reply: Delivery, ticket: Ticket) -> None:
        """Whether another process reads what is handed to it; that is believed for a moment, which is shorter than
        its queue outlives it by, so that nothing is handed to a queue that vanishes with it."""
        with suppress(Lost):  # then the reply is delivered anew
            found = await passive(await self._broker.writing.connection(PATIENCE), self._queue_of(ticket))
            self._others[ticket.instance] = (time.monotonic() + BELIEVED, bool(found and found.consumer_count))
            self._hand_over(reply, ticket)

    def _queue_of(self, ticket: Ticket) -> str:
        return f"{self.queue}.{ticket.instance}"

    def _task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    def _relay(self, reply: Delivery, ticket: Ticket) -> None:
        """Sends a reply to the caller, whom nobody here waits with."""
        operation = self._by_digest.get(ticket.operation)
        place = self._operations[operation].answer if operation else None
        if not ticket.reply_to and place is None:
            reply.acknowledge()  # the caller has an answer, or never wanted one
            return
        named = ticket.correlation.decode() if ticket.correlation.isascii() else ticket.correlation
        if ticket.reply_to or place is None:
            letter = self.returned(reply, "", ticket.reply_to.decode("utf-8", "surrogateescape"), named or None)
        else:
            letter = self.returned(reply, place.exchange, place.routing_key, named or None)
        self._count(operation or "", "relayed_late")
        self._settle(reply, letter, own=bool(ticket.reply_to))

    def _settle(self, reply: Delivery, letter: Letter, *, own: bool) -> None:
        def sent(done: "asyncio.Future[None]") -> None:
            error = done.exception()
            if error is None or (own and isinstance(error, Returned)):
                if letter.routing_key == self._broker.dead_letters and self._broker.gateway:
                    dead.note(self._broker.gateway, self._broker.name, letter)
                reply.acknowledge()
            elif reply.alive:
                asyncio.get_running_loop().call_later(1.0, self._settle_again, reply, letter, own)

        self._broker.publisher.send(letter).add_done_callback(sent)

    def _settle_again(self, reply: Delivery, letter: Letter, own: bool) -> None:
        if reply.alive:
            self._settle(reply, letter, own=own)

    def _unknown(self, reply: Delivery) -> None:
        """A reply without a ticket of ours: what the worker sends by itself goes where answers go."""
        places = [self._operations[name].answer for name, one in self._to.items() if one.replies]
        place = places[0] if len(places) == 1 and reply.routing_key != self.queue else None
        if place:
            named = correlation(reply.properties, "correlation_id")
            self._settle(reply, self.returned(reply, place.exchange, place.routing_key, named), own=False)
        else:
            why = "a reply that belongs to no call: its correlation id is not one that was given"
            made = dead.letter(self._broker.dead_letters, reply, "", reply.routing_key, why, os.urandom(12).hex())
            self._settle(reply, made, own=False)

    def _count(self, operation: str, event: str) -> None:
        if self._broker.gateway:
            self._broker.gateway.count(self._broker.name, operation, event)
