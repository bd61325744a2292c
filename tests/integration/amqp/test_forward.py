"""The old worker answers: its bytes and properties come back, whatever the gateway does beside."""

import json
from collections.abc import Sequence

import pytest

from tests.integration.amqp.conftest import Case
from tests.integration.amqp.rig import Got, channel, decided, depth, until
from tests.integration.amqp.test_answering import DEAD, request


def forwarding(case: Case, old: str, **more: object) -> dict[str, object]:
    return {"queue": case.queue("requests"), "forward": {"routing_key": old, **more}}


def shown(replies: Sequence[Got]) -> list[object]:
    return [json.loads(one.body) for one in replies]


@pytest.mark.parametrize("stage", ["off", "shadow"])
def test_the_workers_bytes_and_properties_come_back_in_order(case: Case, stage: str) -> None:
    old = case.queue("old")
    operation = forwarding(case, old)
    worker = case.worker(old)
    gateway = case.gateway(case.text(case.settings(operation), stage))
    caller = case.caller()
    queue = str(operation["queue"])
    named = [caller.send(queue, request(at), message_id=f"m{at}", type="loan", headers={"a": 1}) for at in range(100)]
    replies = caller.wait(named)
    assert [one.body for one in replies] == [decided(request(at)) for at in range(100)]
    for one in replies:
        assert (one.properties.app_id, one.properties.type) == ("old", "decision")
        assert one.properties.headers is None and one.properties.delivery_mode == 2
    assert [one.body for one in worker.seen] == [request(at) for at in range(100)], "once each, in order"
    for one in worker.seen:
        assert one.properties.type == "loan" and one.properties.headers["a"] == 1
        assert one.properties.headers["x-understudy-route"] == "loan"
        assert one.properties.message_id.startswith("m")
    term = "compared" if stage == "shadow" else "not_observable:off"
    until(lambda: gateway.ledger().get(term) == 100, "the ledger")
    until(
        lambda: depth(case.node, queue) == 0 == depth(case.node, "understudy.loans.replies"), "all to be acknowledged"
    )


@pytest.mark.parametrize("base", ["none", "incumbent"])
def test_in_canary_each_side_answers_its_own(case: Case, base: str) -> None:
    old = case.queue("old")
    operation = forwarding(case, old)
    worker = case.worker(old)
    model = "by_amount_2"  # rejects above 500, where the worker rejects above 1,000
    text = case.text(case.settings(operation), "canary", 50, model, base, "by_amount:2")
    case.gateway(text)
    caller = case.caller()
    named = [caller.send(str(operation["queue"]), request(at, 700)) for at in range(60)]
    bodies = [one.body for one in caller.wait(named)]
    theirs = bodies.count(decided(request(0, 700)))
    ours = bodies.count({"none": b'{"Decision": "R"}', "incumbent": b'{ "Decision" : "R", "By":"worker" }'}[base])
    assert theirs + ours == 60 and theirs > 5 < ours
    assert len(worker.seen) == (60 if base == "incumbent" else theirs)


def test_a_failing_candidate_falls_back_to_the_worker(case: Case) -> None:
    old = case.queue("old")
    operation = forwarding(case, old)
    case.worker(old)
    case.gateway(case.text(case.settings(operation), "live", model="raising", accept="raising:1"))
    caller = case.caller()
    named = [caller.send(str(operation["queue"]), request(at)) for at in range(20)]
    assert {one.body for one in caller.wait(named)} == {decided(request(0))}


def test_what_cannot_be_read_goes_to_the_worker_in_every_stage(case: Case) -> None:
    old = case.queue("old")
    operation = forwarding(case, old)
    worker = case.worker(old, reply=lambda body: b"read by the worker")
    case.gateway(case.text(case.settings(operation), "live"))
    caller = case.caller()
    assert caller.ask(str(operation["queue"]), b"\xff nonsense").body == b"read by the worker"
    assert [one.body for one in worker.seen] == [b"\xff nonsense"]
    assert depth(case.node, DEAD) == 0


def test_a_reply_address_that_is_not_allowed_is_left_to_the_worker(case: Case) -> None:
    old, elsewhere = case.queue("old"), case.queue("elsewhere")
    operation = forwarding(case, old)
    case.worker(old)
    gateway = case.gateway(case.text(case.settings(operation), "live"))
    case.caller().send(str(operation["queue"]), request(1), reply_to=elsewhere)
    until(lambda: depth(case.node, elsewhere) == 1, "the worker's own reply")
    until(lambda: gateway.ledger().get("not_observable:reply_to") == 1, "it to be counted")


def test_whom_the_candidate_answered_gets_no_second_answer_from_the_worker(case: Case) -> None:
    old = case.queue("old")
    operation = forwarding(case, old)
    worker = case.worker(old)
    text = case.text(case.settings(operation), "live").replace(
        "effects: none", "effects: none\n    observe_incumbent: 1.0"
    )
    gateway = case.gateway(text)
    caller = case.caller()
    named = [caller.send(str(operation["queue"]), request(at)) for at in range(30)]
    caller.wait(named)
    until(lambda: gateway.ledger().get("compared") == 30, "the comparison")
    caller.settle(0.3)
    assert len(worker.seen) == 30 and all(len(one) == 1 for one in caller.replies.values())


def test_a_reply_that_comes_too_late_to_be_compared_still_reaches_the_caller_and_the_worker_is_asked_once(
    case: Case,
) -> None:
    old = case.queue("old")
    operation = forwarding(case, old, timeout="300ms")
    worker = case.worker(old)
    worker.gate.clear()
    gateway = case.gateway(case.text(case.settings(operation)))
    caller = case.caller()
    named = caller.send(str(operation["queue"]), request(1))
    until(lambda: gateway.events().get("failed:IncumbentTimeout") == 1, "the time to pass")
    worker.gate.set()
    assert caller.wait([named])[0].body == decided(request(1))
    assert len(worker.seen) == 1


def test_another_gateway_relays_the_reply_to_what_this_one_forwarded(case: Case) -> None:
    old = case.queue("old")
    operation = forwarding(case, old)
    worker = case.worker(old)
    worker.gate.clear()
    text = case.text(case.settings(operation))
    first = case.gateway(text)
    caller = case.caller()
    direct = case.caller(direct=True)
    named = [caller.send(str(operation["queue"]), request(at)) for at in range(10)]
    also = direct.send(str(operation["queue"]), request(11))
    until(lambda: depth(case.node, str(operation["queue"])) == 0, "all to be forwarded")
    until(lambda: first.events()["received"] == 11, "all to be taken")
    first.end()
    case.gateway(text)
    worker.gate.set()
    assert [one.body for one in caller.wait(named)] == [decided(request(at)) for at in range(10)]
    assert direct.wait([also])[0].body == decided(request(11))
    assert len(worker.seen) == 11, "nobody asked the worker again"
    assert all(len(one) == 1 for one in caller.replies.values())


def test_two_gateways_share_the_replies_and_each_compares_its_own(case: Case) -> None:
    old = case.queue("old")
    operation = forwarding(case, old)
    case.worker(old)
    text = case.text(case.settings(operation))
    gateways = [case.gateway(text, folder=case.folder / name) for name in ("one", "other")]
    caller = case.caller()
    named = [caller.send(str(operation["queue"]), request(at)) for at in range(200)]
    assert [one.body for one in caller.wait(named)] == [decided(request(at)) for at in range(200)]
    until(lambda: sum(one.ledger().get("compared", 0) for one in gateways) == 200, "all to be compared")
    assert all(one.ledger()["compared"] for one in gateways)
    assert all(len(one) == 1 for one in caller.replies.values())


def test_a_correlation_id_that_leaves_no_room_is_kept_in_the_store(case: Case) -> None:
    old = case.queue("old")
    operation = forwarding(case, old)
    worker = case.worker(old)
    gateway = case.gateway(case.text(case.settings(operation)))
    caller = case.caller()
    long = "x" * 250
    named = caller.send(str(operation["queue"]), request(1), long)
    assert caller.wait([named])[0].body == decided(request(1))
    assert len(worker.seen[0].properties.correlation_id) < 100
    until(lambda: gateway.ledger().get("compared") == 1, "the comparison")


def test_a_worker_without_a_queue_is_waited_for(case: Case) -> None:
    old = f"{case.queue('old')}.later"
    operation = forwarding(case, old)
    gateway = case.gateway(case.text(case.settings(operation)))
    caller = case.caller()
    named = caller.send(str(operation["queue"]), request(1))
    until(lambda: gateway.events().get("failed:IncumbentUnreachable", 0) >= 1, "a try")
    with channel(case.node) as one:
        one.queue_declare(old, durable=True)
    case.queues.append(old)
    case.worker(old)
    assert caller.wait([named])[0].body == decided(request(1))


def test_a_worker_that_publishes_elsewhere_is_compared_by_the_queue_of_its_answers(case: Case) -> None:
    old, done, out = case.queue("old"), case.queue("done"), case.queue("out")
    operation = {**forwarding(case, old, replies=done), "answer": {"routing_key": out}}
    case.worker(old, publish=("", done))
    gateway = case.gateway(case.text(case.settings(operation)))
    case.caller().send(str(operation["queue"]), request(1), "c1", reply_to="")
    until(lambda: depth(case.node, out) == 1, "the answer")
    with channel(case.node) as one:
        _, properties, body = one.basic_get(out, auto_ack=True)
    assert (properties.correlation_id, properties.app_id, body) == ("c1", "old", decided(request(1)))
    until(lambda: gateway.ledger().get("compared") == 1, "the comparison")


def test_a_worker_that_answers_nobody_is_given_the_requests_all_the_same(case: Case) -> None:
    old = case.queue("old")
    operation = forwarding(case, old, reply=False)
    worker = case.worker(old)
    gateway = case.gateway(case.text(case.settings(operation)))
    case.caller().send(str(operation["queue"]), request(1), reply_to="")
    until(lambda: len(worker.seen) == 1, "the request")
    assert not worker.seen[0].properties.reply_to
    until(lambda: gateway.ledger().get("not_observable:technical") == 1, "it to be booked")


def test_a_reply_that_belongs_to_no_call_is_put_aside(case: Case) -> None:
    operation = forwarding(case, case.queue("old"))
    case.gateway(case.text(case.settings(operation)))
    until(lambda: depth(case.node, "understudy.loans.replies") == 0, "the queue of replies")
    caller = case.caller()
    forged = "u1.AAAAAAAAAAAAAAAA.00000000.00000000.123456.4.evil"
    caller.send("understudy.loans.replies", b"forged", forged, reply_to="")
    until(lambda: depth(case.node, DEAD) == 1, "the dead letter")


@pytest.mark.long
def test_a_killed_broker_loses_nothing_on_the_way_to_the_worker_and_back(case: Case) -> None:
    old = case.queue("old", "quorum")
    queue = case.queue("requests", "quorum")
    case.gateway(case.text(case.settings({"queue": queue, "forward": {"routing_key": old}})))
    caller = case.caller(listens=False)
    named = [caller.send(queue, request(at)) for at in range(500)]
    until(lambda: depth(case.node, old), "requests to be with the worker")
    case.node.kill()
    case.node.start()
    worker = case.worker(old)
    again = case.caller()
    again.listen(caller.queue)
    bodies = [one.body for one in again.wait(named, 60)]
    assert bodies == [decided(request(at)) for at in range(500)]
    print(f"{len(worker.seen) - 500} requests reached the worker twice")


def test_in_live_what_wants_no_answer_is_the_workers(case: Case) -> None:
    old = case.queue("old")
    operation = forwarding(case, old)
    worker = case.worker(old)
    gateway = case.gateway(case.text(case.settings(operation), "live"))
    case.caller().send(str(operation["queue"]), request(1), reply_to="")
    until(lambda: len(worker.seen) == 1, "the request")
    until(lambda: gateway.ledger().get("not_observable:no_reply_to") == 1, "it to be counted")
    assert depth(case.node, DEAD) == 0
