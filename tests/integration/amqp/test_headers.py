"""What travels with a message: the trace and the route, the time that is left of it, and where its answer may go."""

import json
import time
from typing import Any

import pytest

from tests.integration.amqp.conftest import Case
from tests.integration.amqp.rig import channel, decided, depth, until
from tests.integration.amqp.test_answering import DEAD, request
from tests.integration.amqp.test_forward import forwarding
from tests.integration.amqp.test_operating import command, written

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CAME = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "bank=t61,x=1", "a": 1}


def follows(headers: dict[str, Any]) -> bool:
    """Whether these are of the same trace, with a span of their own."""
    version, trace, span, flags = headers["traceparent"].split("-")
    same = (version, trace, flags, headers["tracestate"]) == ("00", TRACE, "01", "bank=t61,x=1")
    return same and span != SPAN and len(span) == 16


# The trace and the route.


@pytest.mark.parametrize("stage", ["off", "shadow"])
def test_a_trace_goes_on_to_the_worker_whose_own_headers_come_back(case: Case, stage: str) -> None:
    old = case.queue("old")
    operation = forwarding(case, old)
    theirs = {"traceparent": f"00-{TRACE}-{'7' * 16}-01", "mine": "b"}
    worker = case.worker(old, properties={"content_type": "application/json", "headers": theirs})
    case.gateway(case.text(case.settings(operation), stage))
    reply = case.caller().ask(str(operation["queue"]), request(1), headers=CAME)
    [seen] = worker.seen
    assert follows(seen.properties.headers)
    assert seen.properties.headers["a"] == 1 and seen.properties.headers["x-understudy-route"] == "loan"
    assert reply.properties.headers == theirs


def test_the_candidates_answer_is_of_the_callers_trace_and_says_who_gave_it(case: Case) -> None:
    queue = case.queue("requests")
    case.gateway(case.text(case.settings({"queue": queue}), "live"))
    caller = case.caller()
    zeros = f"00-{'0' * 32}-{SPAN}-01"
    for headers in (CAME, {}, {"traceparent": zeros}, {"traceparent": "nonsense", "tracestate": "x"}):
        told = caller.ask(queue, request(1), headers=headers).properties.headers
        ours = {name: told.pop(name) for name in list(told) if name.startswith("x-understudy-")}
        assert ours == {
            "x-understudy-route": "loan", "x-understudy-by": "candidate", "x-understudy-model": "by_amount:1"
        }  # fmt: skip
        assert follows(told) if headers is CAME else told == {}, "what is no trace context is none"


def test_a_remembered_answer_is_of_the_trace_of_the_request_that_came_again(case: Case) -> None:
    queue = case.queue("requests")
    gateway = case.gateway(case.text(case.settings({"queue": queue}), "live"))
    caller = case.caller()
    caller.ask(queue, request(1), named="same", message_id="m")
    caller.replies.clear()
    again = caller.ask(queue, request(1), named="same", message_id="m", headers=CAME)
    assert gateway.events()["repeated"] == 1 and follows(again.properties.headers)


def test_without_headers_of_ours_those_that_came_go_on_as_they_are(case: Case) -> None:
    old, queue = case.queue("old"), case.queue("requests")
    operation = forwarding(case, old)
    worker = case.worker(old)
    first = case.gateway(case.text(case.settings(operation, headers=False)))
    caller = case.caller()
    caller.ask(str(operation["queue"]), request(1), headers=CAME)
    assert worker.seen[0].properties.headers == CAME
    first.end()
    case.gateway(case.text(case.settings({"queue": queue}, headers=False), "live"))
    assert caller.ask(queue, request(1), headers=CAME).properties.headers is None


# The time that is left.


def test_a_forwarded_request_has_the_time_that_is_left_after_it_was_held(case: Case) -> None:
    old = f"{case.queue('old')}.later"
    operation = forwarding(case, old)
    gateway = case.gateway(case.text(case.settings(operation)))
    caller = case.caller()
    named = caller.send(str(operation["queue"]), request(1), expiration="60000")
    until(lambda: gateway.events().get("received"), "it to be taken")
    taken = time.monotonic()
    until(lambda: gateway.events().get("failed:IncumbentUnreachable", 0) >= 3, "three tries without its queue")
    held = round((time.monotonic() - taken) * 1000)
    with channel(case.node) as one:
        one.queue_declare(old, durable=True)
    case.queues.append(old)
    worker = case.worker(old)
    caller.wait([named])
    left = int(worker.seen[0].properties.expiration)
    print(f"it was held for {held} ms and {left} are left")
    assert 0 < left <= 60000 - held


@pytest.mark.parametrize("body", [request(1), b"nonsense"])
def test_by_its_timestamp_a_request_has_less_time_left_and_one_whose_time_is_over_reaches_nobody(
    case: Case, body: bytes
) -> None:
    """One that cannot be read goes to the worker untouched, and yet with what is left of its time."""
    old = case.queue("old")
    operation = forwarding(case, old)
    worker = case.worker(old, reply=lambda _: b"worker")
    stage = "shadow" if body != b"nonsense" else "live"
    gateway = case.gateway(case.text(case.settings(operation, age="timestamp"), stage))
    caller, sent = case.caller(), int(time.time()) - 600
    caller.send(str(operation["queue"]), body, expiration="599000", timestamp=sent)
    until(lambda: gateway.events().get("expired") == 1, "the first to be too late")
    caller.ask(str(operation["queue"]), body, expiration="700000", timestamp=sent)
    [seen] = worker.seen
    assert 0 < int(seen.properties.expiration) <= 100_000
    assert depth(case.node, str(operation["queue"])) == 0


def test_a_dead_letter_never_expires_and_has_its_time_again_when_it_is_put_back(case: Case) -> None:
    queue = case.queue("requests")
    text = case.text(case.settings({"queue": queue}), "live")
    gateway = case.gateway(text)
    case.caller().send(queue, b"nonsense", expiration="60000", priority=3)
    until(lambda: depth(case.node, DEAD) == 1, "the dead letter")
    gateway.end()
    with channel(case.node) as one:
        _, properties, _ = one.basic_get(DEAD)
        assert properties.expiration is None and properties.priority == 3
        one.basic_nack(1)
    assert command(written(case, text), "dead", "loans", "--all").exit_code == 0
    with channel(case.node) as one:
        _, properties, _ = one.basic_get(queue)
    assert (properties.expiration, properties.priority, properties.headers) == ("60000", 3, None)


# Where answers may go.


@pytest.mark.parametrize(
    ("patterns", "reply_to", "answered"),
    [
        (["bank.*"], "bank.NAME", True),
        (["*.replies"], "bank.NAME.replies", True),
        (["bank.*.x", "bank.*.y"], "bank.NAME.y", True),
        (["*"], "NAME", True),
        (["bank.*"], "x.bank.NAME", False),
        (["bank.*.x"], "bank.NAME.xy", False),
        (["bank?*"], "bank.NAME", False),
        (["bank.[a-z0-9]*"], "bank.NAME", False),
        ([], "bank.NAME", False),
    ],
)
def test_answers_go_only_to_addresses_that_a_pattern_allows(
    case: Case, patterns: list[str], reply_to: str, answered: bool
) -> None:
    queue = case.queue("requests")
    reply_to = reply_to.replace("NAME", queue.partition(".")[2])
    with channel(case.node) as one:
        one.queue_declare(reply_to, durable=True)
    case.queues.append(reply_to)
    case.gateway(case.text(case.settings({"queue": queue}, reply_to=patterns), "live"))
    case.caller().send(queue, request(1), reply_to=reply_to)
    until(lambda: depth(case.node, reply_to if answered else DEAD) == 1, "it to be answered or put aside")
    assert depth(case.node, DEAD if answered else reply_to) == 0


def test_a_direct_address_is_answered_where_it_is_allowed_and_else_left_to_the_worker(case: Case) -> None:
    old = case.queue("old")
    operation = forwarding(case, old)
    worker = case.worker(old)
    caller = case.caller(direct=True)
    for patterns, by in ((["amq.rabbitmq.reply-to.*"], "candidate"), (["reply.*"], "worker")):
        gateway = case.gateway(case.text(case.settings(operation, reply_to=patterns), "live"))
        reply = caller.ask(str(operation["queue"]), request(1))
        if by == "worker":
            assert reply.body == decided(request(1))
        else:
            assert json.loads(reply.body) == {"Decision": "A"}
        gateway.end()
    assert len(worker.seen) == 1
