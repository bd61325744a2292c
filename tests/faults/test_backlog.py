"""A queue with more in it than a worker may hold, and a model that keeps it waiting: what is held stays bounded."""

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.load import until
from tests.processes import Memory
from tests.queued import FOR_LONG, Exchange, OldWorker, Queues, relayed, request
from tests.served import QUIET, Served
from tests.services import Rabbitmq

MIB = 1 << 20
LARGE, HELD = 10 * MIB, 16 * MIB
"""Bytes of a large request, and what a worker may hold; one request may be above that."""
COPIES = 4
"""How often a large request may be in memory: as it was read, its frames, and what is written of it."""


def backlog(count: int, large: int) -> Iterator[tuple[str, bytes]]:
    """Requests, the first of which are by turns large and small: as many large ones, and more, as are held by count."""
    note = "x" * LARGE
    return (request(at, **({"Note": note} if at % 2 and at < 2 * large else {})) for at in range(count))


def settled(level: Callable[[], float], what: str) -> float:
    """The level once it is above 0 and has not moved for longer than it takes a worker to tell it."""
    last, since = level(), time.monotonic()

    def still() -> bool:
        nonlocal last, since
        if (now := level()) != last:
            last, since = now, time.monotonic()
        return last > 0 and time.monotonic() - since > 2 * QUIET

    until(still, what)
    return last


def relays(gateway: Served) -> float:
    """How many replies were relayed, as an operator sees it."""
    return gateway.metric("understudy_adapter_events_total", event="relayed")


@pytest.mark.parametrize(
    ("count", "large"), [pytest.param(400, 24, id="short"), pytest.param(50_000, 50, id="long", marks=pytest.mark.long)]
)
def test_a_backlog_is_worked_off_within_bounded_memory_and_progress_is_seen(
    tmp_path: Path, rabbitmq: Rabbitmq, stack: ExitStack, count: int, large: int
) -> None:
    """The old worker is away at first, so that as much is held as may be: by bytes far less than by count."""
    queues = Queues(rabbitmq, "classic")
    given = {"adapter": {"prefetch_bytes": f"{HELD}B"}, "observer": {"buffer": "8MiB"}}
    gateway = stack.enter_context(queues.served(tmp_path, forward=True, **given))
    load = Exchange(queues, stack)
    with Memory(gateway.pid("worker-0")) as memory:
        size = queues.fill(backlog(count, large))
        load.awaits(request(at) for at in range(count))  # the old worker's reply says nothing of a note
        held = settled(lambda: gateway.metric("understudy_adapter_level", name="held"), "the worker to hold its share")
        half = OldWorker(queues, most=count // 2)
        stack.callback(half.close)
        until(lambda: relays(gateway) == count // 2, f"half of {count} to be seen in the metric", FOR_LONG)
        half.close()
        rest = OldWorker(queues)
        stack.callback(rest.close)
        assert load.whole(relayed(load.messages)) == 0
        until(lambda: relays(gateway) == count, "all to be seen in the metric")
    grown = f"{memory.first / MIB:.0f} MiB grew by {memory.grown / MIB:.0f}"
    print(f"{count} requests of {size / MIB:.0f} MiB, {held:g} of them held: {grown}")
    assert memory.grown < COPIES * (HELD + LARGE)
    assert half.asked + rest.asked == Counter(load.messages.keys()), "the worker was asked once for each"


@pytest.mark.long
def test_heartbeats_go_on_while_the_model_is_slow(
    tmp_path: Path, rabbitmq: Rabbitmq, bento: Path, stack: ExitStack
) -> None:
    """A model that takes five heartbeats costs no connection: each request is delivered once, and answered once."""
    queues = Queues(rabbitmq, "quorum")
    gateway = stack.enter_context(queues.served(tmp_path, stage="live", bento=bento, adapter={"heartbeat": "2s"}))
    gateway.observed()
    load = Exchange(queues, stack)
    gateway.kill("model", signal.SIGSTOP)
    load.send([request(at) for at in range(100)])
    begun = time.monotonic()
    until(lambda: time.monotonic() - begun > 10, "five heartbeats")
    assert load.answered == 0
    gateway.kill("model", signal.SIGCONT)
    assert load.whole(lambda named, _, body: bool(json.loads(body)["Result"]["ApplicationId"] == named)) == 0
    assert gateway.metric("understudy_adapter_events_total", event="received") == 100
    assert not gateway.logged("broker_lost")
