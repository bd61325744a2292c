"""The settings of an AMQP adapter: what contradicts itself is refused, what is weak is told."""

from typing import Any

import pytest
from pydantic import ValidationError

from adapters.amqp.broker import Budget
from adapters.amqp.codec import Codec
from adapters.amqp.config import AmqpSettings, Operation
from gateway.contract import Call, Opaque, Raw, Refusal, Unencodable, Values

TAP = {"requests": {"exchange": "bank"}}


def settings(operations: dict[str, Any] | None = None, **more: Any) -> AmqpSettings:
    given = {
        "addresses": ["amqp://127.0.0.1:5672"], "user": "u", "password": "p",
        "operations": operations or {"Score": {"queue": "q", "format": "json"}}, **more,
    }  # fmt: skip
    return AmqpSettings.model_validate(given)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"addresses": ["mq.example:5672"]}, "expected amqp://HOST:PORT"),
        ({"addresses": ["amqp://user:secret@mq.example:5672"]}, "without user, password"),
        ({"addresses": []}, "at least 1"),
        ({"deliveries": 3}, "greater than or equal to 5"),
        ({"operations": {"A": {"format": "json"}}}, "give the `queue`"),
        ({"operations": {"A": {"format": "json", "queue": "q", "tap": TAP}}}, "a tap only reads"),
        ({"operations": {"A": {"format": "json", "queue": "q", "bind": [{"exchange": "e"}]}}}, "bind needs `declare`"),
        (
            {"operations": {"A": {"format": "json", "queue": "q"}, "B": {"format": "json", "tap": TAP}}},
            "all operations have a `tap` or none",
        ),
        (
            {
                "operations": {
                    "A": {"format": "json", "queue": "q"},
                    "B": {"format": "json", "queue": "r", "forward": {"routing_key": "w"}},
                }
            },
            "all operations have a `forward` or none",
        ),
        ({"operations": {name: {"format": "json", "queue": "q"} for name in "AB"}}, "two operations read one queue"),
    ],
)
def test_what_contradicts_itself_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        settings(**given)


def test_what_is_weak_is_told() -> None:
    assert settings().weaknesses() == []
    weak = settings(addresses=["amqp://mq.example:5672"], reply_to=["*"])
    assert [one.partition(":")[0] for one in weak.weaknesses()] == ["addresses", "reply_to"]
    old = settings(addresses=["amqps://mq.example:5671"], tls={"minimum_tls": "1.0", "ciphers": "ALL", "verify": False})
    assert [one.partition(":")[0] for one in old.weaknesses()] == ["tls.minimum_tls", "tls.ciphers", "tls.verify"]


def test_reading_rests_while_too_much_is_held_or_the_broker_takes_nothing() -> None:
    told: list[bool] = []
    budget = Budget(2, 100, told.append)
    for size in (10, 10):
        budget.take(size)
    assert told == []
    budget.take(10)
    budget.free(10)
    budget.take(90)
    budget.free(10)
    budget.block(True)
    budget.free(90)
    assert told == [True, False, True]
    budget.block(False)
    assert told == [True, False, True, False]


def test_a_refusal_is_written_and_read_where_the_configuration_says(tmp_path: Any) -> None:
    paths = {"code": "Error.Code", "message": "Error.Text"}
    operation = Operation.model_validate({"queue": "q", "format": "json", "refusal": paths})
    codec = Codec(operation, tmp_path)
    call = Call("loans", "Score", Raw(b"{}", "application/json"), codec, timeout=1)
    raw = codec.encode(Refusal("E04", "too young", {"Error": {"Field": "Age"}}), call)
    assert raw.body == b'{"Error": {"Field": "Age", "Code": "E04", "Text": "too young"}}'
    found = codec.reply(raw)
    assert isinstance(found, Refusal) and (found.code, found.message) == ("E04", "too young")
    assert isinstance(codec.reply(Raw(b'{"Error": {"Code": " "}}')), Values)
    assert codec.reply(Raw(b"", "", 202)) == Opaque("no_reply")
    plain = Codec(Operation.model_validate({"queue": "q", "format": "json"}), tmp_path)
    with pytest.raises(Unencodable, match="no `refusal`"):
        plain.encode(Refusal("E04"), call)
