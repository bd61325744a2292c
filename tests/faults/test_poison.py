"""A request that kills whoever reads it, and a queue that is deleted under load: all others are answered."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.load import until
from tests.models import Lethal
from tests.queued import ADAPTER, Exchange, OldWorker, Queues, relayed, request, right
from tests.services import Rabbitmq

DEAD = f"understudy.{ADAPTER}.dead"


@pytest.mark.parametrize("kind", ["classic", pytest.param("quorum", marks=pytest.mark.long)])
def test_a_request_that_kills_each_worker_that_reads_it_is_put_aside_and_all_others_are_answered(
    tmp_path: Path, rabbitmq: Rabbitmq, stack: ExitStack, kind: str
) -> None:
    """With its reason, its body and its properties, though a classic queue tells nobody how often it delivers.

    What each of those workers held beside it was delivered as often; so an operator may have to put some of it back."""
    queues = Queues(rabbitmq, kind)
    model, adapter = {"type": "python", "call": "tests.models:lethal"}, {"deliveries": 5}
    gateway = stack.enter_context(queues.served(tmp_path, stage="live", model=model, adapter=adapter))
    load = Exchange(queues, stack)
    load.send([request(number) for number in range(100)])
    load.reached(100)
    stack.callback(queues.purge, DEAD)
    beside = [request(number) for number in range(100, 120)]
    poison = poisonous(1000)
    load.awaits(beside)
    queues.fill([*beside[:10], poison, *beside[10:]])
    until(lambda: {poison[0], *load.missing()} <= queues.peek(DEAD).keys(), "each to be answered or put aside")
    aside = queues.peek(DEAD)
    back = [one for one in beside if one[0] in aside]
    load.send([*back, *(request(number) for number in range(120, 200))])
    load.whole(right)
    print(f"{kind}: beside the one that kills, {len(back)} of {len(beside)} were put aside too")
    properties, body = aside[poison[0]]
    assert (body, properties.reply_to, properties.correlation_id) == (poison[1], queues.replies, poison[0])
    assert {one.headers["x-understudy-reason"] for one, _ in aside.values()} == {"it was delivered 5 times"}
    assert [line["process"] for line in gateway.logged("died")] == ["worker-0"] * 4
    until(lambda: queues.depth(queues.requests) == 0, "the queue to be empty")


def poisonous(number: int) -> tuple[str, bytes]:
    """A request that the model does not survive."""
    named, body = request(number)
    content = json.loads(body)
    content["Application"]["Applicant"]["Age"] = Lethal.age
    return named, json.dumps(content).encode()


@pytest.mark.parametrize("stage", ["shadow", pytest.param("live", marks=pytest.mark.long)])
def test_a_queue_deleted_under_load_is_read_again_and_nothing_that_was_acknowledged_is_lost(
    tmp_path: Path, rabbitmq: Rabbitmq, stack: ExitStack, stage: str
) -> None:
    """Gone is no more than what stood in it: what waited, and what was delivered and not acknowledged."""
    queues, unacknowledged = Queues(rabbitmq, "quorum"), 20
    adapter = {"prefetch": unacknowledged}
    gateway = stack.enter_context(
        queues.served(tmp_path, forward=stage == "shadow", stage=stage, adapter=adapter, warm=False)
    )
    load = Exchange(queues, stack)
    first = OldWorker(queues, most=200)
    stack.callback(first.close)
    requests = [request(number) for number in range(1000)]
    load.awaits(requests)
    queues.fill(requests)
    load.reached(200)
    with queues.channel() as channel:
        waited = channel.queue_delete(queues.requests).method.message_count
    until(lambda: gateway.logged("not_consuming"), "the gateway to notice")
    first.close()
    stack.callback(OldWorker(queues).close)
    least = len(requests) - waited - unacknowledged
    until(lambda: load.answered >= least, "all that was acknowledged to be answered")
    queues.declare(queues.requests)
    gone = load.missing()
    load.send([(named, body) for named, body in requests if named in gone])
    repeated = load.whole(relayed(load.messages) if stage == "shadow" else right)
    print(f"{stage}: {waited} of {len(requests)} waited in what was deleted, {len(gone)} were sent again")
    assert waited > 0 and repeated <= unacknowledged
