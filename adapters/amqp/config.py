"""The settings of an AMQP adapter."""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from adapters.formats.config import FormatChoice
from gateway.settings import Duration, Settings, Size
from gateway.tls import Server

DIRECT = "amq.rabbitmq.reply-to."
"""How RabbitMQ's direct reply addresses begin."""
Short = Annotated[str, Field(max_length=255)]
"""A name that AMQP writes with its length in one byte."""
Queue = Annotated[Short, Field(min_length=1)]
Correlation = Literal["correlation_id", "message_id"]


def _address(address: str) -> str:
    scheme, _, rest = address.partition("://")
    host, _, port = rest.rpartition(":")
    if scheme not in ("amqp", "amqps") or not host or not port.isdecimal() or not 0 < int(port) < 65536 or "@" in host:
        raise ValueError("expected amqp://HOST:PORT or amqps://HOST:PORT, without user, password and vhost")
    return address


Address = Annotated[str, AfterValidator(_address)]


class Place(Settings):
    """Where messages are published to or come from."""

    exchange: Short = ""
    """The default exchange if left out: then `routing_key` is the name of a queue."""
    routing_key: Short = ""


class Forward(Settings):
    """The old worker, as the incumbent: messages go to it as they came, and its replies to the callers."""

    exchange: Short = ""
    routing_key: Queue
    """With the default exchange the name of the worker's queue."""
    timeout: Duration = 60.0
    """How long a call waits for the reply. One that comes later is relayed all the same, but no longer compared."""
    replies: Queue | None = None
    """The queue of legacy's that the worker's answers go to, where it does not use reply_to."""
    correlate: Correlation = "correlation_id"
    """Which property of a request the worker puts into the correlation_id of its reply."""
    replies_at_all: bool = Field(True, alias="reply")
    """False where the worker answers nobody: then nothing can be compared."""


class Tap(Settings):
    """A queue of ours beside the legacy one: the gateway reads what passes and touches nothing."""

    requests: Place
    replies: Place | None = None
    correlate: Correlation = "correlation_id"
    """Which property of a request is the correlation_id of its reply."""
    limit: int = Field(100_000, ge=1)
    """Messages that may wait for the gateway; the oldest go first."""
    limit_bytes: Size = 256 << 20
    """Bytes that may wait for the gateway."""


class RefusalPaths(Settings):
    """Where a reply says that it is a business refusal."""

    code: str
    """Path of its code: a reply that has one is a refusal."""
    message: str | None = None
    """Path of its text."""


class Operation(Settings):
    """One queue of requests, or one tap."""

    queue: Queue | None = None
    """Where requests come from. Left out where only routes of other adapters ask this worker."""
    declare: Literal["quorum", "classic"] | None = None
    """Makes the queue, which is ours and goes with `understudy leave`. Left out it is legacy's and must be there."""
    bind: list[Place] = []
    """Bindings of a queue that is ours."""
    format: FormatChoice
    reply_format: FormatChoice | None = None
    """The format of replies; by default that of requests."""
    refusal: RefusalPaths | None = None
    answer: Place | None = None
    """Where answers go whose request has no reply_to."""
    correlate: Correlation = "correlation_id"
    """Which property of a request an answer has as its correlation_id; where it is missing, the other one."""
    forward: Forward | None = None
    tap: Tap | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "Operation":
        if self.tap and (self.queue or self.forward or self.declare or self.bind or self.answer):
            raise ValueError("a tap only reads: leave out queue, declare, bind, answer and forward")
        if not self.tap and not self.queue and not self.forward:
            raise ValueError("give the `queue` that requests come from, or a `tap`")
        if self.bind and not self.declare:
            raise ValueError("bind needs `declare`: a queue of legacy's is bound by legacy")
        if any(not place.exchange for place in self.bind) or (self.tap and not self.tap.requests.exchange):
            raise ValueError("the default exchange cannot be bound; name an exchange")
        if self.tap and self.tap.replies and not self.tap.replies.exchange:
            raise ValueError("the default exchange cannot be bound; replies that go there cannot be tapped")
        return self


class Dedupe(Settings):
    """What is remembered of answers of the candidate, so that a request that comes again gets the same one."""

    kind: Literal["none", "memory", "store"] = "memory"
    """memory: by each worker for itself. store: by all together, durable before the answer goes out."""
    ttl: Duration = 3600.0
    without_store: Literal["wait", "serve"] = "wait"
    """While the store is down: requests wait in their queue, or are answered without it."""


def _dedupe(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


class AmqpSettings(Settings):
    """Queues of one virtual host of a RabbitMQ, as one user."""

    addresses: list[Address] = Field(min_length=1)
    """Tried in turn."""
    vhost: str = "/"
    user: str
    password: SecretStr
    tls: Server = Server()
    """How the brokers of amqps addresses are trusted, and what they are shown."""
    heartbeat: Duration = 30.0
    prefetch: int = Field(300, ge=1, le=65535)
    """Messages of a queue that a worker holds at once."""
    prefetch_bytes: Size = 64 << 20
    """Bytes of messages that a worker holds at once; one message more may be above it."""
    timeout: Duration = 30.0
    """The deadline of a call; an expiration that ends earlier comes first."""
    age: Literal["received", "timestamp"] = "received"
    """From when an expiration counts: from when the message came, or from its timestamp, where clocks agree."""
    reply_to: list[str] = [f"{DIRECT}*"]
    """Where answers may go to by a request's reply_to: names of queues, `*` stands for any part."""
    deliveries: int = Field(10, ge=5)
    """How often a message is delivered before it is put aside. A lost connection counts, too."""
    dedupe: Annotated[Dedupe, BeforeValidator(_dedupe)] = Dedupe()
    records_wait: Duration = Field(0.0, ge=0)
    """How long a request is not acknowledged for want of a record, where the observer is behind or away. So the queue
    is worked off no faster than the observer takes; when it is over, nothing waits until that has caught up."""
    dead_letters: Queue | None = None
    """Our queue of what nobody can answer; by default `understudy.ADAPTER.dead`."""
    replies: Queue | None = None
    """Our queue of the worker's replies, shared by all replicas; by default `understudy.ADAPTER.replies`."""
    secret: SecretStr | None = None
    """Signs where a reply belongs; by default made of the password. All replicas need the same."""
    headers: bool = True
    """Whether messages that are forwarded and answers of the candidate carry a trace context and the route."""
    operations: dict[Annotated[str, Field(pattern=r"^\w[\w.-]{0,63}$")], Operation] = Field(min_length=1)

    @model_validator(mode="after")
    def _operations_are_alike(self) -> "AmqpSettings":
        for word, having in (
            ("tap", [bool(one.tap) for one in self.operations.values()]),
            ("forward", [bool(one.forward) for one in self.operations.values() if not one.tap]),
        ):
            if any(having) and not all(having):
                raise ValueError(f"all operations have a `{word}` or none; give the others an adapter of their own")
        queues = [one.queue for one in self.operations.values() if one.queue]
        if len(set(queues)) < len(queues):
            raise ValueError("two operations read one queue; a queue is one operation")
        return self

    @property
    def taps(self) -> bool:
        """Whether this adapter only reads."""
        return any(one.tap for one in self.operations.values())

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken with any of the brokers."""
        return any(address.startswith("amqps:") for address in self.addresses)

    def tls_context(self, folder: Path) -> ssl.SSLContext | None:
        """What connections to amqps addresses are made with. Reads the files. Raises ConfigError."""
        if not self.secure:
            return None
        made = self.tls.context(folder, "tls.")
        self.tls.show(made, folder, "tls.")
        return made

    def weaknesses(self) -> Sequence[str]:
        """What is configured and weakens security, one sentence each."""
        found = [*self.tls.weak_server("tls.", "broker")] if self.secure else []
        if not all(address.startswith("amqps:") or _is_here(address) for address in self.addresses):
            found.append("addresses: an address is not amqps, so password and messages can be read on the way")
        if "*" in self.reply_to:
            found.append(
                "reply_to: any queue is allowed, so who can send a request can have it answered into any queue"
            )
        return found


def _is_here(address: str) -> bool:
    host = address.partition("://")[2].rpartition(":")[0]
    return host in ("localhost", "127.0.0.1", "[::1]")
