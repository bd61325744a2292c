"""Queues while brokers, workers and gateways are killed: nothing is lost, and every answer belongs to its request.

What is right is worked out here, by ids of the tests' own and by what the model and the old worker must say; what the
gateway counts is only compared with it.
"""

import json
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pika
import pytest
from sqlalchemy import text

from tests.load import until
from tests.processes import alive
from tests.queued import ADAPTER, SOURCE, Exchange, OldWorker, Queues, relayed, request, right
from tests.served import Served
from tests.services import Rabbitmq

NAMED = {"fields": {"application_id": "keep"}}
"""Records by which applications can be told apart."""
FICKLE = {"type": "python", "call": "tests.models:fickle"}
Kill = Callable[[Served, Rabbitmq], None]


def approved(named: str, properties: pika.BasicProperties, body: bytes) -> bool:
    """Whether a reply approves of this request; the score may be any that the fickle model gives."""
    said = json.loads(body)
    score, said["Result"]["Score"] = said["Result"]["Score"], 750
    return bool(500 <= score <= 1000 and right(named, properties, json.dumps(said).encode()))


def broker(gateway: Served, node: Rabbitmq) -> None:
    """kill -9 of the broker, which comes back."""
    node.kill()
    node.start()


def worker(gateway: Served, node: Rabbitmq) -> None:
    """kill -9 of a worker of ours, which the parent starts again."""
    gateway.kill("worker-0")


def parent(gateway: Served, node: Rabbitmq) -> None:
    """kill -9 of the parent; its children end, and the gateway is started again."""
    family = gateway.family()
    gateway.kill_parent()
    until(lambda: not alive(family), "the children to end")
    gateway.start()
    gateway.observed()


@contextmanager
def resting(gateway: Served) -> Iterator[None]:
    """The workers are stopped: requests wait."""
    with gateway.unattended():
        for number in range(2):
            gateway.kill(f"worker-{number}", signal.SIGSTOP)
        yield
        for number in range(2):
            gateway.kill(f"worker-{number}", signal.SIGCONT)


def records(gateway: Served) -> Counter[str]:
    """How many records each application has that came by the queue."""
    with gateway.engine.connect() as connection:
        found = connection.execute(text("SELECT fields FROM record WHERE source = :source"), {"source": SOURCE})
        return Counter(json.loads(fields)["application_id"] for (fields,) in found)


def survives(
    tmp_path: Path, node: Rabbitmq, stack: ExitStack, kind: str, count: int, kills: Sequence[tuple[float, Kill]]
) -> None:  # fmt: skip
    """Half of the requests wait already and half come meanwhile, while at these shares of the replies this is done."""
    queues = Queues(node, kind)
    messages = [request(number) for number in range(count)]
    whole = {"dedupe": "store", "records_wait": "60s"}
    gateway = stack.enter_context(
        queues.served(tmp_path, stage="live", workers=2, model=FICKLE, adapter=whole, records=NAMED)
    )
    gateway.observed()
    load = Exchange(queues, stack)
    with resting(gateway):
        load.send(messages[: count // 2])
        load.sent()
    load.send(messages[count // 2 :])
    for share, kill in kills:
        load.reached(int(share * count))
        kill(gateway, node)
    repeated = load.whole(approved)  # and all answers to one request are alike, though no two of the model's are
    until(lambda: queues.depth(queues.requests) == 0, "every request to be acknowledged")
    until(lambda: len(records(gateway)) == count, "a record of each request")
    gateway.quiet()  # and of none a second one
    kept = records(gateway)
    print(f"{kind}: {count} requests, 0 lost, 0 wrong, {repeated} answered twice and alike, {kept.total()} records")
    assert kept == Counter(load.messages.keys())
    assert queues.depth(f"understudy.{ADAPTER}.dead") == 0


SHORT: Sequence[tuple[float, Kill]] = [(0.15, worker), (0.4, broker), (0.65, parent)]
LONG: Sequence[tuple[float, Kill]] = [(0.15, worker), (0.3, broker), (0.6, parent), (0.8, broker)]


def test_kill_9_of_broker_worker_and_parent_loses_no_request(
    tmp_path: Path, rabbitmq: Rabbitmq, stack: ExitStack
) -> None:
    """Every request has its own answer, the same whenever it comes twice, and one record."""
    survives(tmp_path, rabbitmq, stack, "quorum", 2000, SHORT)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["quorum", "classic"])
def test_many_requests_outlast_many_kills(tmp_path: Path, rabbitmq: Rabbitmq, stack: ExitStack, kind: str) -> None:
    """The same with 20,000 and the broker killed twice, on both kinds of queues."""
    survives(tmp_path, rabbitmq, stack, kind, 20_000, LONG)


def test_in_shadow_replies_are_the_workers_own_whatever_the_model_does(
    tmp_path: Path, rabbitmq: Rabbitmq, bento: Path, stack: ExitStack
) -> None:
    """Byte for byte with their properties: with a model that is well, hung, slow and dead. The worker is asked once."""
    queues = Queues(rabbitmq, "quorum")
    old = OldWorker(queues)
    stack.callback(old.close)
    gateway = stack.enter_context(
        queues.served(tmp_path, forward=True, bento=bento, observer={"timeout": "1s"}, records=NAMED)
    )
    load = Exchange(queues, stack)

    def replies(number: int) -> None:
        load.send([request(at) for at in range(number, number + 200)])
        assert load.whole(relayed(load.messages)) == 0

    replies(0)
    until(lambda: records(gateway) == Counter(load.messages.keys()), "a record of each")
    gateway.kill("model", signal.SIGSTOP)
    replies(200)
    with slow(gateway):
        replies(400)
    with gateway.unattended():
        gateway.kill("model")
        replies(600)
    assert len(old.asked) == 800 and set(old.asked.values()) == {1}


@contextmanager
def slow(gateway: Served) -> Iterator[None]:
    """The model's process runs for a tenth of a second and is stopped for three, over and over."""
    ended = threading.Event()

    def toggle() -> None:
        while not ended.wait(0.3):
            gateway.kill("model", signal.SIGCONT)
            ended.wait(0.1)
            gateway.kill("model", signal.SIGSTOP)

    thread = threading.Thread(target=toggle)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        gateway.kill("model", signal.SIGCONT)
