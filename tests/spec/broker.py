"""The AMQP specimen's worker, on the broker that the fixture lends."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.integration.amqp.rig import Worker, channel, declare, depth
from tests.services import Rabbitmq

NODE: list[Rabbitmq] = []
REPLY = b'{"Decision" : "A", "Score": 950.50}\n'


@asynccontextmanager
async def worker(mode: str) -> AsyncIterator[tuple[dict[str, Any], Any]]:
    """The settings that lead to a worker, and how often it was asked."""
    node, old = NODE[-1], f"old.{uuid.uuid4().hex[:8]}"
    name = f"understudy.spec.{uuid.uuid4().hex[:8]}"
    settings = {
        "addresses": [f"amqp://{node.address}"], "replies": f"{name}.replies", "dead_letters": f"{name}.dead",
        "operations": {"Score": {"format": "json", "forward": {"routing_key": old}}},
    }  # fmt: skip
    if mode != "gone":
        declare(node, old)
    answering = Worker(node, old, reply=lambda _: REPLY) if mode == "answers" else None
    try:
        yield settings, lambda: len(answering.seen) if answering else depth(node, old) or 0
    finally:
        if answering:
            answering.close()
        with channel(node) as cleaning:
            for queue in (old, f"{name}.replies", f"{name}.dead"):
                cleaning.queue_delete(queue)
