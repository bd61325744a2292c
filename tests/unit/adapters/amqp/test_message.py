"""What names a message, when it expires, and what of its properties goes on."""

import time
from types import SimpleNamespace
from typing import Any

import pika
import pytest

from adapters.amqp import message
from adapters.amqp.config import Place
from adapters.amqp.consumer import Delivery, Subscription
from adapters.amqp.tap import _matches

Properties = pika.BasicProperties


def delivery(body: bytes = b"{}", exchange: str = "", routing_key: str = "q", **properties: Any) -> Delivery:
    method = SimpleNamespace(delivery_tag=1, exchange=exchange, routing_key=routing_key, redelivered=False)
    subscription: Subscription = Subscription.__new__(Subscription)
    return Delivery(subscription, method, Properties(**properties), body)


def digest(operation: str, one: Delivery) -> bytes:
    return message.digest(operation, one.properties, one.body)


def test_a_message_is_named_by_all_that_tells_requests_apart() -> None:
    ones = [
        delivery(), delivery(b"[]"), delivery(message_id="m"), delivery(correlation_id="m"), delivery(reply_to="m"),
        delivery(message_id="m", correlation_id="m"), delivery(message_id="mm"),
    ]  # fmt: skip
    names = {digest("Score", one) for one in ones} | {digest("Rate", ones[0])}
    assert len(names) == len(ones) + 1
    assert all(len(name) == 24 for name in names)
    assert digest("Score", delivery(message_id="m")) == digest("Score", delivery(message_id="m"))
    assert [message.named(one) for one in ones] == [False, False, True, True, False, True, True]


def test_an_expiration_counts_from_when_the_message_came_or_from_its_timestamp() -> None:
    assert message.remaining(delivery(), False) is None
    assert message.remaining(delivery(expiration="soon"), False) is None
    left = message.remaining(delivery(expiration="5000"), False)
    assert left is not None and 0 < left <= 5
    old = delivery(expiration="5000", timestamp=int(time.time()) - 60)
    assert (message.remaining(old, False) or 0) > 0 > (message.remaining(old, True) or 0)
    ahead = message.remaining(delivery(expiration="5000", timestamp=int(time.time()) + 3600), True)
    assert ahead is not None and ahead <= 5, "a clock that is ahead makes nothing live longer"


def test_what_the_broker_would_refuse_or_act_upon_does_not_go_on() -> None:
    came = Properties(
        user_id="ada", cluster_id="c", delivery_mode=1, expiration="5000", type="loan", priority=3,
        headers={"CC": ["other"], "BCC": ["more"], "a": 1},
    )  # fmt: skip
    made = message.passed_on(came, 2.5, {"b": 2})
    assert (made.user_id, made.cluster_id, made.delivery_mode, made.expiration) == (None, None, 2, "2500")
    assert (made.type, made.priority, made.headers) == ("loan", 3, {"a": 1, "b": 2})
    assert (came.user_id, came.headers["CC"]) == ("ada", ["other"]), "the message itself is as it was"
    assert message.passed_on(Properties(headers={"CC": []}), None).headers is None


def test_an_answer_is_named_by_the_property_that_is_there() -> None:
    both = Properties(correlation_id="c", message_id="m")
    assert message.correlation(both, "correlation_id") == "c"
    assert message.correlation(both, "message_id") == "m"
    assert message.correlation(Properties(message_id="m"), "correlation_id") == "m"
    assert message.correlation(Properties(), "correlation_id") is None


def test_a_trace_goes_on_with_a_span_of_its_own_and_nonsense_is_none() -> None:
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    traced = message.traced(Properties(headers={"traceparent": parent, "tracestate": "x=1"}))
    version, trace, span, flags = traced["traceparent"].split("-")
    assert (version, trace, flags, traced["tracestate"]) == ("00", "a" * 32, "01", "x=1")
    assert span != "b" * 16 and len(span) == 16
    for nonsense in ({}, {"traceparent": "00-zz"}, {"traceparent": b"\xff"}, {"traceparent": 7}):
        assert message.traced(Properties(headers=nonsense)) == {}


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("loans.#", "loans", True), ("loans.#", "loans.new.de", True), ("loans.*", "loans", False),
        ("loans.*", "loans.new", True), ("loans.*", "loans.new.de", False), ("#", "anything.at.all", True),
        ("#.done", "a.b.done", True), ("loans", "loans", True), ("loans", "rates", False), ("", "fanout", True),
    ],
)  # fmt: skip
def test_a_tap_tells_requests_by_exchange_and_routing_key(pattern: str, key: str, matches: bool) -> None:
    place = Place(exchange="bank", routing_key=pattern)
    assert _matches(place, delivery(exchange="bank", routing_key=key)) is matches
    assert not _matches(place, delivery(exchange="other", routing_key=key))
