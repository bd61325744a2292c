"""A tap reads what passes and touches nothing: the worker answers, the gateway compares."""

import uuid

import pytest

from gateway.contract import ConfigError, Stage
from tests.integration.amqp.conftest import Case
from tests.integration.amqp.rig import channel, decided, depth, until
from tests.integration.amqp.test_answering import request

TAP = "understudy.loans.tap.Score"


def exchange(case: Case, kind: str = "topic") -> str:
    name = f"bank.{uuid.uuid4().hex[:8]}"
    with channel(case.node) as one:
        one.exchange_declare(name, kind, durable=False, auto_delete=False)
    return name


def tapping(name: str) -> dict[str, object]:
    place = {"exchange": name, "routing_key": "loans.#"}
    return {"tap": {"requests": place, "replies": {"exchange": name, "routing_key": "decisions.*"}}}


def test_requests_and_replies_are_joined_and_legacy_notices_nothing(case: Case) -> None:
    name, old, out = exchange(case), case.queue("old"), case.queue("out")
    with channel(case.node) as one:
        one.queue_bind(old, name, "loans.new")
        one.queue_bind(out, name, "decisions.done")
    gateway = case.gateway(case.text(case.settings(tapping(name)), "shadow"))
    until(lambda: depth(case.node, TAP) == 0, "the tap")
    worker = case.worker(old, publish=(name, "decisions.done"))
    caller = case.caller()
    for at in range(50):
        caller.send("loans.new", request(at), f"t{at}", exchange=name, reply_to="")
    until(lambda: depth(case.node, out) == 50, "the worker's answers")
    until(lambda: gateway.ledger().get("compared") == 50, "the comparison")
    assert gateway.ledger() == {"seen": 50, "compared": 50}
    assert [one.body for one in worker.seen] == [request(at) for at in range(50)]
    assert all(one.properties.headers is None for one in worker.seen)
    with channel(case.node) as one:
        assert one.basic_get(out)[2] == decided(request(0))


def test_an_answer_without_its_request_is_an_orphan_and_nameless_ones_are_counted(case: Case) -> None:
    name = exchange(case)
    gateway = case.gateway(case.text(case.settings(tapping(name)), "shadow"))
    until(lambda: depth(case.node, TAP) == 0, "the tap")
    with channel(case.node) as one:
        one.basic_publish(name, "loans.new", request(1))
    caller = case.caller()
    caller.send("decisions.done", decided(request(2)), "t2", exchange=name, reply_to="")
    until(lambda: gateway.ledger().get("orphan") == 1, "the orphan")
    until(lambda: gateway.ledger().get("not_observable:no_correlation") == 1, "the nameless one")


def test_a_tap_goes_no_further_than_shadow_whatever_the_route_says(case: Case) -> None:
    gateway = case.gateway(case.text(case.settings(tapping(exchange(case))), "live"))
    assert gateway.inside.adapters["loans"].ceiling is Stage.SHADOW
    decision = gateway.inside.dispatch.decide("loans", "Score", None)
    assert decision and decision.stage is Stage.SHADOW


@pytest.mark.parametrize(
    "operation",
    [{"tap": {"requests": {"routing_key": "loans"}}}, {"tap": {"requests": {"exchange": "e"}}, "queue": "q"}],
)
def test_what_cannot_be_tapped_is_refused(case: Case, operation: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"default exchange cannot be bound|a tap only reads"):
        case.gateway(case.text(case.settings(operation)))
