"""Messages and their properties: what names one, when it expires, and what of it goes on."""

import hashlib
import random
import re
import time
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import pika

from adapters.amqp.consumer import Delivery
from gateway.contract import Raw

ROUTE, BY, MODEL = "x-understudy-route", "x-understudy-by", "x-understudy-model"
_PARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_BROKERS = ("CC", "BCC", "x-delivery-count")
"""Headers that would have the broker deliver a copy to further queues, or that it has written itself."""
_NAMES = (
    "content_type", "content_encoding", "delivery_mode", "priority", "correlation_id", "reply_to", "expiration",
    "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id",
)  # fmt: skip


def octets(value: Any) -> bytes:
    """A short string as its bytes: pika gives text, or bytes where they are not UTF-8."""
    return value if isinstance(value, bytes) else str(value or "").encode()


def media(properties: pika.BasicProperties) -> str:
    """The content type."""
    return octets(properties.content_type).decode("latin-1")


def raw(delivery: Delivery) -> Raw:
    """A message as codecs read it."""
    return Raw(delivery.body, media(delivery.properties))


def digest(operation: str, properties: pika.BasicProperties, body: bytes) -> bytes:
    """Names a message, 24 bytes: the same when it is delivered again, and another for every other request.

    A message id is often missing or the same for all, so everything that tells requests apart is in it."""
    parts = [operation.encode(), octets(properties.message_id), octets(properties.correlation_id),
             octets(properties.reply_to)]  # fmt: skip
    head = bytes(map(len, parts)) + b"".join(parts)
    return hashlib.blake2b(head + body, digest_size=24).digest()


def named(delivery: Delivery) -> bool:
    """Whether the caller gave the message anything that tells it from another with the same content."""
    return bool(delivery.properties.message_id or delivery.properties.correlation_id)


def remaining(delivery: Delivery, by_timestamp: bool) -> float | None:
    """Seconds until the message expires, negative when it has; None where it never does."""
    left = octets(delivery.properties.expiration)
    if not left.isdigit():
        return None
    age = time.monotonic() - delivery.received
    if by_timestamp and isinstance(delivery.properties.timestamp, int):
        age = max(age, time.time() - delivery.properties.timestamp)
    return int(left) / 1000 - age


def correlation(properties: pika.BasicProperties, first: str) -> Any:
    """What an answer has as its correlation id: that property, or where it is missing the other one."""
    other = {"correlation_id": "message_id", "message_id": "correlation_id"}[first]
    return getattr(properties, first) or getattr(properties, other)


def passed_on(
    properties: pika.BasicProperties, left: float | None, more: Mapping[str, Any] | None = None
) -> pika.BasicProperties:
    """Properties for publishing a message again, durable: all of them, but none that the broker would refuse or act
    upon, and with what is left of its time."""
    made = copy(properties)
    made.user_id = made.cluster_id = None
    made.delivery_mode = 2
    made.expiration = None if left is None else str(max(1, round(left * 1000)))
    headers = {name: value for name, value in (properties.headers or {}).items() if name not in _BROKERS}
    headers |= dict(more or {})
    made.headers = headers or None
    return made


def traced(properties: pika.BasicProperties) -> Mapping[str, Any]:
    """The W3C trace context of what follows from a message: its trace, with a new span; none where it has none."""
    headers = properties.headers or {}
    came = octets(headers.get("traceparent")).decode("latin-1")
    if not _PARENT.fullmatch(came):
        return {}
    version, trace, _, flags = came.split("-")
    span = random.getrandbits(64)
    kept = {"tracestate": headers["tracestate"]} if "tracestate" in headers else {}
    return {"traceparent": f"{version}-{trace}-{span:016x}-{flags}", **kept}


def deaths(properties: pika.BasicProperties) -> Sequence[Mapping[str, Any]]:
    """Where the broker has put the message aside before, the latest first."""
    found = (properties.headers or {}).get("x-death")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def described(properties: pika.BasicProperties) -> dict[str, str]:
    """The properties as text, for people."""
    given = {name: getattr(properties, name) for name in _NAMES}
    headers = {name: value for name, value in (properties.headers or {}).items() if name not in _BROKERS}
    given |= {f"headers.{name}": value for name, value in headers.items()}
    return {name: _text(value) for name, value in given.items() if value is not None}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
