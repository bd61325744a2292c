"""What goes out for one operation. A request is acknowledged once what goes out for it is confirmed by the broker."""

import asyncio
import random
import time
from collections.abc import Mapping

import pika

from adapters.amqp import dead
from adapters.amqp.broker import Broker
from adapters.amqp.config import Operation
from adapters.amqp.consumer import Delivery
from adapters.amqp.entry import Attempt, Entry
from adapters.amqp.forward import Forward
from adapters.amqp.message import ROUTE, passed_on, remaining, traced
from adapters.amqp.publisher import Letter, Returned
from gateway.contract import Gateway, Raw

FIRST, LONGEST = 0.1, 10.0
"""Seconds before the same message is published again, doubled up to the longest and varied."""
NOBODY = "nobody wants an answer: it has no reply_to"
ANSWERED, RELAYED, PASSED, DEAD = "answered", "relayed", "passed", "dead"


class Outgoing:
    """Publishes answers, the worker's replies, requests that pass and dead letters."""

    def __init__(
        self, operation: str, settings: Operation, broker: Broker, gateway: Gateway, forward: Forward | None
    ) -> None:  # fmt: skip
        self.forward = forward
        self._operation = operation
        self._settings = settings
        self._broker = broker
        self._gateway = gateway
        self._under_way = 0
        self._stopped = False

    @property
    def busy(self) -> bool:
        """Whether something is not confirmed yet."""
        return self._under_way > 0

    def stop(self) -> None:
        """Repeats nothing any more."""
        self._stopped = True

    def reply(self, entry: Entry, answer: Raw, headers: Mapping[str, str]) -> None:
        """An answer that is ours, to where the caller wants it."""
        if not entry.delivery.alive:
            return entry.finish()  # it is delivered again, and answered then
        if (address := entry.way) is None:
            return self.bury(entry, NOBODY)
        properties = pika.BasicProperties(
            content_type=answer.media or None, delivery_mode=2, correlation_id=address.correlation,
            priority=entry.delivery.properties.priority, timestamp=int(time.time()), app_id="understudy",
        )  # fmt: skip
        if self._broker.settings.headers:
            route = self._gateway.route(self._broker.name, self._operation)
            properties.headers = {**traced(entry.delivery.properties), ROUTE: route, **headers}
        self._send(entry, Letter(address.exchange, address.routing_key, properties, answer.body), ANSWERED)

    def relay(self, attempt: Attempt, reply: Delivery, body: bytes | None = None) -> None:
        """The worker's reply with its own properties, its body replaced where one is given."""
        entry = attempt.entry
        if not reply.alive:
            return entry.finish()  # it is delivered again, and relayed then
        if entry.way is None or self.forward is None:
            reply.acknowledge()
            return entry.end()
        made = self.forward.returned(reply, entry.way.exchange, entry.way.routing_key, entry.way.correlation)
        if body is not None:
            made.body = body
        self._send(entry, made, RELAYED, reply)

    def pass_on(self, entry: Entry, reason: str) -> None:
        """A request to the worker as it came, its reply address too: the worker answers the caller itself.

        `reason` is why nothing is observed of it, where that was not counted before."""
        assert self.forward is not None  # noqa: S101 - asked for only where there is a worker
        if reason:
            self._gateway.passed(self._broker.name, self._operation, reason)
        left = remaining(entry.delivery, self._broker.settings.age == "timestamp")
        properties = passed_on(entry.delivery.properties, left)
        self._send(entry, self.forward.letter(self._operation, properties, entry.delivery.body), PASSED)

    def bury(self, entry: Entry, reason: str) -> None:
        """A request to the dead letters."""
        queue, id = self._settings.queue or "", entry.name[:12].hex()
        made = dead.letter(self._broker.dead_letters, entry.delivery, self._operation, queue, reason, id)
        self._send(entry, made, DEAD)

    def _send(
        self, entry: Entry, letter: Letter, event: str, reply: Delivery | None = None, pause: float = FIRST
    ) -> None:
        """Publishes and, once that is confirmed, acknowledges; else tries again with the same message."""
        self._under_way += 1
        entry.leaving = True

        def sent(done: "asyncio.Future[None]") -> None:
            self._under_way -= 1
            error = done.exception()
            if error is None:
                self.count(event)
                if event == DEAD:
                    dead.note(self._gateway, self._broker.name, letter)
            elif isinstance(error, Returned) and event in (ANSWERED, RELAYED) and entry.way and entry.way.own:
                self.count("caller_gone")
            else:
                self.count("not_confirmed")
                wait = pause * random.uniform(0.5, 1)  # noqa: S311 - jitter, nothing secret
                asyncio.get_running_loop().call_later(wait, again)
                return
            if reply:
                reply.acknowledge()
            entry.end()

        def again() -> None:
            if self._stopped or not (reply or entry.delivery).alive:
                entry.finish()  # it is delivered again
            else:
                self._send(entry, letter, event, reply, min(pause * 2, LONGEST))

        self._broker.publisher.send(letter).add_done_callback(sent)

    def count(self, event: str) -> None:
        """Counts an event of the operation."""
        self._gateway.count(self._broker.name, self._operation, event)
