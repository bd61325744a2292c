"""Clients of queues in other languages call through the gateway in every stage, and read the right reply.

What the old worker says is worked out here; what the constant model says, by hand.
"""

import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.cutover import in_cohort
from tests.conftest import programs
from tests.interop.clients import run
from tests.interop.rig import PERCENT
from tests.queued import OldWorker, Queues, of_constant, of_worker, request
from tests.served import ROUTE, Served
from tests.services import AMQP_TOOLS, NODE, PHP_AMQP, Rabbitmq, Service

pytestmark = pytest.mark.interop

HERE = Path(__file__).parent
CLIENTS: Mapping[str, tuple[Service, str]] = {
    "C tools": (AMQP_TOOLS, "sh client.sh"),
    "node amqplib": (NODE, "node client.js"),
    "php-amqp": (PHP_AMQP, "php client.php"),
}


@pytest.fixture(scope="module")
def queues(rabbitmq: Rabbitmq) -> Queues:
    """The bank's queues."""
    return Queues(rabbitmq, "quorum")


@pytest.fixture(scope="module")
def gateway(queues: Queues, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The example with the old worker behind it, and its queue."""
    with ExitStack() as stack:
        stack.callback(OldWorker(queues).close)
        yield stack.enter_context(queues.served(tmp_path_factory.mktemp("gateway"), forward=True, stage="off"))


@pytest.fixture(scope="module", params=CLIENTS)
def call(
    request: pytest.FixtureRequest, queues: Queues, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[bytes], bytes]:  # fmt: skip
    """What a client reads as the reply to a request."""
    service, command = CLIENTS[request.param]
    programs(service)
    folder = tmp_path_factory.mktemp("client")
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    if service is NODE:
        run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"], folder)

    def one(body: bytes) -> bytes:
        named = uuid.uuid4().hex  # a request that came before would get the answer that it got then
        words = [*command.split(), str(queues.node.port), queues.requests, queues.replies, named, body.decode()]
        read, _, reply = run(words, folder).partition(" ")
        assert read == named
        return reply.encode()

    return one


def chosen(inside: bool) -> int:
    """The number of a request within the cohort of the canary, or outside of it."""
    return next(at for at in range(1000) if in_cohort(ROUTE, request(at)[0], Decimal(PERCENT)) is inside)


@pytest.mark.parametrize(
    ("stage", "inside", "candidate"),
    [
        ("off", True, False),
        ("shadow", True, False),
        ("canary", True, True),
        ("canary", False, False),
        ("live", False, True),
    ],
)
def test_a_client_reads_the_right_reply(
    gateway: Served, call: Callable[[bytes], bytes], stage: str, inside: bool, candidate: bool
) -> None:
    """The old worker's own bytes, or the candidate's answer with the request's own id."""
    gateway.edit(stage=stage, percent=PERCENT if stage == "canary" else 0)
    named, body = request(chosen(inside))
    reply = call(body)
    if candidate:
        said = json.loads(reply)
        said["Result"].pop("Reasons")
        assert said == of_constant(named)
    else:
        assert reply == of_worker(body)
