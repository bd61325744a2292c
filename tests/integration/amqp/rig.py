"""Callers and old workers of a test on a real broker, each on a connection of its own in a thread."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from tests.services import Rabbitmq

PATIENCE = 20.0
"""Seconds that a test waits for anything at most."""
Reply = Callable[[bytes], bytes]


def decided(body: bytes) -> bytes:
    """What the old worker says, in its own spelling."""
    asked = json.loads(body)
    return b'{ "Decision" : "%s", "By":"worker" }' % (b"A" if asked["Amount"] < 1000 else b"R")


def connection(node: Rabbitmq) -> pika.BlockingConnection:
    """A connection of a test."""
    return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", node.port))


@contextmanager
def channel(node: Rabbitmq) -> Iterator[BlockingChannel]:
    """A channel of a test."""
    one = connection(node)
    try:
        yield one.channel()
    finally:
        if one.is_open:
            one.close()


def declare(node: Rabbitmq, *queues: str, kind: str = "classic") -> None:
    """Legacy's own queues."""
    with channel(node) as one:
        for queue in queues:
            one.queue_declare(queue, durable=True, arguments={"x-queue-type": kind})


def depth(node: Rabbitmq, queue: str) -> int | None:
    """Messages that wait in a queue; None where there is no such queue."""
    try:
        with channel(node) as one:
            return int(one.queue_declare(queue, passive=True).method.message_count)
    except pika.exceptions.ChannelClosedByBroker:
        return None


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Returns when the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.01)


@dataclass
class Got:
    """A message that came."""

    properties: pika.BasicProperties
    body: bytes


@dataclass
class Caller:
    """A caller with a reply queue of its own, or with RabbitMQ's direct one."""

    node: Rabbitmq
    direct: bool = False
    listens: bool = True
    """Whether it takes replies; one that does loses those that are on their way to it when its broker is killed."""
    replies: dict[str, list[Got]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = connection(self.node)
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()
        if self.direct:
            self.queue = "amq.rabbitmq.reply-to"
        else:
            self.queue = f"reply.{uuid.uuid4().hex}"
            self.channel.queue_declare(self.queue, durable=True)
        if self.listens:
            self.listen(self.queue)

    def listen(self, queue: str) -> None:
        """Takes the replies of a queue."""
        self.channel.basic_consume(queue, self._came, auto_ack=True)

    def _came(self, _: Any, __: Any, properties: pika.BasicProperties, body: bytes) -> None:
        self.replies.setdefault(str(properties.correlation_id), []).append(Got(properties, body))

    def send(self, queue: str, body: bytes, named: str = "", exchange: str = "", **properties: Any) -> str:
        """Sends a request; returns its correlation id."""
        named = named or uuid.uuid4().hex
        given = {"content_type": "application/json", "reply_to": self.queue, "correlation_id": named, **properties}
        made = pika.BasicProperties(delivery_mode=2, **{name: value for name, value in given.items() if value})
        self.channel.basic_publish(exchange, queue, body, made)
        return named

    def wait(self, named: Sequence[str], seconds: float = PATIENCE) -> list[Got]:
        """The first reply to each of these requests."""
        deadline = time.monotonic() + seconds
        while missing := [one for one in named if one not in self.replies]:
            assert time.monotonic() < deadline, f"{len(missing)} of {len(named)} replies are missing"
            self.connection.process_data_events(0.05)
        return [self.replies[one][0] for one in named]

    def ask(self, queue: str, body: bytes, **properties: Any) -> Got:
        """The reply to one request."""
        return self.wait([self.send(queue, body, **properties)])[0]

    def settle(self, seconds: float) -> None:
        """Takes what else comes for a while."""
        self.connection.process_data_events(seconds)

    def close(self) -> None:
        """Closes its connection, which may have gone with the broker."""
        with suppress(pika.exceptions.AMQPError):
            self.connection.close()


class Worker:
    """An old worker: replies to reply_to, or publishes to a place, with the correlation id that it was given.

    It begins anew whenever its broker goes, or does not take it yet."""

    def __init__(
        self, node: Rabbitmq, queue: str, reply: Reply = decided, publish: tuple[str, str] | None = None,
        properties: Mapping[str, Any] | None = None, prefetch: int = 0,
    ) -> None:  # fmt: skip
        self.seen: list[Got] = []
        self.gate = threading.Event()
        self.gate.set()
        self._node, self._queue, self._reply, self._publish = node, queue, reply, publish
        self._properties = dict(properties or {"content_type": "application/json", "app_id": "old", "type": "decision"})
        self._prefetch = prefetch
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            # A broker that has just come up may still refuse: a quorum queue has to find its leader first.
            with suppress(pika.exceptions.AMQPError), channel(self._node) as works:
                self._work(works)
            self._stop.wait(0.05)

    def _work(self, works: BlockingChannel) -> None:
        works.basic_qos(prefetch_count=self._prefetch)
        for method, properties, body in works.consume(self._queue, inactivity_timeout=0.02):
            if self._stop.is_set():
                break
            if method is None:
                continue
            self.seen.append(Got(properties, body))
            while not self.gate.wait(0.02) and not self._stop.is_set():
                works.connection.process_data_events(0)
            exchange, key = self._publish or ("", properties.reply_to)
            if key and not self._stop.is_set():
                made = pika.BasicProperties(
                    delivery_mode=2, correlation_id=properties.correlation_id, **self._properties
                )  # fmt: skip
                works.basic_publish(exchange, key, self._reply(body), made)
            works.basic_ack(method.delivery_tag)
        works.cancel()

    def close(self) -> None:
        """Ends it."""
        self._stop.set()
        self._thread.join(PATIENCE)
