"""Callers and an old worker on a broker that may die at any time; they count by themselves, with ids of their own.

The example is served with a queue of JSON beside its SOAP: the same route, the same fields.
"""

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pika
from ruamel.yaml import YAML

import gateway.examples.credit as example
from gateway.examples.credit.applications import requests
from tests.load import until
from tests.served import ROUTE, Served, served
from tests.services import Rabbitmq

ADAPTER, SOURCE = "loans_amqp", "loans_amqp/Score"
OLD = {"content_type": "application/json", "app_id": "LOANWRK", "type": "decision"}
"""The properties of an old worker's replies."""
FOR_LONG = 180.0
"""Seconds that a load may take with all that happens to it; only a broken gateway takes them."""


@cache
def _applications() -> Sequence[Mapping[str, Any]]:
    return [one["Application"] for one in requests()]


def request(number: int, **more: Any) -> tuple[str, bytes]:
    """The id and the body of a request, an application of the example under a number of our own."""
    one = _applications()[number % 1000]
    named = f"Q{number:06}"
    return named, json.dumps({"Application": {**one, "Id": named, **more}}, default=str).encode()


def right(named: str, properties: pika.BasicProperties, body: bytes) -> bool:
    """Whether a reply is what the constant model must say of this request."""
    said = json.loads(body)
    said["Result"].pop("Reasons")
    return bool(said == of_constant(named) and (properties.headers or {})["x-understudy-by"] == "candidate")


def of_constant(named: str) -> Mapping[str, Any]:
    """What the constant model's answer to a request must say: a bad loan with a probability of a quarter."""
    day = str(_applications()[int(named[1:]) % 1000]["ReceivedOn"])
    said = {"ApplicationId": named, "Decision": "A", "Score": 750, "DecidedOn": day}
    return {"Result": said}


def relayed(messages: Mapping[str, bytes]) -> Callable[[str, pika.BasicProperties, bytes], bool]:
    """Whether a reply is the old worker's own, byte for byte, its properties too."""

    def is_relayed(named: str, properties: pika.BasicProperties, body: bytes) -> bool:
        given = {name: getattr(properties, name) for name in OLD}
        return body == of_worker(messages[named]) and given == OLD and properties.headers is None

    return is_relayed


def of_worker(body: bytes) -> bytes:
    """What the old worker replies, in a spelling of its own; the same each time."""
    one = json.loads(body)["Application"]
    said = b'{ "Result" : {"Score":%d.50, "ApplicationId":"%s","Decision" : "%s", "DecidedOn":"%s"} }\r\n'
    decision = b"R" if one["Applicant"]["Age"] < 30 else b"A"
    return said % (one["Applicant"]["Age"] * 10, one["Id"].encode(), decision, one["ReceivedOn"].encode())


class Queues:
    """A broker's queues of one test, all of legacy's."""

    def __init__(self, node: Rabbitmq, kind: str) -> None:
        self.node = node
        self._kind = kind
        self.requests, self.worker, self.replies = (f"{name}.{uuid.uuid4().hex[:8]}" for name in ("in", "old", "reply"))
        self.declare(self.requests, self.worker, self.replies)

    def declare(self, *queues: str) -> None:
        """Has these there."""
        with self.channel() as channel:
            for queue in queues:
                channel.queue_declare(queue, durable=True, arguments={"x-queue-type": self._kind})

    @contextmanager
    def channel(self) -> Iterator[Any]:
        """A channel on a connection of its own."""
        connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.node.port, heartbeat=0))
        try:
            yield connection.channel()
        finally:
            with suppress(pika.exceptions.AMQPError):
                connection.close()

    def fill(self, messages: Iterable[tuple[str, bytes]]) -> int:
        """Puts requests into their queue, many times as fast as a Publisher, while nothing goes; how many bytes."""
        size = 0
        with self.channel() as channel:
            for named, body in messages:
                channel.basic_publish("", self.requests, body, self.properties(named))
                size += len(body)
        return size

    def properties(self, named: str) -> pika.BasicProperties:
        """A request's properties."""
        return pika.BasicProperties(
            delivery_mode=2, content_type="application/json", message_id=named, correlation_id=named,
            reply_to=self.replies,
        )  # fmt: skip

    def depth(self, queue: str) -> int:
        """Messages that wait."""
        with self.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).method.message_count)

    def peek(self, queue: str) -> dict[str, tuple[pika.BasicProperties, bytes]]:
        """What waits, by its message id; it stays."""
        found: dict[str, tuple[pika.BasicProperties, bytes]] = {}
        with self.channel() as channel:
            while (got := channel.basic_get(queue))[0]:
                found[got[1].message_id] = got[1:]
        return found

    def purge(self, queue: str) -> None:
        """Has nothing wait."""
        with self.channel() as channel:
            channel.queue_purge(queue)

    @contextmanager
    def served(self, folder: Path, forward: bool = False, **given: Any) -> Iterator[Served]:
        """The example with this queue; with `forward` the old worker is behind it. See tests.served.served."""
        content = YAML(typ="safe").load(Path(example.__path__[0]) / "understudy.yaml")
        mapping = content["routes"][ROUTE]["sources"]["loans_soap/ScoreLoan"]
        operation: dict[str, Any] = {"queue": self.requests, "format": "json", **given.pop("operation", {})}
        if forward:
            operation["forward"] = {"routing_key": self.worker}
        adapter = {
            "type": "amqp", "addresses": [f"amqp://{self.node.address}"], "user": "guest", "password": "guest",
            "reply_to": ["reply.*"], "operations": {"Score": operation}, **given.pop("adapter", {}),
        }  # fmt: skip
        routes = {ROUTE: {"sources": {SOURCE: mapping}}}
        with served(folder, adapters={ADAPTER: adapter}, routes=routes, **given) as gateway:
            yield gateway


class Thread:
    """Work on a connection of its own that is begun anew, on a new one, whenever the broker goes."""

    def __init__(self, queues: Queues) -> None:
        self.queues = queues
        self._stop = threading.Event()
        self._error: list[Exception] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                with suppress(pika.exceptions.AMQPError, OSError), self.queues.channel() as channel:
                    self.work(channel)
                self._stop.wait(0.05)
        except Exception as error:  # it is raised where the thread is joined
            self._error.append(error)

    def work(self, channel: Any) -> None:
        """Returns when told to stop. Raises AMQPError where the broker goes."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends it. Raises what has ended it before."""
        self._stop.set()
        self._thread.join(FOR_LONG)
        assert not self._thread.is_alive()
        for error in self._error:
            raise error


class Publisher(Thread):
    """Sends requests; one that is not confirmed is sent again with the same ids."""

    def __init__(self, queues: Queues, messages: Sequence[tuple[str, bytes]]) -> None:
        self.left = list(reversed(messages))
        super().__init__(queues)

    def work(self, channel: Any) -> None:
        channel.confirm_delivery()
        while self.left and not self._stop.is_set():
            named, body = self.left[-1]
            channel.basic_publish("", self.queues.requests, body, self.queues.properties(named), mandatory=True)
            self.left.pop()
        self._stop.wait()


class Replies(Thread):
    """Takes the replies: all bodies and properties by correlation id, in the order in which they came."""

    def __init__(self, queues: Queues) -> None:
        self.came: dict[str, list[tuple[pika.BasicProperties, bytes]]] = {}
        super().__init__(queues)

    def work(self, channel: Any) -> None:
        for method, properties, body in channel.consume(self.queues.replies, inactivity_timeout=0.05):
            if self._stop.is_set():
                return
            if method:
                self.came.setdefault(properties.correlation_id, []).append((properties, body))
                channel.basic_ack(method.delivery_tag)


class OldWorker(Thread):
    """Replies to each request by its own rules."""

    def __init__(self, queues: Queues, most: int = 0) -> None:
        """With `most` it replies to so many requests, and then to none."""
        self.asked: Counter[str] = Counter()
        self._most = most
        super().__init__(queues)

    def work(self, channel: Any) -> None:
        channel.basic_qos(prefetch_count=50)
        for method, properties, body in channel.consume(self.queues.worker, inactivity_timeout=0.05):
            if self._stop.is_set():
                return
            if method:
                made = pika.BasicProperties(delivery_mode=2, correlation_id=properties.correlation_id, **OLD)
                channel.basic_publish("", properties.reply_to, of_worker(body), made)
                channel.basic_ack(method.delivery_tag)
                self.asked[properties.message_id] += 1
                if len(self.asked) == self._most:
                    self._stop.wait()


class Exchange:
    """One load: requests sent, replies taken, each looked at."""

    def __init__(self, queues: Queues, stack: ExitStack) -> None:
        """Takes replies from now on."""
        self.messages: dict[str, bytes] = {}
        self._queues = queues
        self._stack = stack
        self._replies = Replies(queues)
        self._publishers: list[Publisher] = []
        stack.callback(self._replies.close)

    def send(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Begins to send these, over two connections."""
        self.messages |= dict(messages)
        for part in (messages[::2], messages[1::2]):
            self._publishers.append(Publisher(self._queues, part))
            self._stack.callback(self._publishers[-1].close)

    def awaits(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Takes replies to these too, which somebody else sends."""
        self.messages |= dict(messages)

    @property
    def answered(self) -> int:
        """Requests that have a reply."""
        return len(self._replies.came)

    def missing(self) -> set[str]:
        """Requests that have no reply."""
        return set(self.messages) - set(self._replies.came)

    def reached(self, count: int) -> None:
        """Returns when so many requests have a reply."""
        until(lambda: self.answered >= count, f"{count} replies; there are {self.answered}", FOR_LONG)

    def sent(self) -> None:
        """Returns when all requests are confirmed."""
        until(lambda: not any(one.left for one in self._publishers), "all requests to be sent", FOR_LONG)

    def whole(self, right: Callable[[str, pika.BasicProperties, bytes], bool]) -> int:
        """Returns when all have a reply; how many came more than once. Fails where one is not `right` or differs."""
        begun = time.monotonic()
        self.sent()
        until(lambda: self.answered >= len(self.messages), "all replies", FOR_LONG)
        print(f"the last of {len(self.messages)} replies came {time.monotonic() - begun:.1f} s after the wait began")
        came = dict(self._replies.came)
        assert set(came) == set(self.messages), "replies to what nobody asked"
        wrong = [named for named, found in came.items() if not all(right(named, *one) for one in found)]
        assert not wrong, f"{len(wrong)} wrong replies, such as {came[wrong[0]]}"
        unlike = [named for named, found in came.items() if len({body for _, body in found}) > 1]
        assert not unlike, f"{len(unlike)} requests got different answers, such as {came[unlike[0]]}"
        return sum(len(found) > 1 for found in came.values())
