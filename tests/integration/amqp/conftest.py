"""A gateway in this process with an AMQP adapter on a real broker."""

import asyncio
import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.inprocess import InProcess, running
from tests.integration.amqp.rig import PATIENCE, Caller, Worker, channel, declare
from tests.services import Rabbitmq

CONFIG = """
store: sqlite:///understudy.db
models:
  scorer: {type: python, call: "tests.models:MODEL"}
adapters:
  loans: ADAPTER
routes:
  loan:
    stage: STAGE
    percent: PERCENT
    candidate: scorer
    accept: ACCEPT
    effects: none
    key: id
    join_window: 1h
    fields: {id: text, amount: decimal}
    answer:
      base: BASE
      fields:
        decision: {from: probability_bad, bands: [{below: 0.5, value: approve}, {value: reject}]}
    sources:
      loans/Score:
        request: {id: Id, amount: Amount}
        answer: {decision: {from: Decision, codes: {A: approve, R: reject}, inverse: {approve: A, reject: R}}}
"""


class Case:
    """One test's broker and what runs on it."""

    def __init__(self, node: Rabbitmq, folder: Path, stack: ExitStack) -> None:
        self.node = node
        self.folder = folder
        self.queues = ["understudy.loans.dead", "understudy.loans.replies", "understudy.loans.tap.Score"]
        self._stack = stack

    def queue(self, word: str, kind: str = "classic") -> str:
        """The name of a queue of legacy's, made for this test."""
        name = f"{word}.{uuid.uuid4().hex[:8]}"
        declare(self.node, name, kind=kind)
        self.queues.append(name)
        return name

    def caller(self, direct: bool = False, listens: bool = True) -> Caller:
        """A caller, closed at the end."""
        one = Caller(self.node, direct, listens)
        self._stack.callback(one.close)
        return one

    def worker(self, queue: str, **given: Any) -> Worker:
        """An old worker, ended at the end."""
        one = Worker(self.node, queue, **given)
        self._stack.callback(one.close)
        return one

    def settings(self, operation: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """An adapter of one operation, `Score`."""
        one = {"format": "json", **operation}
        return {
            "type": "amqp", "addresses": [f"amqp://{self.node.address}"], "user": "guest", "password": "guest",
            "reply_to": ["amq.rabbitmq.reply-to.*", "reply.*"], "operations": {"Score": one}, **more,
        }  # fmt: skip

    def text(
        self, adapter: Mapping[str, Any], stage: str = "shadow", percent: float = 0, model: str = "by_amount",
        base: str = "none", accept: str = "by_amount:1",
    ) -> str:  # fmt: skip
        """A configuration."""
        text = CONFIG.replace("ADAPTER", json.dumps(adapter)).replace("STAGE", stage).replace("BASE", base)
        return text.replace("PERCENT", str(percent)).replace("MODEL", model).replace("ACCEPT", accept)

    def gateway(self, text: str, folder: Path | None = None) -> "Running":
        """A gateway, ended at the end."""
        (folder or self.folder).mkdir(exist_ok=True)
        one = Running(text, folder or self.folder)
        self._stack.callback(one.end)
        return one


class Running:
    """A gateway in a thread with a loop of its own, uvloop's, as workers have it."""

    def __init__(self, text: str, folder: Path) -> None:
        """Raises what keeps it from starting."""
        self._text, self._folder = text, folder
        self._ready = threading.Event()
        self._failed: list[BaseException] = []
        self.inside: InProcess
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        if self._failed:
            raise self._failed[0]

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except Exception as error:
            self._failed.append(error)
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._stop, self._loop = asyncio.Event(), asyncio.get_running_loop()
        async with running(self._text, self._folder) as self.inside:
            self._ready.set()
            await self._stop.wait()

    def end(self) -> None:
        """Stops it in order, once."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(PATIENCE)
        assert not self._thread.is_alive() and not self._failed, self._failed

    def ledger(self) -> Mapping[str, int]:
        """The route's ledger."""
        return dict(self.inside.ledger("loan"))

    def events(self) -> dict[str, float]:
        """What the adapter has counted, by event."""
        [found] = [m for m in self.inside.meters.registry.collect() if m.name == "understudy_adapter_events"]
        return {s.labels["event"]: s.value for s in found.samples if s.name.endswith("_total")}


@pytest.fixture
def case(rabbitmq: Rabbitmq, tmp_path: Path) -> Iterator[Case]:
    """A test's own view of the shared broker: names are made new for each."""
    with ExitStack() as stack:
        one = Case(rabbitmq, tmp_path, stack)
        yield one
    with channel(rabbitmq) as cleaning:
        for queue in one.queues:
            cleaning.queue_delete(queue)
