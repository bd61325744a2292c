"""Clients of queues call through the gateway in every stage and shape, and read the right reply.

What the old worker says is worked out here; what the constant model says, by hand.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.cutover import in_cohort
from tests.conftest import programs
from tests.interop.amqp.clients import CLIENTS, QueueClient
from tests.interop.clients import run
from tests.interop.rig import PERCENT
from tests.queued import OLD, OldWorker, Queues, of_constant, of_worker, request
from tests.served import ROUTE, Served
from tests.services import Rabbitmq

pytestmark = pytest.mark.interop

DIRECT, NOBODY = "amq.rabbitmq.reply-to", "-"
EXCHANGE, DONE = "bank.results", "loans.done"


class Caller:
    """One client."""

    def __init__(self, client: QueueClient, folder: Path, queues: Queues, gateway: Served) -> None:
        self._client = client
        self._folder = folder
        self._queues = queues
        self._gateway = gateway

    def is_answered(
        self, stage: str, *, candidate: bool, inside: bool = True, reply_to: str = "", listen: str = ""
    ) -> None:  # fmt: skip
        """Sends one request and reads the right reply, by the worker or the candidate."""
        self._gateway.edit(stage=stage, percent=PERCENT if stage == "canary" else 0)
        application, body = request(chosen(inside))
        replies = self._queues.replies
        read, app, reply = self._read(reply_to or replies, listen or reply_to or replies, body)
        if self._client.tells_properties:
            assert (read, app) == (self._named, "understudy" if candidate else OLD["app_id"])
        if not candidate:
            assert reply.encode() == of_worker(body)
            return
        said = json.loads(reply)
        said["Result"].pop("Reasons")
        assert said == of_constant(application)

    def _read(self, reply_to: str, listen: str, body: bytes) -> tuple[str, str, str]:
        self._named = uuid.uuid4().hex  # a request that came before would get the answer that it got then
        words = [str(self._queues.node.port), self._queues.requests, reply_to, listen, self._named, body.decode()]
        read, app, reply = run([*self._client.command, *words], self._folder).split(" ", 2)
        return read, app, reply


@pytest.fixture(scope="module")
def queues(rabbitmq: Rabbitmq) -> Queues:
    """The bank's queues."""
    return Queues(rabbitmq, "quorum")


@pytest.fixture(scope="module")
def elsewhere(queues: Queues) -> str:
    """The queue that gets what is published to the bank's results."""
    with queues.channel() as channel:
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        channel.queue_declare(DONE, durable=True)
        channel.queue_bind(DONE, EXCHANGE, "loans.#")
    return DONE


@pytest.fixture(scope="module")
def gateway(queues: Queues, elsewhere: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The example with the old worker behind it, and its queue."""
    more = {"reply_to": ["reply.*", f"{DIRECT}.*"]}
    answer = {"exchange": EXCHANGE, "routing_key": DONE}
    with ExitStack() as stack:
        stack.callback(OldWorker(queues).close)
        folder = tmp_path_factory.mktemp("gateway")
        yield stack.enter_context(
            queues.served(folder, forward=True, stage="off", adapter=more, operation={"answer": answer})
        )


@pytest.fixture(scope="module")
def caller(
    request: pytest.FixtureRequest, queues: Queues, gateway: Served, tmp_path_factory: pytest.TempPathFactory,
    record_testsuite_property: Callable[[str, object], None],
) -> Caller:  # fmt: skip
    """Each client, made once; its release is reported."""
    client: QueueClient = request.param
    if client.service:
        programs(client.service)
    folder = tmp_path_factory.mktemp("client")
    client.build(folder)
    record_testsuite_property(client.name, client.released(folder))
    return Caller(client, folder, queues, gateway)


def those(clients: list[QueueClient]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("caller", clients, ids=lambda one: one.name, indirect=True)


every, direct = those(list(CLIENTS)), those([one for one in CLIENTS if one.direct])


def chosen(inside: bool) -> int:
    """The number of a request within the cohort of the canary, or outside of it."""
    return next(at for at in range(1000) if in_cohort(ROUTE, request(at)[0], Decimal(PERCENT)) is inside)


@every
def test_is_answered_in_stage_off(caller: Caller) -> None:
    caller.is_answered("off", candidate=False)


@every
def test_is_answered_in_stage_shadow(caller: Caller) -> None:
    caller.is_answered("shadow", candidate=False)


@every
def test_is_answered_in_canary_within_the_cohort(caller: Caller) -> None:
    caller.is_answered("canary", candidate=True)


@every
def test_is_answered_in_canary_outside_of_the_cohort(caller: Caller) -> None:
    caller.is_answered("canary", candidate=False, inside=False)


@every
def test_is_answered_in_stage_live(caller: Caller) -> None:
    caller.is_answered("live", candidate=True, inside=False)


@direct
def test_is_answered_by_the_worker_at_its_direct_address(caller: Caller) -> None:
    caller.is_answered("shadow", candidate=False, reply_to=DIRECT)


@direct
def test_is_answered_by_the_candidate_at_its_direct_address(caller: Caller) -> None:
    caller.is_answered("live", candidate=True, reply_to=DIRECT)


@every
def test_finds_the_answer_of_the_worker_where_answers_go(caller: Caller, elsewhere: str) -> None:
    caller.is_answered("shadow", candidate=False, reply_to=NOBODY, listen=elsewhere)


@every
def test_finds_the_answer_of_the_candidate_where_answers_go(caller: Caller, elsewhere: str) -> None:
    caller.is_answered("live", candidate=True, reply_to=NOBODY, listen=elsewhere)
