"""The candidate answers a queue: every request once, in the caller's format, to where the caller wants it."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pika
import pytest

from adapters.amqp.screening import Screening
from gateway import assembly
from gateway.capabilities import Buries, DeadLetter, Erased, Erases
from gateway.config import parse
from tests.integration.amqp.conftest import Case
from tests.integration.amqp.rig import channel, depth, until

DEAD = "understudy.loans.dead"


def request(number: int, amount: float = 500) -> bytes:
    return json.dumps({"Id": f"c{number}", "Amount": amount}).encode()


def letters(case: Case, text: str) -> list[DeadLetter]:
    """The dead letters, as the command reads them."""

    async def main() -> list[DeadLetter]:
        adapter = assembly.adapters(parse(text, Path(case.folder) / "understudy.yaml", {}))["loans"]
        assert isinstance(adapter, Buries)
        try:
            return list((await adapter.dead(100))[1])
        finally:
            await adapter.close()

    return asyncio.run(main())


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_every_request_has_its_answer_and_its_record(case: Case, kind: str) -> None:
    queue = case.queue("requests", kind)
    gateway = case.gateway(case.text(case.settings({"queue": queue}), "live"))
    caller = case.caller()
    parent = f"00-{'1' * 32}-{'2' * 16}-01"
    named = [
        caller.send(queue, request(at, 1500 - at % 2 * 1000), headers={"traceparent": parent}) for at in range(300)
    ]
    replies = caller.wait(named)
    assert [json.loads(one.body) for one in replies] == [{"Decision": "A" if at % 2 else "R"} for at in range(300)]
    assert all(len(one) == 1 for one in caller.replies.values())
    for one in replies:
        headers = one.properties.headers
        assert one.properties.content_type == "application/json" and one.properties.delivery_mode == 2
        assert headers["traceparent"].startswith(f"00-{'1' * 32}-") and headers["traceparent"] != parent
        assert (headers["x-understudy-route"], headers["x-understudy-model"]) == ("loan", "by_amount:1")
    until(lambda: gateway.ledger().get("sampled_out") == 300, "the ledger")
    until(lambda: depth(case.node, queue) == 0, "the queue to be empty")
    assert gateway.events()["answered"] == 300


def test_a_direct_reply_address_is_answered(case: Case) -> None:
    queue = case.queue("requests")
    case.gateway(case.text(case.settings({"queue": queue}), "live"))
    assert json.loads(case.caller(direct=True).ask(queue, request(1)).body) == {"Decision": "A"}


def test_answers_without_a_reply_address_go_where_the_configuration_says(case: Case) -> None:
    queue, out = case.queue("requests"), case.queue("out")
    place = {"routing_key": out}
    case.gateway(case.text(case.settings({"queue": queue, "answer": place, "correlate": "message_id"}), "live"))
    case.caller().send(queue, request(1), reply_to="", message_id="m1")
    until(lambda: depth(case.node, out) == 1, "the answer")
    with channel(case.node) as one:
        _, properties, body = one.basic_get(out, auto_ack=True)
    assert (properties.correlation_id, json.loads(body)) == ("m1", {"Decision": "A"})


@pytest.mark.parametrize(
    ("body", "properties", "reason"),
    [
        (b"<xml/>", {}, "Undecodable: not JSON"),
        (b'{"Id": "c1"}', {}, "Unmappable: amount"),
        (request(1, -5), {}, "CandidateFailed: negative"),
        (request(1), {"reply_to": "other.queue"}, "reply_to is not allowed"),
        (request(1), {"reply_to": ""}, "nobody wants an answer"),
    ],
)
def test_what_nobody_can_answer_is_put_aside_with_its_reason_and_all_that_it_came_with(
    case: Case, body: bytes, properties: dict[str, Any], reason: str
) -> None:
    queue = case.queue("requests")
    text = case.text(case.settings({"queue": queue}), "live")
    gateway = case.gateway(text)
    caller = case.caller()
    named = caller.send(queue, body, message_id="m1", type="loan", headers={"a": "b"}, **properties)
    until(lambda: depth(case.node, DEAD) == 1, "the dead letter")
    caller.ask(queue, request(2))  # the next one is answered nevertheless
    [letter] = letters(case, text)
    assert reason in letter.reason
    assert (letter.operation, letter.body) == ("Score", body)
    told = letter.properties
    assert (told["message_id"], told["type"], told["headers.a"]) == ("m1", "loan", "b")
    assert (told["correlation_id"], told.get("reply_to", "")) == (named, properties.get("reply_to", caller.queue))
    assert gateway.events()["dead"] == 1


def test_a_request_that_comes_twice_gets_the_same_answer_and_one_record(case: Case) -> None:
    queue = case.queue("requests")
    gateway = case.gateway(case.text(case.settings({"queue": queue}), "live"))
    caller = case.caller()
    for _ in range(3):
        caller.send(queue, request(1), "same", message_id="m1")
        caller.settle(0.2)
    caller.send(queue, request(2), "same", message_id="m1")  # another body: another request
    caller.settle(0.5)
    assert len(caller.replies["same"]) == 4
    assert len({one.body for one in caller.replies["same"][:3]}) == 1
    until(lambda: gateway.ledger().get("sampled_out") == 4, "all of them in the ledger")
    assert gateway.ledger()["duplicate"] == 2
    assert gateway.events()["repeated"] == 2


def test_with_the_store_a_request_that_comes_to_another_replica_gets_the_answer_of_the_first(case: Case) -> None:
    queue = case.queue("requests")
    settings = case.settings({"queue": queue}, dedupe="store")
    caller = case.caller()
    first = case.gateway(case.text(settings, "live"))
    caller.send(queue, request(1), "same", message_id="m1")
    [one] = caller.wait(["same"])
    assert json.loads(one.body) == {"Decision": "A"}
    first.end()
    stricter = case.text(settings, "live", model="by_amount_2", accept="by_amount:2")
    second = case.gateway(stricter)
    assert json.loads(caller.ask(queue, request(2, 700)).body) == {"Decision": "R"}
    caller.replies.clear()
    caller.send(queue, request(1), "same", message_id="m1")
    assert caller.wait(["same"])[0].body == one.body
    assert second.events()["repeated"] == 1


@pytest.mark.parametrize("without", ["wait", "serve"])
def test_while_the_store_is_away_requests_wait_or_are_answered_as_configured(case: Case, without: str) -> None:
    queue = case.queue("requests")
    settings = case.settings({"queue": queue}, dedupe={"kind": "store", "without_store": without})
    case.gateway(case.text(settings, "live"))
    caller = case.caller()
    caller.ask(queue, request(1))
    store, away = case.folder / "understudy.db", case.folder / "away.db"
    store.rename(away)
    named = caller.send(queue, request(2))
    if without == "wait":
        caller.settle(1)
        assert named not in caller.replies
        away.rename(store)
    caller.wait([named])
    if without == "serve":
        away.rename(store)


def test_whose_reply_queue_is_gone_is_counted_and_holds_up_nobody(case: Case) -> None:
    queue = case.queue("requests")
    gateway = case.gateway(case.text(case.settings({"queue": queue}), "live"))
    caller = case.caller()
    caller.send(queue, request(1), reply_to="reply.gone")
    caller.ask(queue, request(2))
    until(lambda: gateway.events().get("caller_gone") == 1, "it to be counted")
    until(lambda: depth(case.node, queue) == 0, "the queue to be empty")


def test_where_answers_go_that_is_missing_is_waited_for(case: Case) -> None:
    queue, out = case.queue("requests"), f"{case.queue('out')}.later"
    gateway = case.gateway(case.text(case.settings({"queue": queue, "answer": {"routing_key": out}}), "live"))
    case.caller().send(queue, request(1), reply_to="")
    until(lambda: gateway.events().get("not_confirmed"), "a try")
    with channel(case.node) as one:
        one.queue_declare(out, durable=True)
    case.queues.append(out)
    until(lambda: depth(case.node, out) == 1, "the answer")


def test_without_a_model_requests_wait_and_lose_nothing(case: Case) -> None:
    queue = case.queue("requests")
    gateway = case.gateway(case.text(case.settings({"queue": queue}), "live", model="raising", accept="raising:1"))
    caller = case.caller()
    named = caller.send(queue, request(1))
    until(lambda: gateway.events().get("failed:ModelUnavailable", 0) >= 2, "two tries")
    gateway.end()
    assert depth(case.node, DEAD) == 0
    case.gateway(case.text(case.settings({"queue": queue}), "live"))
    caller.wait([named])


def test_what_has_expired_is_not_scored(case: Case) -> None:
    queue = case.queue("requests")
    gateway = case.gateway(case.text(case.settings({"queue": queue}), "live", model="raising", accept="raising:1"))
    case.caller().send(queue, request(1), expiration="300")
    until(lambda: gateway.events().get("expired") == 1, "it to expire")
    assert depth(case.node, queue) == 0 and depth(case.node, DEAD) == 0


def test_a_queue_that_is_deleted_and_made_again_is_read_again(case: Case) -> None:
    queue = case.queue("requests")
    case.gateway(case.text(case.settings({"queue": queue}), "live"))
    caller = case.caller()
    caller.ask(queue, request(1))
    with channel(case.node) as one:
        one.queue_delete(queue)
        one.queue_declare(queue, durable=True)
    caller.ask(queue, request(2))


def test_a_message_that_is_delivered_again_and_again_is_put_aside(case: Case) -> None:
    """As it would be if it killed every worker that reads it: here a consumer takes it and goes away each time."""
    queue = case.queue("requests", "quorum")
    caller = case.caller()
    caller.send(queue, request(1))
    until(lambda: depth(case.node, queue) == 1, "the request")
    for _ in range(5):
        with channel(case.node) as one:
            until(partial(_taken, one, queue), "its delivery")
    text = case.text(case.settings({"queue": queue}, deliveries=5), "live")
    case.gateway(text)
    until(lambda: depth(case.node, DEAD) == 1, "the dead letter")
    assert [letter.reason for letter in letters(case, text)] == ["it was delivered 5 times"]


def _taken(one: Any, queue: str) -> bool:
    return one.basic_get(queue)[0] is not None


def test_more_bytes_than_are_allowed_are_left_with_the_broker(case: Case) -> None:
    queue = case.queue("requests")
    settings = case.settings({"queue": queue}, prefetch_bytes="1MiB")
    caller = case.caller()
    large = {"Id": "c", "Amount": 500, "Note": "x" * 400_000}
    named = [caller.send(queue, json.dumps(large | {"Id": f"c{at}"}).encode()) for at in range(40)]
    gateway = case.gateway(case.text(settings, "live"))
    budget = gateway.inside.adapters["loans"]._broker.budget  # type: ignore[attr-defined]  # to be watched
    caller.wait(named)
    assert budget.most_bytes <= (1 << 20) + 500_000, "one more message than is allowed, at most"
    until(lambda: budget.held == budget.held_bytes == 0, "nothing to be held")


def test_a_killed_broker_loses_nothing(case: Case) -> None:
    queue = case.queue("requests", "quorum")
    case.gateway(case.text(case.settings({"queue": queue}), "live"))
    caller = case.caller(listens=False)
    named = [caller.send(queue, request(at)) for at in range(1000)]
    until(lambda: depth(case.node, caller.queue), "the first replies")
    case.node.kill()
    case.node.start()
    again = case.caller()
    again.listen(caller.queue)
    for one in again.wait(named, 60):
        assert isinstance(one.properties, pika.BasicProperties)
    assert len(again.replies) == 1000


def test_the_dead_letters_of_one_person_are_erased_and_those_nobody_can_read_are_named(case: Case) -> None:
    queue = case.queue("requests")
    text = case.text(case.settings({"queue": queue}), "live")
    case.gateway(text)
    caller = case.caller()
    for number in (1, 2, 1):
        caller.send(queue, json.dumps({"Id": f"c{number}", "Amount": "none"}).encode())
    caller.send(queue, b"c1 {")
    until(lambda: depth(case.node, DEAD) == 4, "the dead letters")

    async def main() -> Erased:
        adapter = assembly.adapters(parse(text, Path(case.folder) / "understudy.yaml", {}))["loans"]
        assert isinstance(adapter, Erases)
        try:
            return await adapter.erase(lambda operation, payload: (int(payload["Id"] == "c1"), 1))
        finally:
            await adapter.close()

    erased = asyncio.run(main())
    assert (list(erased.removed), len(erased.left)) == (["2 dead letters removed"], 1)
    until(lambda: depth(case.node, DEAD) == 2, "the others to stay")
    assert sorted(one.body for one in letters(case, text)) == sorted([request(2).replace(b"500", b'"none"'), b"c1 {"])


def test_requests_without_a_name_that_are_all_alike_are_each_answered_though_delivered_again(case: Case) -> None:
    """As after a lost connection: none of them is taken for another that was delivered too often."""
    queue, out = case.queue("requests"), case.queue("out")
    caller = case.caller()
    for _ in range(40):
        caller.send(queue, request(1), reply_to="")
    until(lambda: depth(case.node, queue) == 40, "the requests")
    with channel(case.node) as one:
        assert all(_taken(one, queue) for _ in range(40)), "and none acknowledged: all come back"
    gateway = case.gateway(
        case.text(case.settings({"queue": queue, "answer": {"routing_key": out}}, deliveries=5), "live")
    )
    until(lambda: depth(case.node, out) == 40, "the answers")
    assert depth(case.node, DEAD) == 0 and gateway.events()["answered"] == 40


def test_a_request_that_waits_for_the_model_is_not_counted_as_delivered_again(case: Case) -> None:
    queue = case.queue("requests")
    caller = case.caller()
    named = caller.send(queue, request(1))
    with channel(case.node) as one:
        until(lambda: _taken(one, queue), "its first delivery")
    settings = case.settings({"queue": queue}, deliveries=5)
    gateway = case.gateway(case.text(settings, "live", model="raising", accept="raising:1"))
    until(lambda: gateway.events().get("failed:ModelUnavailable", 0) >= 5, "five tries")
    gateway.end()
    assert depth(case.node, DEAD) == 0
    case.gateway(case.text(settings, "live"))
    caller.wait([named])


def test_a_defect_of_ours_ends_the_source_and_everything_is_delivered_again(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = case.queue("requests")
    text = case.text(case.settings({"queue": queue}), "live")
    gateway = case.gateway(text)
    caller = case.caller()
    caller.ask(queue, request(1))
    with monkeypatch.context() as broken:
        broken.setattr(Screening, "is_due", lambda *_: 1 / 0)
        named = caller.send(queue, request(2))
        until(lambda: gateway.inside.sources[0].done(), "the source to end")
    assert isinstance(gateway.inside.sources[0].exception(), ZeroDivisionError)
    gateway.inside.sources.clear()  # the worker process would have ended with it
    gateway.end()
    case.gateway(text)
    caller.wait([named])
